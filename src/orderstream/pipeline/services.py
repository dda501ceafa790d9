"""The composition root: create clients and stores from the settings, once per process."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import botocore.session
import msgspec
from botocore.config import Config
from botocore.exceptions import ClientError

from orderstream import __version__
from orderstream.domain.user_model import order_model, use_model_of
from orderstream.pipeline.archive import BatchArchive, ObjectStore, OrderArchive
from orderstream.pipeline.concurrency import MOST_THREADS, ParallelMap, threads_for
from orderstream.pipeline.event_table import EventTable
from orderstream.pipeline.lifecycle import Lifecycle
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.settings import Settings, from_environment
from orderstream.pipeline.table import OrderTable
from orderstream.sdk.codec import use_msgspec
from orderstream.sdk.errors import error_code, translate_errors

# Explicit, because botocore's defaults change: a call that hangs must fail while the invocation has time
# to report it, and the SDK's own retries must not use up that time either.
CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    tcp_keepalive=True,
    max_pool_connections=MOST_THREADS,
    # The calls are few, always the same, and tested; validating each value of each order takes a third of
    # the time of a call. Building the SDK's own user agent takes a tenth.
    parameter_validation=False,
    user_agent=f"orderstream/{__version__} botocore/{botocore.__version__}",
)


_ATTEMPTS_TO_PUT = 5


class Services(msgspec.Struct, frozen=True):
    """Everything the handler needs."""

    settings: Settings
    archive: BatchArchive | OrderArchive
    table: OrderTable
    events: Lifecycle
    quarantine: QuarantineWriter


class S3Store:
    """An ObjectStore backed by an S3 bucket; its errors are raised as CloudError."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_new(self, key: str, body: bytes) -> bool:
        """Write an object unless the key exists; return whether it was written."""
        attempts = 0
        with translate_errors(f"bucket {self._bucket}"):
            while True:
                attempts += 1
                try:
                    self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
                    return True
                except ClientError as error:
                    if error_code(error) == "PreconditionFailed":
                        return False
                    # Another delivery is writing the same key: the next attempt shows which one was first.
                    if error_code(error) != "ConditionalRequestConflict" or attempts == _ATTEMPTS_TO_PUT:
                        raise

    def get(self, key: str) -> bytes | None:
        """The content of an object, or None if it does not exist."""
        with translate_errors(f"bucket {self._bucket}"):
            try:
                body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
                return body
            except ClientError as error:
                if error_code(error) != "NoSuchKey":
                    raise
                return None


def make_archive(
    settings: Settings, store: ObjectStore, each: ParallelMap = map
) -> BatchArchive | OrderArchive:
    """The archive in the configured layout."""
    return OrderArchive(store, each) if settings.layout == "order" else BatchArchive(store, each)


def dynamodb_client(session: Any) -> Any:
    """A botocore client for OrderTable that serializes with msgspec (see `sdk.codec`)."""
    client = session.create_client("dynamodb", config=CONFIG)
    use_msgspec(client)
    return client


def lifecycle(client: Any, orders: OrderTable, settings: Settings) -> Lifecycle:
    """What applies events to orders, by the transitions of this process's order model."""
    events = EventTable(client, settings.events_table, orders)
    return Lifecycle(orders, events, order_model().TRANSITIONS)


@cache
def services() -> Services:
    """The services of this process, from its environment. Raises InputError for invalid settings."""
    settings = from_environment(os.environ)
    use_model_of(os.environ)
    # Imported now, and not with the first record.
    order_model()
    session = botocore.session.get_session()
    store = S3Store(session.create_client("s3", config=CONFIG), settings.bucket)
    each = ThreadPoolExecutor(threads_for(settings.memory_mb), thread_name_prefix="calls").map
    dynamodb = dynamodb_client(session)
    table = OrderTable(dynamodb, settings.table, each=each)
    events = lifecycle(dynamodb, table, settings)
    # Everything loaded by now is permanent: the garbage collector need not scan it in the middle of a batch.
    gc.freeze()
    return Services(settings, make_archive(settings, store, each), table, events, QuarantineWriter(store))
