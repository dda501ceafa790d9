"""Redrive: a batch comes through the function in whatever pieces it takes, and is looked up after that."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orderstream.domain.decode import decode
from orderstream.domain.object_keys import DISCARDED, marker_key
from orderstream.domain.order_event import position_hash
from orderstream.errors import CloudError
from orderstream.pipeline.attributes import attribute_value
from orderstream.pipeline.items import event_row
from orderstream.recovery.dead_letters import FailedBatch, records_in
from orderstream.recovery.redrive import RedriveResult, redrive
from orderstream.testing.fakes import FakeDynamo, client_error
from tests.fakes import deployment_on

SHARD = "shardId-000000000000"
ARRIVAL = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)

Answer = dict[str, Any] | Exception | str | None


class FakeLambda:
    """Answers each invocation as told, by the numbers of the records in it."""

    def __init__(self, answer: Callable[[list[str]], Answer]) -> None:
        self.answer = answer
        self.batches: list[list[str]] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        numbers = [record["kinesis"]["sequenceNumber"] for record in json.loads(Payload)["Records"]]
        self.batches.append(numbers)
        answer = self.answer(numbers)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, str):
            body = {"errorType": answer, "errorMessage": "told to"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(body).encode())}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


class FakeBucket:
    """S3 as far as redrive uses it: an empty bucket that takes objects."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.buckets: set[str] = set()

    def get_paginator(self, operation: str) -> FakeBucket:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        return [{}]

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str) -> None:
        assert IfNoneMatch == "*" and Key not in self.objects
        self.buckets.add(Bucket)
        self.objects[Key] = Body


class FakeCloud:
    def __init__(self, answer: Callable[[list[str]], Answer]) -> None:
        self.lambda_ = FakeLambda(answer)
        self.s3 = FakeBucket()
        self.dynamodb = FakeDynamo()

    def now(self) -> datetime:
        return ARRIVAL

    def store(self, number: str) -> None:
        """Make the order of record `number` an item, as the function would."""
        fields = {"OrderID": f"A{number}", "EventID": f"{SHARD}:{number}", "Fingerprint": FINGERPRINT}
        self.dynamodb.items[f"A{number}"] = {name: {"S": value} for name, value in fields.items()}


FINGERPRINT = decode(b'{"customer_id": "c", "amount": 1}').fingerprint


def failure(*numbers: str, done: bool = False) -> FailedBatch:
    records = [
        {
            "eventID": f"{SHARD}:{number}",
            "kinesis": {
                "sequenceNumber": number,
                "partitionKey": "k",
                "approximateArrivalTimestamp": ARRIVAL.timestamp(),
                "data": base64.b64encode(
                    f'{{"order_id": "A{number}", "customer_id": "c", "amount": 1}}'.encode()
                ).decode(),
            },
        }
        for number in numbers
    ]
    return FailedBatch(
        place=f"s3://discarded/{DISCARDED}m/s/object",
        at=ARRIVAL,
        condition="RetryAttemptsExhausted",
        error=None,
        invocations=3,
        shard_id=SHARD,
        first=numbers[0],
        last=numbers[-1],
        records=len(numbers),
        done=done,
        payload=json.dumps({"Records": records}),
    )


def redriven(cloud: FakeCloud, *failures: FailedBatch, dry_run: bool = False) -> list[RedriveResult]:
    return list(redrive(deployment_on(cloud), failures, dry_run=dry_run, sleep=lambda seconds: None))


def storing(
    cloud_of: Callable[[], FakeCloud], fails: Callable[[list[str]], Answer]
) -> Callable[[list[str]], Answer]:
    """A function that stores what it is given, unless `fails` says otherwise."""

    def answer(numbers: list[str]) -> Answer:
        trouble = fails(numbers)
        if trouble is not None:
            return trouble
        for number in numbers:
            cloud_of().store(number)
        return {"batchItemFailures": []}

    return answer


def make(fails: Callable[[list[str]], Answer] = lambda numbers: None) -> FakeCloud:
    made: list[FakeCloud] = []
    made.append(FakeCloud(storing(lambda: made[0], fails)))
    return made[0]


def test_a_batch_is_done_when_every_record_is_accounted_for_and_marked_so() -> None:
    cloud = make()
    (one,) = redriven(cloud, failure("1", "2"))
    assert (one.done, one.records, one.outcomes, one.problems) == (True, 2, {"stored": 2}, [])
    mark = json.loads(cloud.s3.objects[marker_key(f"{DISCARDED}m/s/object")])
    assert mark["outcomes"] == {"stored": 2}
    assert cloud.s3.buckets == {"archive"}, "the archive has the marks"


