"""Records come out of the event that AWS sends, as AWS documents it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from orderstream.pipeline.records import from_event


def entry(**more: Any) -> dict[str, Any]:
    # As in AWS's documentation, but for the data: {"customer_id": "12345", "amount": 250.00}
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "partitionKey",
            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "data": "eyJjdXN0b21lcl9pZCI6ICIxMjM0NSIsICJhbW91bnQiOiAyNTAuMDB9",
            "approximateArrivalTimestamp": 1545084650.987,
            **more,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "us-east-2",
        "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/OrderStream",
    }


def test_the_data_is_taken_out_of_its_base64() -> None:
    (record,) = from_event({"Records": [entry()]})
    assert record.data == b'{"customer_id": "12345", "amount": 250.00}'
    assert record.shard_id == "shardId-000000000006"
    assert record.partition_key == "partitionKey"
    assert record.event_id == f"shardId-000000000006:{record.sequence_number}"


def test_the_arrival_is_exact_to_the_millisecond_in_utc() -> None:
    (record,) = from_event({"Records": [entry()]})
    assert record.arrived_at == datetime(2018, 12, 17, 22, 10, 50, 987000, tzinfo=UTC)


def test_an_encryption_type_is_no_trouble() -> None:
    (record,) = from_event({"Records": [entry(encryptionType="KMS")]})
    assert record.data.startswith(b"{")


def test_what_is_no_kinesis_event_fails_the_invocation() -> None:
    with pytest.raises(KeyError):
        from_event({"Messages": []})


@pytest.mark.parametrize("given", [None, "", "left out"])
def test_a_record_may_have_no_partition_key(given: str | None) -> None:
    event = {"Records": [entry(partitionKey=given)]}
    if given == "left out":
        del event["Records"][0]["kinesis"]["partitionKey"]
    (record,) = from_event(event)
    assert record.partition_key is None
