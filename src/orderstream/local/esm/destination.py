"""Sends discarded records to the on-failure destination: an S3 bucket or an SQS queue."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from orderstream.aws.clients import AwsClients
from orderstream.local.esm.failures import (
    DiscardedInvocation,
    MappingSource,
    failure_record,
    message_body,
    object_body,
    object_key,
)
from orderstream.local.esm.lanes import Discarded, delay

# AWS loses the batch when the SDK's own retries are exhausted. A local destination is only unavailable while
# somebody restarts it: wait that long.
PATIENCE_SECONDS = 30

# The outcome of discarded records: dropped without a destination, lost if it could not be reached.
Ending = Literal["delivered", "dropped", "lost"]


class Destination:
    """The destination with the ARN `arn`; "" drops everything, as AWS does without one.

    `wait` waits some seconds and returns whether to stop; `on_end` is called with an outcome and a record
    count.
    """

    def __init__(
        self,
        cloud: AwsClients,
        arn: str,
        *,
        wait: Callable[[float], bool],
        on_problem: Callable[[str], None],
        on_end: Callable[[Ending, int], None],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._cloud = cloud
        self._arn = arn
        self._wait = wait
        self._on_problem = on_problem
        self._on_end = on_end
        self._patience = patience

    def take(
        self, discarded: Discarded, source: MappingSource, invocation: DiscardedInvocation | None
    ) -> bool:
        """Deliver it, or lose it when the patience is over; False if told to stop before either.

        `invocation` is the last one with these records, None if there was none.
        """
        what = f"{len(discarded.records)} record(s) of {source.shard_id} ({discarded.condition})"
        if not self._arn:
            self._on_problem(f"{what} dropped: the mapping has no on-failure destination")
            self._on_end("dropped", len(discarded.records))
            return True
        # Created once: if an S3 put succeeded without a response, the next attempt overwrites its object.
        now, unique = time.time(), str(uuid.uuid4())
        record = failure_record(discarded, source, invocation or DiscardedInvocation(unique, 0, ""), now)
        deadline = time.monotonic() + self._patience
        attempts = 0
        while True:
            try:
                self._send(record, discarded, object_key(source, now, unique))
                self._on_end("delivered", len(discarded.records))
                return True
            except (BotoCoreError, ClientError) as error:
                attempts += 1
                if attempts == 1:
                    self._on_problem(f"{what} cannot be handed to {self._arn} yet: {error}")
                if time.monotonic() > deadline:
                    self._on_problem(f"LOST: {what}, from {_range(discarded)}: {self._arn} fails: {error}")
                    self._on_end("lost", len(discarded.records))
                    return True
            if self._wait(delay(attempts, random.random())):
                return False

    def _send(self, record: dict[str, object], discarded: Discarded, key: str) -> None:
        service, account, name = self._arn.split(":")[2], *self._arn.split(":")[4:6]
        if service == "s3":
            self._cloud.s3.put_object(
                Bucket=name,
                Key=key,
                Body=object_body(record, discarded),
                ContentType="application/json",
            )
            return
        queue = self._cloud.sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        self._cloud.sqs.send_message(QueueUrl=queue["QueueUrl"], MessageBody=message_body(record))


def _range(discarded: Discarded) -> str:
    return f"{discarded.records[0].sequence_number} to {discarded.records[-1].sequence_number}"
