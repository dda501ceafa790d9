"""Sends discarded records to the on-failure destination: an S3 bucket or an SQS queue."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
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
from orderstream.local.esm.lanes import Discarded
from orderstream.sdk.retries import mapping_delay

# AWS loses the batch when the SDK's own retries are exhausted. A local destination is only unavailable while
# somebody restarts it: wait that long.
PATIENCE_SECONDS = 30

# The outcome of discarded records: dropped without a destination, lost if it could not be reached.
Ending = Literal["delivered", "dropped", "lost"]


@dataclass(frozen=True, kw_only=True)
class Destination:
    """The destination with the ARN `arn`; "" drops everything, as AWS does without one.

    `wait` waits some seconds and returns whether to stop; `on_end` is called with an outcome and a record
    count.
    """

    cloud: AwsClients
    arn: str
    wait: Callable[[float], bool]
    on_problem: Callable[[str], None]
    on_end: Callable[[Ending, int], None]
    patience: float = PATIENCE_SECONDS

    def take(
        self, discarded: Discarded, source: MappingSource, invocation: DiscardedInvocation | None
    ) -> bool:
        """Deliver it, or lose it when the patience is over; False if told to stop before either.

        `invocation` is the last one with these records, None if there was none.
        """
        what = f"{len(discarded.records)} record(s) of {source.shard_id} ({discarded.condition})"
        if not self.arn:
            self.on_problem(f"{what} dropped: the mapping has no on-failure destination")
            self.on_end("dropped", len(discarded.records))
            return True
        # Created once: if an S3 put succeeded without a response, the next attempt overwrites its object.
        now, unique = time.time(), str(uuid.uuid4())
        record = failure_record(discarded, source, invocation or DiscardedInvocation(unique, 0, ""), now)
        deadline = time.monotonic() + self.patience
        attempts = 0
        while True:
            try:
                self._send(record, discarded, object_key(source, now, unique))
                self.on_end("delivered", len(discarded.records))
                return True
            except (BotoCoreError, ClientError) as error:
                attempts += 1
                if attempts == 1:
                    self.on_problem(f"{what} cannot be handed to {self.arn} yet: {error}")
                if time.monotonic() > deadline:
                    self.on_problem(f"LOST: {what}, from {_range(discarded)}: {self.arn} fails: {error}")
                    self.on_end("lost", len(discarded.records))
                    return True
            if self.wait(mapping_delay(attempts, random.random())):
                return False

    def _send(self, record: dict[str, object], discarded: Discarded, key: str) -> None:
        service, account, name = self.arn.split(":")[2], *self.arn.split(":")[4:6]
        if service == "s3":
            self.cloud.s3.put_object(
                Bucket=name,
                Key=key,
                Body=object_body(record, discarded),
                ContentType="application/json",
            )
            return
        queue = self.cloud.sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        self.cloud.sqs.send_message(QueueUrl=queue["QueueUrl"], MessageBody=message_body(record))


def _range(discarded: Discarded) -> str:
    return f"{discarded.records[0].sequence_number} to {discarded.records[-1].sequence_number}"
