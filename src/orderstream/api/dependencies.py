"""Builds the application's dependencies from a stack: producer, table, archive, alarms."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from orderstream.api.sender import BY_SENDER
from orderstream.api.services import ApiServices
from orderstream.aws.alarms import describe_alarms
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.client.producer import OrderProducer
from orderstream.errors import CloudError, InputError
from orderstream.pipeline.settings import required
from orderstream.sdk.errors import translate_errors

# A client should learn quickly that an order was not accepted, and retry. But a call that hung for the
# function's read timeout must leave time for another one.
GIVE_UP_AFTER_SECONDS = 5.0
# Anybody may request the health, as often as they like: the result is cached for this long.
ALARMS_KEPT_SECONDS = 30.0


def build_services(deployment: Deployment) -> ApiServices:
    """The services of a stack, for the application."""
    producer = OrderProducer(
        deployment.stream, deployment.cloud.kinesis_no_retry, give_up_after_seconds=GIVE_UP_AFTER_SECONDS
    )
    return ApiServices(producer, deployment, Alarms(deployment.cloud, deployment.name))


def deployment_of(cloud: AwsClients, environ: Mapping[str, str]) -> Deployment:
    """The deployment in the function's environment. Raises InputError for a missing or invalid variable."""
    name, stream, table, bucket = required(
        environ, "STACK_NAME", "STREAM_NAME", "TABLE_NAME", "ARCHIVE_BUCKET"
    )
    ids_by_sender = environ.get("ORDER_IDS_BY_SENDER", "none")
    if ids_by_sender not in BY_SENDER:
        # An invalid value must not mean that every sender may use any id.
        raise InputError(f"ORDER_IDS_BY_SENDER must be one of {', '.join(BY_SENDER)}, not {ids_by_sender!r}")
    resources = {
        "StreamName": stream,
        "TableName": table,
        "ArchiveBucket": bucket,
        "CustomerIndex": environ.get("CUSTOMER_INDEX", "none"),
        "EventsTableName": environ.get("EVENTS_TABLE_NAME", ""),
    }
    return Deployment(cloud, name, resources, ids_by_sender)


class Alarms:
    """The names of a stack's alarms in ALARM state, cached for ALARMS_KEPT_SECONDS."""

    def __init__(self, cloud: AwsClients, stack: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._cloud = cloud
        self._stack = stack
        self._clock = clock
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._on: list[str] = []

    def __call__(self) -> list[str]:
        """Their names without the stack's; ["alarms unknown"] if CloudWatch does not respond."""
        with self._lock:
            if self._asked is None or self._clock() - self._asked >= ALARMS_KEPT_SECONDS:
                self._on = self._ask()
                self._asked = self._clock()
            return self._on

    def _ask(self) -> list[str]:
        prefix = f"{self._stack}-"
        try:
            with translate_errors("cannot read the alarms"):
                found = [
                    alarm["AlarmName"].removeprefix(prefix)
                    for alarm in describe_alarms(self._cloud, self._stack, StateValue="ALARM")
                    # Alarms without actions are only inputs of others.
                    if alarm.get("AlarmActions")
                ]
        except CloudError:
            return ["alarms unknown"]
        return sorted(found)
