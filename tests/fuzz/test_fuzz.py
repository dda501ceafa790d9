"""No bytes out of the stream make an error: a short run. The long one is `python -m tests.fuzz`."""

import random
import tracemalloc

import pytest

from orderstream.domain.order import MAX_BYTES
from tests.fuzz.__main__ import run, table
from tests.fuzz.heavy import every_bomb, huge
from tests.fuzz.records import KINDS, PIECES, records
from tests.fuzz.rules import MAX_SECONDS, check


def test_every_record_is_an_order_or_has_a_reason_and_its_bytes_come_back() -> None:
    verdicts = run("short", 6_000)
    print("\n".join(table(verdicts)))
    assert sum(one.orders for one in verdicts.values()) > 400
    assert sum(one.refused for one in verdicts.values()) > 2_000


@pytest.mark.parametrize("whole", PIECES, ids=range(len(PIECES)))
def test_every_beginning_and_every_end_of_a_record_is_taken_or_refused(whole: bytes) -> None:
    for place in range(len(whole) + 1):
        check(whole[:place])
        check(whole[place:])


@pytest.mark.parametrize("number", range(30))
def test_a_huge_record_takes_no_longer_than_its_bound(number: int) -> None:
    assert check(huge(random.Random(number))).seconds <= MAX_SECONDS


def test_a_bomb_takes_little_memory() -> None:
    for bomb in every_bomb():
        tracemalloc.start()
        try:
            check(bomb)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * MAX_BYTES


def test_a_seed_makes_the_same_records_again() -> None:
    assert list(records("seed", 300)) == list(records("seed", 300))
    assert list(records("seed", 300)) != list(records("other", 300))


def test_every_kind_is_made() -> None:
    made = {kind for kind, _ in records("kinds", 3_000)}
    rare = {kind.__name__ for kind, share in KINDS.items() if share < 1}
    assert made | rare == {kind.__name__ for kind in KINDS}
