"""Batches that Lambda discarded: the on-failure objects in their bucket, or the messages of a queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

import msgspec
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.aws.stack import stream_of
from orderstream.domain.object_keys import DISCARDED, key_of_marked, marker_key
from orderstream.errors import DamagedError
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.records import Record, from_event
from orderstream.sdk.errors import error_code, translate_errors
from orderstream.storage import bucket
from orderstream.storage.bucket import ObjectSummary

# Longer than the redrive of one message takes; if that is interrupted, the message reappears after this.
SECONDS_HELD = 900

# Later arrivals, which do not occur, would overflow.
_YEAR_3000 = 32503680000

# The condition of a document that AWS did not write.
UNREADABLE = "Unreadable"


@dataclass(frozen=True)
class Message:
    """The location of a message in an SQS queue, for deleting or releasing it."""

    queue_url: str
    id: str
    receipt: str


@dataclass(frozen=True)
class FailedBatch:
    """A discarded batch: its `place` (s3://BUCKET/KEY or message id), the reason, and its records.

    `payload` is the event with the records. A message has none, only their position in the stream.
    """

    place: str
    at: datetime
    condition: str
    error: str | None
    invocations: int
    shard_id: str
    first: str
    last: str
    records: int
    done: bool = False
    payload: str | None = None
    message: Message | None = None
    stream_arn: str = ""

    @property
    def key(self) -> str:
        """The key of an object, in either bucket; "" for a message."""
        return self.place.removeprefix("s3://").partition("/")[2]


_Number = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,128}$")]


class _Request(msgspec.Struct, rename="camel"):
    condition: str
    approximate_invoke_count: int = 0


class _Response(msgspec.Struct, rename="camel"):
    function_error: str | None = None


class _Batch(msgspec.Struct, rename="camel"):
    shard_id: str
    start_sequence_number: _Number
    end_sequence_number: _Number
    batch_size: int
    stream_arn: str


class _Document(msgspec.Struct, rename="camel"):
    """The fields used here of the document that AWS writes."""

    request_context: _Request
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    batch: _Batch = msgspec.field(name="KinesisBatchInfo")
    response_context: _Response | None = None
    payload: str | None = None


class _Kinesis(msgspec.Struct, rename="camel"):
    sequence_number: _Number
    data: str
    approximate_arrival_timestamp: Annotated[float, msgspec.Meta(ge=0, lt=_YEAR_3000)]
    partition_key: str | None = None


class _Entry(msgspec.Struct):
    kinesis: _Kinesis
    event: str = msgspec.field(name="eventID")


class _Event(msgspec.Struct):
    """The event of a batch, as far as its records are read."""

    records: list[_Entry] = msgspec.field(name="Records")


_DECODER = msgspec.json.Decoder(_Document)


def read_batches(deployment: Deployment) -> Iterator[FailedBatch]:
    """The on-failure objects, redriven or not; then the messages of an on-failure queue.

    Messages are invisible to others while they are read: return each with `release`, or delete it.
    """
    done = _done(deployment)
    for failure in failed_objects(deployment):
        yield replace(failure, done=failure.key in done)
    yield from _messages(deployment)


def batches_to_show(deployment: Deployment, *, everything: bool) -> Iterator[FailedBatch]:
    """The failures to show, redriven ones only with `everything`; all messages are released."""
    held: list[FailedBatch] = []
    try:
        for failure in read_batches(deployment):
            if failure.message:
                held.append(failure)
            if everything or not failure.done:
                yield replace(failure, payload=None)
    finally:
        for failure in held:
            release(deployment.cloud, failure)


def pending_objects(deployment: Deployment) -> Iterator[FailedBatch]:
    """The on-failure objects that are not redriven; the others are not even fetched."""
    done = _done(deployment)
    return failed_objects(deployment, lambda entry: entry.key not in done)


def failed_objects(
    deployment: Deployment, is_wanted: Callable[[ObjectSummary], bool] = lambda entry: True
) -> Iterator[FailedBatch]:
    """The contents of the on-failure objects for which `is_wanted` is true, redriven or not."""
    entries = filter(is_wanted, bucket.list_prefix(deployment.discarded, DISCARDED))
    for entry, body in bucket.fetch_all(deployment.discarded, entries):
        yield read_failure(url(deployment, entry.key), body, entry.modified)


def url(deployment: Deployment, key: str) -> str:
    """The URL of an on-failure object."""
    return f"s3://{deployment.discarded_bucket}/{key}"


def redrive_markers(deployment: Deployment) -> Iterator[ObjectSummary]:
    """The markers of redriven objects, in the archive. The objects stay, as evidence."""
    return bucket.list_prefix(deployment, marker_key(DISCARDED))


def _done(deployment: Deployment) -> set[str]:
    return {key_of_marked(entry.key) for entry in redrive_markers(deployment)}


def event_records(failure: FailedBatch) -> list[dict[str, Any]]:
    """The `Records` of the event in a discarded batch. Raises DamagedError if there are none."""
    if failure.condition == UNREADABLE:
        raise DamagedError(f"{failure.place} is not what AWS writes for a failed batch: {failure.error}")
    try:
        return event_entries(failure.payload or "")
    except msgspec.MsgspecError as error:
        raise DamagedError(f"{failure.place} holds no event of a stream: {error}") from error


def event_entries(payload: str) -> list[dict[str, Any]]:
    """The `Records` of an event as JSON. Raises msgspec.DecodeError if it is not a stream event."""
    event = msgspec.json.decode(payload, type=dict[str, Any])
    msgspec.convert(event, _Event)
    found: list[dict[str, Any]] = event["Records"]
    return found


def records_in(failure: FailedBatch, entries: list[dict[str, Any]]) -> list[Record]:
    """The records in those entries, deaggregated. Raises DamagedError if they are not records."""
    try:
        return [inner for record in from_event({"Records": entries}) for inner in deaggregate(record)]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{failure.place} holds no event of a stream: {error!r}") from error


def release(cloud: AwsClients, failure: FailedBatch) -> None:
    """Return a message to its queue; does nothing for an object."""
    if failure.message:
        with translate_errors(f"cannot give message {failure.place} back"):
            cloud.sqs.change_message_visibility(
                QueueUrl=failure.message.queue_url,
                ReceiptHandle=failure.message.receipt,
                VisibilityTimeout=0,
            )


def mark_redriven(deployment: Deployment, failure: FailedBatch, account: dict[str, Any]) -> None:
    """Mark an object as redriven, with the outcomes of its records; delete a message.

    A marker is written once: if another caller has marked the object in the meantime, that marker stays.
    """
    with translate_errors(f"cannot mark {failure.place} as done"):
        if failure.message:
            deployment.cloud.sqs.delete_message(
                QueueUrl=failure.message.queue_url, ReceiptHandle=failure.message.receipt
            )
            return
        body = msgspec.json.encode(account)
        try:
            deployment.cloud.s3.put_object(
                Bucket=deployment.bucket, Key=marker_key(failure.key), Body=body, IfNoneMatch="*"
            )
        except ClientError as error:
            if error_code(error) != "PreconditionFailed":
                raise


def _messages(deployment: Deployment) -> Iterator[FailedBatch]:
    with translate_errors("cannot read the on-failure queue"):
        mapping = deployment.cloud.lambda_.get_event_source_mapping(UUID=deployment.mapping_id)
        arn = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
        if ":sqs:" not in arn:
            return
        account, name = arn.split(":")[4:6]
        queue_url = deployment.cloud.sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)[
            "QueueUrl"
        ]
    others: list[FailedBatch] = []
    try:
        while messages := _receive(deployment.cloud, queue_url):
            for body, message in messages:
                found = replace(read_failure(message.id, body, deployment.cloud.now()), message=message)
                if stream_of(found.stream_arn) == stream_of(mapping["EventSourceArn"]):
                    yield found
                else:
                    # A queue may serve other streams too. Release these only at the end, or they would be
                    # received again.
                    others.append(found)
    finally:
        for other in others:
            release(deployment.cloud, other)


def _receive(cloud: AwsClients, queue_url: str) -> list[tuple[bytes, Message]]:
    with translate_errors("cannot read the on-failure queue"):
        answer = cloud.sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=SECONDS_HELD, WaitTimeSeconds=1
        )
    return [
        (message["Body"].encode(), Message(queue_url, message["MessageId"], message["ReceiptHandle"]))
        for message in answer.get("Messages", [])
    ]


def read_failure(place: str, body: bytes, at: datetime) -> FailedBatch:
    """The contents of an object or a message; UNREADABLE with the time `at` if AWS did not write it."""
    try:
        document = _DECODER.decode(body)
    except msgspec.MsgspecError as error:
        # It is reported and stays; the others are redriven all the same.
        return FailedBatch(place, at, UNREADABLE, str(error), 0, "", "", "", 0)
    return FailedBatch(
        place=place,
        at=document.timestamp,
        condition=document.request_context.condition,
        error=document.response_context.function_error if document.response_context else None,
        invocations=document.request_context.approximate_invoke_count,
        shard_id=document.batch.shard_id,
        first=document.batch.start_sequence_number,
        last=document.batch.end_sequence_number,
        records=document.batch.batch_size,
        payload=document.payload,
        stream_arn=document.batch.stream_arn,
    )
