"""How many calls of AWS are under way at a time."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

A = TypeVar("A")
B = TypeVar("B")

# So many keep a processor busy while each call waits 5 ms for its answer (docs/performance.md). More would
# gain nothing: one process computes on one processor at a time.
MOST_THREADS = 8
# Lambda gives one processor for so much memory, and of it in proportion.
MEGABYTES_PER_PROCESSOR = 1769


class ParallelMap(Protocol):
    """`map`, or that of an Executor: the results of a function for each value, in their order."""

    def __call__(self, function: Callable[[A], B], values: Iterable[A], /) -> Iterable[B]: ...


def threads_for(memory_mb: int) -> int:
    """How many threads a function of so many megabytes has use for."""
    return max(2, min(MOST_THREADS, round(MOST_THREADS * memory_mb / MEGABYTES_PER_PROCESSOR)))
