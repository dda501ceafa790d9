"""What AWS gave up delivering: the on-failure objects in the bucket, or the messages of a queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from orderstream.errors import DamagedError
from orderstream.ops import bucket
from orderstream.ops.bucket import Entry
from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.stack import Stack, stream_of
from orderstream.pipeline.records import Record, from_event
from orderstream.pipeline.unpack import unpack

# AWS chooses the keys: aws/lambda/MAPPING/SHARD/YYYY/MM/DD/TIME-UUID.
PREFIX = "aws/lambda/"
# An object that is done has a mark at its key under this. The object itself stays, as evidence.
DONE = "redriven/"

# Longer than the redrive of one message takes; a message whose redrive was broken off comes back then.
SECONDS_HELD = 900

# The condition of what is no document of AWS's.
UNREADABLE = "Unreadable"


@dataclass(frozen=True)
class Message:
    """Where a message of an SQS queue is, to delete it or to let go of it."""

    queue_url: str
    id: str
    receipt: str


@dataclass(frozen=True)
class Failure:
    """A batch that AWS gave up: its `place` (key or message id), why, and which records it had.

    `payload` is the event with the records; a message has none, only their place in the stream.
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


class _Request(msgspec.Struct, rename="camel"):
    condition: str
    approximate_invoke_count: int = 0


class _Response(msgspec.Struct, rename="camel"):
    function_error: str | None = None


class _Batch(msgspec.Struct, rename="camel"):
    shard_id: str
    start_sequence_number: str
    end_sequence_number: str
    batch_size: int
    stream_arn: str


class _Document(msgspec.Struct, rename="camel"):
    """The document that AWS writes, as far as it is used here."""

    request_context: _Request
    timestamp: datetime
    batch: _Batch = msgspec.field(name="KinesisBatchInfo")
    response_context: _Response = msgspec.field(default_factory=_Response)
    payload: str | None = None


_DECODER = msgspec.json.Decoder(_Document)


def failures(cloud: Cloud, stack: Stack) -> Iterator[Failure]:
    """The on-failure objects, done or not, in the order of their keys; then an on-failure queue's messages.

    Messages are held while they are looked at: give each back with `let_go`, or remove it.
    """
    done = _done(cloud, stack)
    for failure in failed_objects(cloud, stack, bucket.listed(cloud, stack, PREFIX)):
        yield replace(failure, done=failure.place in done)
    yield from _messages(cloud, stack)


def looked_at(cloud: Cloud, stack: Stack, *, everything: bool) -> Iterator[Failure]:
    """The failures to show, those that are done only with `everything`; nothing is held."""
    held: list[Failure] = []
    try:
        for failure in failures(cloud, stack):
            if failure.message:
                held.append(failure)
            if everything or not failure.done:
                yield replace(failure, payload=None)
    finally:
        for failure in held:
            let_go(cloud, failure)


def waiting_objects(cloud: Cloud, stack: Stack) -> Iterator[Failure]:
    """The on-failure objects that are not done; the others are not even fetched."""
    done = _done(cloud, stack)
    entries = (entry for entry in bucket.listed(cloud, stack, PREFIX) if entry.key not in done)
    return failed_objects(cloud, stack, entries)


def failed_objects(cloud: Cloud, stack: Stack, entries: Iterable[Entry]) -> Iterator[Failure]:
    """What is in the on-failure objects `entries`, whether they are done or not."""
    for entry, body in bucket.bodies(cloud, stack, entries):
        yield _read(entry.key, body, entry.modified)


def done_marks(cloud: Cloud, stack: Stack) -> Iterator[Entry]:
    """The marks of the objects that are done: DONE and the object's key."""
    return bucket.listed(cloud, stack, DONE + PREFIX)


def _done(cloud: Cloud, stack: Stack) -> set[str]:
    return {entry.key.removeprefix(DONE) for entry in done_marks(cloud, stack)}


def entries_of(failure: Failure) -> list[dict[str, Any]]:
    """The `Records` of the event that AWS gave up delivering. Raises DamagedError where there are none."""
    if failure.condition == UNREADABLE:
        raise DamagedError(f"{failure.place} is not what AWS writes for a failed batch: {failure.error}")
    try:
        entries: list[dict[str, Any]] = msgspec.json.decode(failure.payload or "")["Records"]
    except (KeyError, TypeError, msgspec.DecodeError) as error:
        raise DamagedError(f"{failure.place} holds no event of a stream: {error}") from error
    return entries


def records_in(failure: Failure, entries: list[dict[str, Any]]) -> list[Record]:
    """The records in those entries, aggregates taken apart. Raises DamagedError where they are none."""
    try:
        return [inner for record in from_event({"Records": entries}) for inner in unpack(record)]
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{failure.place} holds no event of a stream: {error!r}") from error


def let_go(cloud: Cloud, failure: Failure) -> None:
    """Give a message back to its queue; an object needs no such thing."""
    if failure.message:
        with cloud_errors(f"cannot give message {failure.place} back"):
            cloud.sqs.change_message_visibility(
                QueueUrl=failure.message.queue_url,
                ReceiptHandle=failure.message.receipt,
                VisibilityTimeout=0,
            )


def mark_done(cloud: Cloud, stack: Stack, failure: Failure, account: dict[str, Any]) -> None:
    """Mark an object as done, with the account of its records; remove a message."""
    with cloud_errors(f"cannot mark {failure.place} as done"):
        if failure.message:
            cloud.sqs.delete_message(
                QueueUrl=failure.message.queue_url, ReceiptHandle=failure.message.receipt
            )
            return
        cloud.s3.put_object(Bucket=stack.bucket, Key=DONE + failure.place, Body=msgspec.json.encode(account))


def _messages(cloud: Cloud, stack: Stack) -> Iterator[Failure]:
    with cloud_errors("cannot read the on-failure queue"):
        mapping = cloud.lambda_.get_event_source_mapping(UUID=stack.mapping_id)
        arn = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
        if ":sqs:" not in arn:
            return
        account, name = arn.split(":")[4:6]
        queue_url = cloud.sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
    others: list[Failure] = []
    try:
        while messages := _receive(cloud, queue_url):
            for body, message in messages:
                found = replace(_read(message.id, body, cloud.now()), message=message)
                if stream_of(found.stream_arn) == stream_of(mapping["EventSourceArn"]):
                    yield found
                else:
                    # A queue may serve other streams too. Given back only at the end: it would come again.
                    others.append(found)
    finally:
        for other in others:
            let_go(cloud, other)


def _receive(cloud: Cloud, queue_url: str) -> list[tuple[bytes, Message]]:
    with cloud_errors("cannot read the on-failure queue"):
        answer = cloud.sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=SECONDS_HELD, WaitTimeSeconds=1
        )
    return [
        (message["Body"].encode(), Message(queue_url, message["MessageId"], message["ReceiptHandle"]))
        for message in answer.get("Messages", [])
    ]


def _read(place: str, body: bytes, at: datetime) -> Failure:
    try:
        document = _DECODER.decode(body)
    except msgspec.MsgspecError as error:
        # It is shown and stays; the others are brought back all the same.
        return Failure(place, at, UNREADABLE, str(error), 0, "", "", "", 0)
    return Failure(
        place=place,
        at=document.timestamp,
        condition=document.request_context.condition,
        error=document.response_context.function_error,
        invocations=document.request_context.approximate_invoke_count,
        shard_id=document.batch.shard_id,
        first=document.batch.start_sequence_number,
        last=document.batch.end_sequence_number,
        records=document.batch.batch_size,
        payload=document.payload,
        stream_arn=document.batch.stream_arn,
    )
