"""One invocation stays within its memory, whatever it carries: the worst batches known.

`python -m tests.fuzz.memory` searches for worse ones.
"""

import random

import pytest

from tests.fuzz.bulky import SHAPES
from tests.fuzz.memory import MOST_MB, measured


@pytest.mark.parametrize(
    "name",
    [
        "compressed aggregates 0 0",
        "shared keys 0 4",
        "empty records 0 1",
        "compressed orders 0 5",
        "many reasons 0 1",
    ],
)
def test_a_batch_takes_less_memory_than_its_bound(name: str) -> None:
    shape, _, _ = name.rsplit(" ", 2)
    # Enough for a few slices; each of them takes what it takes.
    peak = measured(SHAPES[shape](random.Random(name)), seconds=3)
    assert peak.mb < MOST_MB, peak
