"""A batch: every record ends in the table or in quarantine, or is reported; nothing else is touched."""

import gzip
from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderstream.domain.object_keys import ORDERS, QUARANTINE, hour_prefix, order_key
from orderstream.errors import CloudError
from orderstream.pipeline.archive_codec import original_bytes, read_lines
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.testing.fakes import FakeStore
from tests.fuzz.heavy import aggregate
from tests.unit.pipeline.harness import ARRIVAL, Pipeline, record


def order(order_id: str | None, amount: int = 1) -> str:
    named = f'"order_id": "{order_id}", ' if order_id else ""
    return f'{{{named}"customer_id": "c", "amount": {amount}}}'


def test_an_order_becomes_an_item_with_the_names_that_users_rely_on() -> None:
    pipeline = Pipeline()
    data = """{"order_id": "A", "customer_id": "12345", "amount": "250.00", "currency": "USD",
               "order_date": "2026-11-22T10:00:00+02:00", "gift": true,
               "items": [{"sku": "S", "quantity": 2, "unit_price": 125}]}"""
    report = pipeline.run(record(7, data))
    assert (report.received, report.stored, report.failed, report.latencies) == (1, 1, [], [2000])
    item = pipeline.dynamo.items["A"]
    fingerprint, normalized = item.pop("Fingerprint"), item.pop("NormalizedFingerprint")
    assert len(fingerprint["S"]) == 32
    assert len(normalized["S"]) == 8 + 1 + 32
    assert item == {
        "OrderID": {"S": "A"},
        "CustomerID": {"S": "12345"},
        "OrderAmount": {"N": "250"},
        "OrderDate": {"S": "2026-11-22T08:00:00.000000Z"},
        "Currency": {"S": "USD"},
        "Status": {"S": "placed"},
        "Items": {"L": [{"M": {"sku": {"S": "S"}, "quantity": {"N": "2"}, "unit_price": {"N": "125"}}}]},
        "EventID": {"S": "shard-1:7"},
        "ReceivedAt": {"S": "2026-11-22T18:30:00.000000Z"},
        "ArchiveKey": {"S": next(iter(pipeline.store.objects))},
    }


def test_what_an_order_leaves_out_comes_from_its_place_in_the_stream_and_the_settings() -> None:
    pipeline = Pipeline()
    pipeline.run(record(7, order(None)))
    assert list(pipeline.dynamo.items) == ["shard-1:7"]
    assert pipeline.attribute("shard-1:7", "OrderDate") == "2026-11-22T18:30:00.000000Z"
    assert pipeline.attribute("shard-1:7", "Currency") == "EUR"


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_g2_a_redelivery_changes_nothing(layout: str) -> None:
    pipeline = Pipeline(layout)
    batch = [record(1, order("A")), record(2, order(None)), record(3, "bad")]
    pipeline.run(*batch)
    items, objects = dict(pipeline.dynamo.items), dict(pipeline.store.objects)
    report = pipeline.run(*batch)
    assert (report.stored, report.duplicates, report.invalid, report.failed) == (0, 2, 1, [])
    assert (pipeline.dynamo.items, pipeline.store.objects) == (items, objects)


def test_g2_the_same_order_twice_in_a_batch_is_one_item() -> None:
    pipeline = Pipeline()
    report = pipeline.run(record(1, order("A")), record(2, order("A")), record(3, order("B")))
    assert (report.stored, report.duplicates, report.conflicts) == (2, 1, 0)
    assert pipeline.attribute("A", "EventID") == "shard-1:1"


@pytest.mark.parametrize("layout", ["batch", "order"])
@pytest.mark.parametrize("together", [True, False])
def test_g3_other_content_under_the_same_id_is_quarantined_and_shows_both(
    layout: str, together: bool
) -> None:
    pipeline = Pipeline(layout)
    batch = [record(1, order("A", 1)), record(2, order("A", 2))]
    reports = [pipeline.run(*batch)] if together else [pipeline.run(one) for one in batch]
    assert sum(report.conflicts for report in reports) == 1
    assert pipeline.attribute("A", "OrderAmount") == "1"
    conflict = pipeline.lines(QUARANTINE)["shard-1:2"]
    assert original_bytes(conflict) == order("A", 2).encode()
    assert conflict.order_id == "A"
    assert [reason["code"] for reason in conflict.reasons] == ["conflict"]
    assert conflict.stored is not None
    key = conflict.stored["ArchiveKey"]
    first = next(read_lines(key, BytesIO(pipeline.store.objects[key])))
    assert original_bytes(first) == order("A", 1).encode()


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_g4_every_item_names_an_object_with_its_exact_bytes(layout: str) -> None:
    pipeline = Pipeline(layout)
    sent = {number: f'{{"customer_id": "c",  "amount": {number}.00}}' for number in range(1, 40)}
    pipeline.run(*(record(number, data) for number, data in sent.items()))
    for item in pipeline.dynamo.items.values():
        key = item["ArchiveKey"]["S"]
        lines = read_lines(key, BytesIO(pipeline.store.objects[key]))
        (found,) = [line for line in lines if line.event_id == item["EventID"]["S"]]
        assert original_bytes(found).decode() == sent[int(found.event_id.split(":")[1])]


