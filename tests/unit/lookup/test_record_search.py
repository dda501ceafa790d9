"""The search of the archive reads the objects that are known to have an order, whatever others there are."""

from __future__ import annotations

import pytest

from orderstream.domain.fields import utc_text
from orderstream.lookup.record_search import MOST_SEARCHED, FoundRecord, search_archive
from orderstream.progress import no_progress
from orderstream.storage.bucket import ALL_TIME
from tests.unit.lookup.archived_orders import ArchivedOrders, ago, order

MANY = MOST_SEARCHED + 10


@pytest.fixture
def archive() -> ArchivedOrders:
    """Objects with one record each, and one among them with the order A and another record."""
    made = ArchivedOrders()
    for number in range(MANY):
        made.batch(ago(9), (ago(10), order(f"other-{number}")))
    made.batch(ago(9), (ago(10), order("A")), (ago(10), order("B")))
    return made


def key_of(archive: ArchivedOrders) -> str:
    return next(key for key in archive.objects if f"-{MANY + 1}-{MANY + 2}-" in key)


def test_among_many_objects_only_those_with_the_order_are_read(archive: ArchivedOrders) -> None:
    found: dict[str, FoundRecord] = {}
    known = [key_of(archive)]
    assert not search_archive(archive.deployment, "A", ALL_TIME, found, no_progress, known)
    assert archive.reads == known
    assert [list(one.archived) for one in found.values()] == [[(known[0], 1)]]


def test_the_object_of_a_record_that_is_known_otherwise_is_found_by_its_numbers(
    archive: ArchivedOrders,
) -> None:
    shard_id = "shardId-000000000000"
    archive.batch(ago(4), (ago(5), order("A", "6")), (ago(5), order("C")))
    conflict = FoundRecord(f"{shard_id}:{MANY + 3}", utc_text(ago(5)), "k")
    found = {conflict.id: conflict}
    known = [key_of(archive)]
    assert not search_archive(archive.deployment, "A", ALL_TIME, found, no_progress, known)
    assert len(archive.reads) == 2
    assert [line for _, line in conflict.archived] == [1]


def test_few_objects_are_all_searched_for_repeats() -> None:
    archive = ArchivedOrders()
    archive.batch(ago(9), (ago(10), order("A")))
    archive.batch(ago(4), (ago(5), order("A")))
    found: dict[str, FoundRecord] = {}
    assert search_archive(archive.deployment, "A", ALL_TIME, found, no_progress, [min(archive.objects)])
    assert len(found) == 2


def test_all_objects_are_searched_for_an_order_of_which_none_is_known(archive: ArchivedOrders) -> None:
    found: dict[str, FoundRecord] = {}
    assert search_archive(archive.deployment, "A", ALL_TIME, found, no_progress)
    assert len(archive.reads) == MANY + 1
