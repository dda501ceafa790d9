"""The event is the one that AWS sends."""

import json

from hypothesis import given
from hypothesis import strategies as st

from orderstream.aws.kinesis_event import EventOrigin, EventRecord, entry, entry_of, event_of, event_size
from orderstream.pipeline.records import from_event

STREAM = "arn:aws:kinesis:eu-west-1:000000000001:stream/OrderStream"
ROLE = "arn:aws:iam::000000000001:role/function"


def record(data: bytes, key: str | None = "1") -> EventRecord:
    origin = EventOrigin(STREAM, "shardId-000000000006", ROLE)
    json = entry(origin, sequence_number="495903", partition_key=key, data=data, arrived_at=1545084650.987)
    return EventRecord("495903", key, 1545084650.987, 0, None, json)


def test_a_record_looks_as_aws_documents_it() -> None:
    event = json.loads(event_of([record(b"Hello, this is a test.")]))
    assert event == {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": "495903",
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": "shardId-000000000006:495903",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": ROLE,
                "awsRegion": "eu-west-1",
                "eventSourceARN": STREAM,
            }
        ]
    }


@given(st.lists(st.tuples(st.binary(max_size=30), st.text(min_size=1, max_size=5)), max_size=4))
def test_the_size_is_known_without_making_the_event(sent: list[tuple[bytes, str]]) -> None:
    batch = [record(data, key) for data, key in sent]
    assert event_size(len(batch), sum(len(r.json) for r in batch)) == len(event_of(batch))


def test_a_record_without_a_partition_key_has_null_in_the_event_and_comes_out_as_it_went_in() -> None:
    (sent,) = json.loads(event_of([record(b"{}", None)]))["Records"]
    assert sent["kinesis"]["partitionKey"] is None
    (found,) = from_event({"Records": [sent]})
    assert found.partition_key is None
    assert json.loads(entry_of(EventOrigin(STREAM, "shardId-000000000006", ROLE), found)) == sent
