"""The event is the one that AWS sends."""

import json

from hypothesis import given
from hypothesis import strategies as st

from orderstream.ops.kinesis_event import Origin, Record, entry, event_of, event_size

STREAM = "arn:aws:kinesis:eu-west-1:000000000001:stream/OrderStream"
ROLE = "arn:aws:iam::000000000001:role/function"


def record(data: bytes, key: str = "1") -> Record:
    origin = Origin(STREAM, "shardId-000000000006", ROLE)
    json = entry(origin, sequence_number="495903", partition_key=key, data=data, arrived_at=1545084650.987)
    return Record("495903", key, 1545084650.987, 0, None, json)


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