def test_g4_nothing_is_inserted_when_the_archive_fails() -> None:
    class Broken(FakeStore):
        def put_new(self, key: str, body: bytes) -> bool:
            raise CloudError("S3 is down")

    pipeline = Pipeline()
    pipeline.store = Broken()
    with pytest.raises(CloudError):
        pipeline.run(record(1, order("A")))
    assert pipeline.dynamo.items == {}


def test_the_archive_holds_every_record_by_the_hour_of_its_arrival() -> None:
    pipeline = Pipeline()
    later = ARRIVAL + timedelta(hours=1)
    pipeline.run(
        record(1, order("A")), record(2, "bad"), record(3, order("C"), later), record(4, b"\xff", later)
    )
    keys = [key for key in pipeline.store.objects if key.startswith(ORDERS)]
    assert [key.rpartition("-")[0] for key in keys] == [
        f"{hour_prefix(ORDERS, ARRIVAL)}shard-1-1-2",
        f"{hour_prefix(ORDERS, later)}shard-1-3-4",
    ]
    lines = pipeline.lines(ORDERS)
    assert [(line.order_id, original_bytes(line)) for line in lines.values()] == [
        ("A", order("A").encode()),
        (None, b"bad"),
        ("C", order("C").encode()),
        (None, b"\xff"),
    ]


def test_g4_a_batch_of_fewer_records_takes_nothing_away_from_an_object_with_more() -> None:
    pipeline = Pipeline()
    pipeline.run(record(1, order("A")), record(2, order("B")), record(3, order("C")))
    # As when the lanes of a shard change, or two of three records are brought back.
    pipeline.run(record(1, order("A")), record(3, order("C")))
    key = pipeline.attribute("B", "ArchiveKey")
    assert "shard-1:2" in {line.event_id for line in read_lines(key, BytesIO(pipeline.store.objects[key]))}


def test_with_one_object_an_order_an_order_lies_under_its_id() -> None:
    pipeline = Pipeline("order")
    pipeline.run(record(1, order("A/1 #2")))
    assert list(pipeline.store.objects) == [order_key("A/1 #2")]


def test_g5_a_bad_record_stops_nothing_but_itself() -> None:
    pipeline = Pipeline()
    report = pipeline.run(
        record(1, order("A")), record(2, "bad"), record(3, '{"amount": -1}'), record(4, order("B"))
    )
    assert (report.stored, report.invalid, report.failed) == (2, 2, [])
    assert pipeline.quarantined == {"shard-1:2": ["not_json"], "shard-1:3": ["missing", "not_positive"]}
    (key,) = (key for key in pipeline.store.objects if key.startswith(QUARANTINE))
    assert key.startswith(f"{hour_prefix(QUARANTINE, ARRIVAL)}shard-1-2-3-")
    bad = pipeline.lines(QUARANTINE)["shard-1:3"]
    assert bad.reasons[0] == {"path": "$.customer_id", "code": "missing", "message": "is required"}
    assert bad.attempt == {"request_id": "request-1", "at": "2026-11-22T18:30:02.000000Z"}


def test_g5_an_aggregate_that_expands_too_far_is_quarantined_whole_and_alone() -> None:
    pipeline = Pipeline()
    zipped = gzip.compress(order("X").encode() + b" " * 390_000)
    large, long_key = aggregate([zipped] * 50), aggregate([order("Y").encode()], key="k" * 257)
    batch = [record(1, order("A")), record(2, large), record(3, long_key), record(4, order("B"))]
    report = pipeline.run(*(inner for one in batch for inner in deaggregate(one)))
    assert (report.stored, report.invalid, set(pipeline.dynamo.items)) == (2, 2, {"A", "B"})
    assert pipeline.quarantined == {
        "shard-1:2": ["too_large_expanded"],
        "shard-1:3": ["partition_key_too_long"],
    }
    assert [original_bytes(line) for line in pipeline.lines(QUARANTINE).values()] == [large, long_key]


def test_g5_an_order_that_dynamodb_refuses_is_quarantined_alone() -> None:
    pipeline = Pipeline()
    pipeline.dynamo.fault = lambda order_id: "ValidationError" if order_id == "B" else None
    report = pipeline.run(record(1, order("A")), record(2, order("B")), record(3, order("C")))
    assert (report.stored, report.invalid, report.failed) == (2, 1, [])
    assert pipeline.quarantined == {"shard-1:2": ["refused_by_table"]}


def test_a_refused_order_does_not_take_its_namesake_with_it() -> None:
    pipeline = Pipeline()
    answers = iter(["ValidationError", None])
    pipeline.dynamo.fault = lambda order_id: next(answers)
    report = pipeline.run(record(1, order("A", 1)), record(2, order("A", 2)))
    assert (report.stored, report.invalid, report.conflicts) == (1, 1, 0)
    assert pipeline.attribute("A", "OrderAmount") == "2"


