"""An order that comes again: its fingerprint decides, and where that differs the bytes do (G2, G3)."""

import pytest

from orderstream.domain.object_keys import order_key
from orderstream.errors import CloudError
from orderstream.pipeline.batch_result import BatchResult
from orderstream.testing.fakes import FakeStore
from tests.unit.domain.stored_ids import STORED_EARLIER
from tests.unit.pipeline.harness import Pipeline, record

FIRST = '{"order_id": "A", "customer_id": "c", "amount": "19.90", "order_date": "2026-11-22T19:00:00+01:00"}'
RESPELT = '{"order_id": "A", "customer_id": "c", "amount": 19.9, "order_date": "2026-11-22T18:00:00Z"}'
OTHER = FIRST.replace("19.90", "19.91")


def read_by_another_model(pipeline: Pipeline) -> None:
    pipeline.dynamo.items["A"]["NormalizedFingerprint"] = {"S": "other:model"}


def outcomes(report: BatchResult) -> tuple[int, int, int, list[str]]:
    return report.stored, report.duplicates, report.conflicts, report.failed


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_g2_another_spelling_of_a_stored_order_is_a_duplicate(layout: str) -> None:
    pipeline = Pipeline(layout)
    pipeline.run(record(1, FIRST))
    assert outcomes(pipeline.run(record(2, RESPELT), record(3, OTHER))) == (0, 1, 1, [])
    assert list(pipeline.quarantined) == ["shard-1:3"]


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_g2_two_spellings_in_a_batch_are_one_order(layout: str) -> None:
    pipeline = Pipeline(layout)
    assert outcomes(pipeline.run(record(1, FIRST), record(2, RESPELT), record(3, OTHER))) == (1, 1, 1, [])


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_g3_an_unknown_field_inside_an_item_counts(layout: str) -> None:
    item = (
        '{"order_id": "A", "customer_id": "c", "amount": 1,'
        ' "items": [{"sku": "S", "quantity": 1, "unit_price": 1, "to": {"floor": %d}}]}'
    )
    pipeline = Pipeline(layout)
    pipeline.run(record(1, item % 3))
    assert outcomes(pipeline.run(record(2, item % 9), record(3, item % 3))) == (0, 1, 1, [])


@pytest.mark.parametrize(("order", "stored"), STORED_EARLIER.items())
def test_g12_a_retry_of_an_order_that_an_earlier_version_stored_is_a_duplicate(
    order: str, stored: str
) -> None:
    named = order if "order_id" in order else order.replace("{", '{"order_id": "A", ', 1)
    pipeline = Pipeline()
    pipeline.run(record(1, named))
    pipeline.dynamo.items["A"]["Fingerprint"] = {"S": stored}
    del pipeline.dynamo.items["A"]["NormalizedFingerprint"]
    assert outcomes(pipeline.run(record(2, named))) == (0, 1, 0, [])


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_g12_an_order_that_another_model_read_is_judged_by_its_bytes_in_the_archive(layout: str) -> None:
    pipeline = Pipeline(layout)
    pipeline.run(record(1, FIRST))
    read_by_another_model(pipeline)
    assert outcomes(pipeline.run(record(2, FIRST), record(3, RESPELT), record(4, OTHER))) == (0, 2, 1, [])


def test_an_order_that_the_same_model_read_is_judged_without_its_bytes() -> None:
    pipeline = Pipeline()
    pipeline.run(record(1, FIRST))
    pipeline.store.objects.clear()
    assert outcomes(pipeline.run(record(2, FIRST), record(3, RESPELT), record(4, OTHER))) == (0, 2, 1, [])


def test_an_order_is_a_conflict_when_the_bytes_of_the_item_are_gone() -> None:
    pipeline = Pipeline()
    pipeline.run(record(1, FIRST))
    read_by_another_model(pipeline)
    del pipeline.store.objects[pipeline.attribute("A", "ArchiveKey")]
    assert outcomes(pipeline.run(record(2, RESPELT), record(3, FIRST))) == (0, 1, 1, [])


def test_an_order_is_a_conflict_when_the_object_of_the_item_is_damaged() -> None:
    pipeline = Pipeline()
    pipeline.run(record(1, FIRST))
    read_by_another_model(pipeline)
    pipeline.store.objects[pipeline.attribute("A", "ArchiveKey")] = b"no gzip"
    assert outcomes(pipeline.run(record(2, RESPELT))) == (0, 0, 1, [])


@pytest.mark.parametrize("damaged", [b"", b"no line", b"\xff", b'{"event_id": 1}'])
def test_a_damaged_object_under_an_orders_key_is_a_conflict_of_that_order_alone(damaged: bytes) -> None:
    pipeline = Pipeline("order")
    pipeline.store.objects[order_key("A")] = damaged
    report = pipeline.run(record(1, FIRST), record(2, FIRST.replace('"A"', '"B"')))
    assert outcomes(report) == (1, 0, 1, [])
    assert pipeline.store.objects[order_key("A")] == damaged, "nothing is written over"


def test_a_record_that_cannot_be_judged_now_comes_again() -> None:
    class Unreadable(FakeStore):
        def get(self, key: str) -> bytes | None:
            raise CloudError("S3 is down")

    pipeline = Pipeline()
    pipeline.run(record(1, FIRST))
    read_by_another_model(pipeline)
    readable, pipeline.store = pipeline.store, Unreadable()
    report = pipeline.run(record(2, OTHER), record(3, FIRST), record(4, FIRST.replace('"A"', '"B"')))
    assert outcomes(report) == (1, 1, 0, ["2"])
    assert report.problems == ["S3 is down"]
    pipeline.store = readable
    assert outcomes(pipeline.run(record(2, OTHER))) == (0, 0, 1, [])


def test_nothing_is_read_back_when_the_time_is_over() -> None:
    pipeline = Pipeline()
    pipeline.run(record(1, FIRST))
    read_by_another_model(pipeline)
    pipeline.seconds_left = 0
    report = pipeline.run(record(2, OTHER))
    assert outcomes(report) == (0, 0, 0, ["2"])
    assert report.problems == ["out of time"]
