"""An invocation's records in slices: its memory is bounded by a slice, however large the batch becomes.

Where a slice ends depends on the records alone: a batch that is delivered again finds its objects.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from orderstream.domain.expansion import expanded_bytes
from orderstream.errors import CloudError
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.process import BatchResult
from orderstream.pipeline.records import Record

# Counted by `expanded_bytes`. A batch of plain records is always one slice: an invocation carries at most
# 6 MiB of them, base64 and metadata included.
SLICE_BYTES = 8 * 1024 * 1024


def slices(records: Iterable[Record], most: int = SLICE_BYTES) -> Iterator[list[Record]]:
    """The records in lists of at most `most` bytes, or of one record; their order stays."""
    found: list[Record] = []
    size = 0
    for record in records:
        more = expanded_bytes(record.partition_key, record.data)
        if found and size + more > most:
            yield found
            found, size = [], 0
        found.append(record)
        size += more
    if found:
        yield found


def process_in_slices(
    records: Sequence[Record],
    process: Callable[[Sequence[Record]], BatchResult],
    seconds_left: Callable[[], float],
    most: int = SLICE_BYTES,
) -> BatchResult:
    """Take aggregates apart, and process slice after slice.

    Processing stops when a slice fails or leaves something undone, and when the time is over. All records
    from there on are reported undone: Lambda delivers them again anyway. A CloudError of the first slice is
    raised, because nothing is done then. An aggregate that was not processed counts as one record.
    """
    total = BatchResult()
    done: set[str] = set()
    for part in slices((inner for record in records for inner in deaggregate(record)), most):
        if total.failed:
            return _with_rest(total, records, done, part)
        if done and seconds_left() <= 0:
            total.problems.append("out of time")
            return _with_rest(total, records, done, part)
        try:
            total.add(process(part))
        except CloudError as error:
            if not done:
                raise
            total.problems.append(error.message)
            return _with_rest(total, records, done, part)
        done.update(record.sequence_number for record in part)
    return total


def _with_rest(
    total: BatchResult, records: Sequence[Record], done: set[str], part: Sequence[Record]
) -> BatchResult:
    """The report with the records that are not done as a whole; `part` is the first slice of them."""
    # An aggregate may lie in two slices.
    done.discard(part[0].sequence_number)
    rest = [record.sequence_number for record in records if record.sequence_number not in done]
    total.received += len(rest)
    total.failed_records += len(rest)
    total.failed = sorted({*total.failed, *rest}, key=int)
    return total
