"""What goes to the on-failure destination is laid out as AWS does it, and read however AWS lays it out."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from orderstream.aws.kinesis_event import EventRecord, event_of
from orderstream.domain.object_keys import DISCARDED
from orderstream.local.esm.failures import (
    DiscardedInvocation,
    MappingSource,
    failure_record,
    message_body,
    object_body,
    object_key,
)
from orderstream.local.esm.lanes import Discarded
from orderstream.recovery.dead_letters import read_failure

FUNCTION = "arn:aws:lambda:us-east-2:123456789012:function:myfunction"
STREAM = "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"
SOURCE = MappingSource("0f4bc5b0-2b4a-4d6e-8a4e-1d0f3d5a9c11", FUNCTION, STREAM, "shardId-000000000001")
INVOCATION = DiscardedInvocation("c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5", 200, "$LATEST")
NOW = 1573691886.021

RECORDS = (
    EventRecord("4960", "a", 1573691884.835, 0, None, b'{"kinesis":{"data":"eA=="}}'),
    EventRecord("4971", "b", 1573691885.580, 0, "4960", b'{"kinesis":{"data":"eQ=="}}'),
)
EXHAUSTED = Discarded(RECORDS, "RetryAttemptsExhausted", 3, "Unhandled")


def test_the_metadata_is_that_of_aws() -> None:
    assert failure_record(EXHAUSTED, SOURCE, INVOCATION, NOW) == {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": "4960",
            "endSequenceNumber": "4971",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }


def test_an_exhausted_partial_failure_has_a_null_function_error() -> None:
    partial = Discarded(RECORDS, "RetryAttemptsExhausted", 3, None)
    body = json.loads(message_body(failure_record(partial, SOURCE, INVOCATION, NOW)))
    assert body["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": None,
    }


def test_records_that_were_too_old_have_no_response_and_count_as_sent_once() -> None:
    old = Discarded(RECORDS, "RecordAgeExceeded", 0)
    record = failure_record(old, SOURCE, INVOCATION, NOW)
    assert "responseContext" not in record
    assert record["requestContext"] == {
        "requestId": INVOCATION.request_id,
        "functionArn": FUNCTION,
        "condition": "RecordAgeExceeded",
        "approximateInvokeCount": 1,
    }


def test_the_object_has_the_whole_event_as_a_string_and_the_message_the_metadata_only() -> None:
    record = failure_record(EXHAUSTED, SOURCE, INVOCATION, NOW)
    body = json.loads(object_body(record, EXHAUSTED))
    assert body.pop("payload") == event_of(RECORDS).decode()
    assert body == record == json.loads(message_body(record))


def test_the_key_of_the_object_is_that_of_aws_in_utc() -> None:
    assert object_key(SOURCE, NOW, "8d1e") == (
        f"{DISCARDED}0f4bc5b0-2b4a-4d6e-8a4e-1d0f3d5a9c11/shardId-000000000001/2019/11/14/"
        "2019-11-14T00.38.06-8d1e"
    )


def read(**changed: Any) -> tuple[str, str | None, int]:
    record = failure_record(EXHAUSTED, SOURCE, INVOCATION, NOW) | changed
    body = {name: value for name, value in record.items() if value != "left out"}
    found = read_failure("place", json.dumps(body).encode(), datetime(2026, 11, 22, tzinfo=UTC))
    return found.condition, found.error, found.records


@pytest.mark.parametrize("response", [None, "left out", {"functionError": None}, {}])
def test_a_failure_without_a_response_is_read(response: Any) -> None:
    assert read(responseContext=response) == ("RetryAttemptsExhausted", None, 2)


def test_a_failure_has_the_error_of_its_response() -> None:
    assert read() == ("RetryAttemptsExhausted", "Unhandled", 2)
