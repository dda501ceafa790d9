"""The objects and messages that AWS sends to a mapping's on-failure destination."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from orderstream.aws.kinesis_event import event_of
from orderstream.aws.stack import table_of
from orderstream.domain.object_keys import discarded_key
from orderstream.local.esm.lanes import Discarded


@dataclass(frozen=True, slots=True)
class DiscardedInvocation:
    """What the failure record contains about the last invocation."""

    request_id: str
    status_code: int
    executed_version: str


@dataclass(frozen=True, slots=True)
class MappingSource:
    """The mapping whose records were discarded."""

    mapping_id: str
    function_arn: str
    stream_arn: str
    shard_id: str

    @property
    def is_pipe(self) -> bool:
        """Whether it is a pipe, of which `function_arn` is its own ARN."""
        return self.function_arn.split(":")[2:3] == ["pipes"]


def failure_record(
    discarded: Discarded, source: MappingSource, invocation: DiscardedInvocation, now: float
) -> dict[str, object]:
    """The metadata document, which is all that SQS receives. `now` is in seconds since the epoch.

    For records that expired before they were ever sent, `invocation` has a new request id.
    """
    first, last = discarded.records[0], discarded.records[-1]
    is_table = bool(table_of(source.stream_arn))
    # The creation times of a DynamoDB stream are whole seconds.
    precision: Literal["seconds", "milliseconds"] = "seconds" if is_table else "milliseconds"
    return _context(discarded, source, invocation) | {
        "version": "1.0",
        "timestamp": _iso(now),
        "DDBStreamBatchInfo" if is_table else "KinesisBatchInfo": {
            "shardId": source.shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _iso(first.arrived_at, precision),
            "approximateArrivalOfLastRecord": _iso(last.arrived_at, precision),
            "batchSize": len(discarded.records),
            "streamArn": source.stream_arn,
        },
    }


def _context(
    discarded: Discarded, source: MappingSource, invocation: DiscardedInvocation
) -> dict[str, object]:
    if source.is_pipe:
        return {"context": {"partnerResourceArn": source.function_arn, "condition": discarded.condition}}
    context: dict[str, object] = {
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": source.function_arn,
            "condition": discarded.condition,
            # AWS also reports 1 for a batch that expired before it was ever delivered.
            "approximateInvokeCount": max(1, discarded.invocations),
        }
    }
    if discarded.condition != "RecordAgeExceeded":
        context["responseContext"] = {
            "statusCode": invocation.status_code,
            "executedVersion": invocation.executed_version,
            "functionError": discarded.function_error,
        }
    return context


def message_body(record: dict[str, object]) -> str:
    """The body of the SQS message."""
    return json.dumps(record, separators=(",", ":"))


def object_body(record: dict[str, object], discarded: Discarded) -> bytes:
    """The body of the S3 object: the metadata and the whole event, as a string of JSON."""
    whole = record | {"payload": event_of(discarded.records).decode()}
    return json.dumps(whole, separators=(",", ":")).encode()


def object_key(source: MappingSource, now: float, unique: str) -> str:
    """The key of the S3 object; `unique` is a UUID, `now` is in seconds since the epoch."""
    at = datetime.fromtimestamp(now, UTC)
    return discarded_key(source.mapping_id, source.shard_id, at, unique)


def _iso(seconds: float, precision: Literal["seconds", "milliseconds"] = "milliseconds") -> str:
    # Rounded first: isoformat truncates, and a binary fraction may be just below its millisecond.
    at = datetime.fromtimestamp(round(seconds, 3), UTC)
    return at.isoformat(timespec=precision).replace("+00:00", "Z")