def test_the_functions_word_is_not_taken_for_it() -> None:
    cloud = FakeCloud(lambda numbers: {"batchItemFailures": []})
    cloud.store("1")
    (one,) = redriven(cloud, failure("1", "2"))
    assert (one.done, one.outcomes) == (False, {"stored": 1, "open": 1})
    assert cloud.s3.objects == {}


def test_a_record_that_makes_the_function_fail_keeps_no_other_one_back() -> None:
    cloud = make(lambda numbers: "Crash" if "3" in numbers else None)
    (one,) = redriven(cloud, failure("1", "2", "3", "4"))
    assert one.outcomes == {"stored": 3, "open": 1}
    assert one.problems == [f"{SHARD}:3: Crash: told to"]
    assert not one.done and cloud.s3.objects == {}


def test_a_batch_that_is_too_large_is_halved() -> None:
    too_large = client_error("RequestTooLargeException", 413)
    cloud = make(lambda numbers: too_large if len(numbers) > 1 else None)
    (one,) = redriven(cloud, failure("1", "2", "3"))
    assert one.done
    assert cloud.lambda_.batches == [["1", "2", "3"], ["1"], ["2", "3"], ["2"], ["3"]]


def test_only_what_is_reported_as_not_done_is_sent_again() -> None:
    turns = iter([True])
    cloud = make()

    def once_failed(numbers: list[str]) -> Answer:
        cloud.store(numbers[0])
        failed = numbers[1:] if next(turns, False) else []
        for number in numbers if not failed else []:
            cloud.store(number)
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}

    cloud.lambda_.answer = once_failed
    (one,) = redriven(cloud, failure("1", "2", "3"))
    assert one.done
    assert cloud.lambda_.batches == [["1", "2", "3"], ["2", "3"]]


def test_a_throttled_invocation_is_tried_again() -> None:
    throttles = iter([client_error("TooManyRequestsException", 429)])
    cloud = make(lambda numbers: next(throttles, None))
    (one,) = redriven(cloud, failure("1"))
    assert one.done and cloud.lambda_.batches == [["1"], ["1"]]


def test_a_function_that_may_not_be_invoked_ends_it_with_a_message() -> None:
    cloud = make(lambda numbers: client_error("AccessDeniedException", 403))
    with pytest.raises(CloudError, match="cannot invoke F"):
        redriven(cloud, failure("1"))


def test_an_answer_that_is_not_this_functions_is_not_believed() -> None:
    cloud = FakeCloud(lambda numbers: None)
    with pytest.raises(CloudError, match="answers as no function of Orderstream does"):
        redriven(cloud, failure("1"))


def test_a_dry_run_and_what_is_done_invoke_nothing() -> None:
    cloud = make()
    assert redriven(cloud, failure("1", done=True)) == []
    (one,) = redriven(cloud, failure("1"), dry_run=True)
    assert (one.done, one.outcomes, cloud.lambda_.batches, cloud.s3.objects) == (False, {"open": 1}, [], {})


def test_a_payload_that_is_no_event_is_said_and_the_next_one_is_done() -> None:
    broken = failure("1")
    broken = FailedBatch(**{**broken.__dict__, "payload": '{"Records": [{}]}'})
    first, second = redriven(make(), broken, failure("2"))
    assert not first.done and "holds no event of a stream" in first.problems[0]
    assert second.done


def test_an_event_is_accounted_for_once_it_is_applied_or_waits_for_its_order() -> None:
    cloud = FakeCloud(lambda numbers: {"batchItemFailures": []})
    (document,) = json.loads(failure("1").payload or "")["Records"]
    document["kinesis"]["data"] = base64.b64encode(b'{"order_id": "A1", "event": "paid"}').decode()
    batch = replace(failure("1"), payload=json.dumps({"Records": [document]}))
    deployment = deployment_on(cloud)
    deployment = replace(deployment, resources={**deployment.resources, "EventsTableName": "OrderEvents"})

    def outcomes() -> dict[str, int]:
        (one,) = redrive(deployment, [batch], dry_run=True)
        return one.outcomes

    assert outcomes() == {"open": 1}
    (record,) = records_in(batch, [document])
    read = decode(record.data).event
    assert read is not None
    row = event_row(record, read, "key")
    cloud.dynamodb.events["A1", row["Position"]] = attribute_value(row)["M"]
    assert outcomes() == {"open": 1}, "it is stored, and nobody will apply it"
    pending = {"Pending": "order", "PendingSince": row["ReceivedAt"]}
    cloud.dynamodb.items["A1"] = attribute_value({"OrderID": "A1", **pending})["M"]
    assert outcomes() == {"event": 1}
    cloud.store("1")
    assert outcomes() == {"open": 1}
    cloud.dynamodb.items["A1"]["Applied"] = {"S": position_hash(row["Position"])}
    assert outcomes() == {"event": 1}
