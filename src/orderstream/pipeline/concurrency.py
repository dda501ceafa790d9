"""How many AWS calls run concurrently."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

A = TypeVar("A")
B = TypeVar("B")

# Enough to keep a processor busy while each call waits 5 ms for its response; see
# docs/explanation/performance.md. More would not help: one process computes on one processor at a time.
MOST_THREADS = 8
# Lambda allocates processors in proportion to memory: one for this much.
MEGABYTES_PER_PROCESSOR = 1769


class ParallelMap(Protocol):
    """`map`, or that of an Executor: the results of a function for each value, in order."""

    def __call__(self, function: Callable[[A], B], values: Iterable[A], /) -> Iterable[B]: ...


def threads_for(memory_mb: int) -> int:
    """How many threads a function with this much memory (MB) can use."""
    return max(2, min(MOST_THREADS, round(MOST_THREADS * memory_mb / MEGABYTES_PER_PROCESSOR)))