def test_what_is_not_done_is_reported_lowest_sequence_number_first() -> None:
    pipeline = Pipeline()
    pipeline.dynamo.fault = lambda order_id: "ThrottlingError" if order_id in "BD" else None
    names = {9: "A", 10: "D", 11: "C", 100: "B", 101: "B"}
    report = pipeline.run(*(record(number, order(name)) for number, name in names.items()))
    assert report.failed == ["10", "100", "101"]
    assert report.problems == ["ThrottlingError"]
    assert set(pipeline.dynamo.items) == {"A", "C"}
    assert pipeline.quarantined == {}


def test_the_orders_of_an_aggregate_that_are_not_done_are_reported_by_its_one_sequence_number() -> None:
    pipeline = Pipeline()
    pipeline.dynamo.fault = lambda order_id: "ThrottlingError" if order_id != "B" else None
    inner = [msgspec.structs.replace(record(7, order(name)), event_id=f"shard-1:7:{name}") for name in "ABC"]
    report = pipeline.run(*inner)
    assert (report.failed, report.failed_records) == (["7"], 2)
    assert pipeline.attribute("B", "EventID") == "shard-1:7:B"


def test_g5_a_record_that_cannot_be_quarantined_is_not_done() -> None:
    class NoQuarantine(FakeStore):
        def put_new(self, key: str, body: bytes) -> bool:
            if key.startswith(QUARANTINE):
                raise CloudError("S3 is down")
            return True

    pipeline = Pipeline()
    pipeline.store = NoQuarantine()
    report = pipeline.run(
        record(1, order("A")), record(2, "bad"), record(3, order("A", 2)), record(4, order("B"))
    )
    assert (report.stored, report.failed) == (2, ["2", "3"])
    assert (report.invalid, report.conflicts) == (0, 0), "they are counted when they are written"
    assert report.problems == ["S3 is down"]


@given(
    batch=st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(0, 2), st.integers(1, 3)), max_size=12),
    answers=st.dictionaries(st.sampled_from("ABCD"), st.sampled_from(["ValidationError", "ThrottlingError"])),
    quarantine_is_down=st.booleans(),
    table_is_down=st.booleans(),
)
def test_every_record_has_one_outcome_whatever_fails(
    batch: list[tuple[str, int, int]],
    answers: dict[str, str],
    quarantine_is_down: bool,
    table_is_down: bool,
) -> None:
    class Store(FakeStore):
        def put_new(self, key: str, body: bytes) -> bool:
            if quarantine_is_down and key.startswith(QUARANTINE):
                raise CloudError("S3 is down")
            return super().put_new(key, body)

    pipeline = Pipeline()
    pipeline.store = Store()
    pipeline.run(record(1, order("A")), record(2, order("B")))
    pipeline.dynamo.fault = lambda order_id: "ThrottlingError" if table_is_down else answers.get(order_id)
    # An amount of 0 is invalid; the records of an aggregate share its sequence number.
    records = [
        msgspec.structs.replace(record(100 + place // 2, order(name, amount)), event_id=f"shard-1:{n}")
        for n, (name, amount, place) in enumerate(batch, start=100)
    ]
    report = pipeline.run(*records)
    outcomes = (report.stored, report.duplicates, report.conflicts, report.invalid, report.failed_records)
    assert min(outcomes) >= 0
    assert report.received == len(records) == sum(outcomes)
    assert bool(report.failed_records) == bool(report.failed)


def priced(order_id: str, amount: str, currency: str) -> str:
    return f'{{"order_id": "{order_id}", "customer_id": "c", "amount": {amount}, "currency": "{currency}"}}'


def test_revenue_is_the_exact_sum_of_what_was_stored_by_currency() -> None:
    pipeline = Pipeline()
    pipeline.dynamo.fault = lambda order_id: "ValidationError" if order_id == "refused" else None
    report = pipeline.run(
        record(1, priced("A", "123456789012345678901234567890.01", "USD")),
        record(2, priced("B", "0.000000001", "USD")),
        record(3, order("C", 7)),
        record(4, priced("D", "500", "JPY")),
        record(5, order("refused", 1000)),
    )
    assert report.revenue == {
        "USD": Decimal("123456789012345678901234567890.010000001"),
        "EUR": Decimal(7),
        "JPY": Decimal(500),
    }


def test_what_is_there_already_is_no_revenue_and_neither_are_tests() -> None:
    pipeline = Pipeline()
    pipeline.run(record(1, order("A", 5)))
    again = record(2, order("A", 5)), record(3, order("A", 6)), record(4, order("B", 1))
    report = pipeline.run(*again, record(5, order("B", 1)), record(6, priced("canary-1", "0.01", "XTS")))
    assert (report.stored, report.revenue) == (2, {"EUR": Decimal(1)})
