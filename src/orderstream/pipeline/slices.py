"""Process an invocation's records in slices, so that a slice bounds its memory, not the expanded batch.

Where a slice ends depends on the records alone, so a redelivered batch produces the same objects.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from orderstream.domain.expansion import expanded_bytes
from orderstream.errors import CloudError
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.records import Record

# As counted by `expanded_bytes`. A batch of plain records is always one slice: an invocation receives at most
# 6 MiB, including base64 and metadata.
SLICE_BYTES = 8 * 1024 * 1024


def slices(records: Iterable[Record], most: int = SLICE_BYTES) -> Iterator[list[Record]]:
    """Split the records, in order, into lists of at most `most` bytes or of one record."""
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
    """Deaggregate the records, and process them slice by slice.

    Processing stops when a slice fails as a whole or in part, or when time runs out. All records from there
    on are reported as failed: Lambda redelivers them anyway. A CloudError of the first slice is raised,
    because then nothing is done. An aggregate that was not processed counts as one record.
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
    """The report, with every record not fully processed as failed; `part` is the first slice of these."""
    # An aggregate may span two slices.
    done.discard(part[0].sequence_number)
    rest = [record.sequence_number for record in records if record.sequence_number not in done]
    total.received += len(rest)
    total.failed_records += len(rest)
    total.failed = sorted({*total.failed, *rest}, key=int)
    return total
