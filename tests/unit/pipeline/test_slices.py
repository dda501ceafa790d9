"""A batch is processed in slices, which depend on its records alone; what follows a failure comes again."""

import gzip
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderstream.domain.decode import decode
from orderstream.domain.expansion import RECORD_BYTES
from orderstream.domain.order import MAX_BYTES
from orderstream.errors import CloudError
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.archive_codec import read_lines
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.records import Record
from orderstream.pipeline.slices import process_in_slices, slices
from orderstream.testing.fakes import FakeStore
from tests.fuzz.heavy import aggregate

ARRIVAL = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
# Slices of two plain records.
TWO = 2 * (RECORD_BYTES + 10)


def record(number: int, data: bytes = b"{}") -> Record:
    return Record(f"shard-1:{number}", "shard-1", str(number), "key", ARRIVAL, data)


def records(*numbers: int) -> list[Record]:
    return [record(number) for number in numbers]


class Process:
    """Stores every record, but reports some as failed and raises for others."""

    def __init__(self, reported: str = "", fails: str = "") -> None:
        self.slices: list[list[str]] = []
        self._failed = reported.split()
        self._fails = fails.split()

    def __call__(self, part: Sequence[Record]) -> BatchResult:
        events = [one.event_id.removeprefix("shard-1:") for one in part]
        self.slices.append(events)
        if set(events) & set(self._fails):
            raise CloudError("S3 is down")
        reported = [one.sequence_number for one in part if one.sequence_number in self._failed]
        stored = len(part) - len(reported)
        return BatchResult(
            received=len(part),
            stored=stored,
            failed=reported,
            failed_records=len(reported),
            latencies=[5] * stored,
            revenue={"EUR": Decimal(stored)},
            problems=["throttled"] * bool(reported),
            objects=[f"object of {events[0]}"],
            archived_bytes=10,
        )


def run(
    batch: list[Record], process: Process, seconds_left: Callable[[], float] = lambda: 9.0
) -> BatchResult:
    report = process_in_slices(batch, process, seconds_left, TWO)
    assert report.received == report.stored + report.failed_records, "every record has one outcome"
    return report


def test_a_slice_ends_before_the_record_that_would_make_it_too_large() -> None:
    process = Process()
    report = run(records(1, 2, 3, 4, 5), process)
    assert process.slices == [["1", "2"], ["3", "4"], ["5"]]
    assert report == BatchResult(
        received=5,
        stored=5,
        latencies=[5] * 5,
        revenue={"EUR": Decimal(5)},
        objects=["object of 1", "object of 3", "object of 5"],
        archived_bytes=30,
    )


def test_a_record_that_is_larger_than_a_slice_has_one_of_its_own() -> None:
    process = Process()
    run([record(1), record(2, b"x" * TWO), record(3)], process)
    assert process.slices == [["1"], ["2"], ["3"]]


def test_an_aggregate_may_lie_in_several_slices() -> None:
    process = Process()
    run([record(7, aggregate([b"{}"] * 5)), record(8)], process)
    assert process.slices == [["7:0", "7:1"], ["7:2", "7:3"], ["7:4", "8"]]


def test_a_compressed_record_counts_as_what_is_in_it() -> None:
    order = gzip.compress(b'{"customer_id":"c","amount":1}' + b" " * (MAX_BYTES - 30))
    batch = [record(number, order) for number in range(100)]
    assert [len(part) for part in slices(batch)] == [20] * 5


@pytest.mark.parametrize("count", [1, 100, 1000, 3000, 10_000])
def test_a_batch_of_plain_records_is_one_slice(count: int) -> None:
    # What Lambda sends: 6 MiB of records in base64, each with 350 bytes and more about it.
    size = (6 * 2**20 // count - 350) * 3 // 4
    batch = [record(number, b"x" * size) for number in range(count)]
    assert [len(part) for part in slices(batch)] == [count]


@given(st.lists(st.integers(0, 3 * TWO), max_size=20))
def test_slices_are_the_records_in_order_and_the_same_each_time(sizes: list[int]) -> None:
    batch = [record(number, b"x" * size) for number, size in enumerate(sizes)]
    found = list(slices(batch, TWO))
    assert [one for part in found for one in part] == batch
    assert found == list(slices(iter(batch), TWO))


def test_what_is_behind_a_failed_record_is_not_tried() -> None:
    process = Process(reported="3")
    report = run(records(1, 2, 3, 4, 5, 6), process)
    assert process.slices == [["1", "2"], ["3", "4"]]
    assert report.failed == ["3", "5", "6"]
    assert (report.received, report.stored, report.problems) == (6, 3, ["throttled"])


def test_a_failed_record_in_the_last_slice_is_reported_alone() -> None:
    assert run(records(9, 10, 11), Process(reported="11")).failed == ["11"]


def test_when_a_later_slice_fails_what_was_done_stays_done() -> None:
    report = run(records(9, 10, 11, 12), Process(fails="11"))
    assert (report.stored, report.failed, report.problems) == (2, ["11", "12"], ["S3 is down"])


def test_when_the_first_slice_fails_so_does_the_batch() -> None:
    with pytest.raises(CloudError, match="S3 is down"):
        run(records(1, 2, 3), Process(fails="2"))


def test_an_aggregate_that_is_done_in_part_is_not_done() -> None:
    batch = [record(6), record(7, aggregate([b"{}"] * 3)), record(8)]
    report = run(batch, Process(fails="7:1"))
    assert report.failed == ["7", "8"]
    assert (report.stored, report.received) == (2, 4), "what was not tried counts by records of the stream"


def test_the_first_slice_is_processed_however_late_it_is_and_no_other() -> None:
    process = Process()
    report = run(records(1, 2, 3, 4), process, lambda: -1.0)
    assert process.slices == [["1", "2"]]
    assert (report.failed, report.problems) == (["3", "4"], ["out of time"])


def test_a_batch_of_several_slices_that_is_delivered_again_finds_its_objects() -> None:
    store = FakeStore()
    orders = [b'{"customer_id":"c","amount":%d}' % number for number in range(1, 6)]
    batch = [record(6, b"bad"), record(7, aggregate(orders)), record(8, orders[0])]

    def keep(part: Sequence[Record]) -> BatchResult:
        BatchArchive(store).write(part, [decode(one.data) for one in part])
        return BatchResult()

    process_in_slices(batch, keep, lambda: 9.0, TWO)
    once = dict(store.objects)
    process_in_slices(batch, keep, lambda: 9.0, TWO)
    assert store.objects == once
    lines = [line.event_id for key in once for line in read_lines(key, BytesIO(once[key]))]
    assert lines == ["shard-1:6", *(f"shard-1:7:{number}" for number in range(5)), "shard-1:8"]


def test_an_empty_batch_is_done() -> None:
    assert run([], Process()) == BatchResult()
