"""The account of the change feed can fail: each thing that a consumer must not see is named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.feed_accounts import FeedAccounts, account_for_feed

ITEMS: dict[str, dict[str, Any]] = {
    "A": {"Version": 3, "Status": "packed", "Total": 1},
    "B": {"Status": "placed"},
}
SEEN = [("A", 1), ("B", 1), ("A", 1), ("A", 2), ("A", 3)]


def change(order_id: str, version: int, status: str = "", **more: Any) -> dict[str, Any]:
    order = {"Status": status or ("placed", "paid", "packed")[version - 1], "Total": 1}
    return {
        "id": f"{order_id}/{version}",
        "subject": order_id,
        "data": {"version": version, "order": order},
    } | more


CHANGES = [change("A", 1), change("B", 1), change("A", 2), change("A", 2), change("A", 3)]


def accounted(
    changes: list[dict[str, Any]] = CHANGES, seen: list[tuple[str, int]] = SEEN, sent: str = "AB"
) -> FeedAccounts:
    return account_for_feed(changes, seen, ITEMS, set(sent))


def test_repetitions_are_counted_and_are_no_fault() -> None:
    found = accounted()
    assert found.faults == []
    assert (found.orders, found.versions, found.announced, found.repeated) == (2, 4, 5, 1)
    assert (found.seen, found.processed) == (5, 4)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        (CHANGES[:-1], "unannounced: A: version 3, announced 2"),
        ([CHANGES[0], CHANGES[1], CHANGES[4]], "overtaken: A/3 after version 1"),
        ([CHANGES[2], *CHANGES], "overtaken: A/2 after version 0"),
        ([*CHANGES, change("A", 2, "shipped")], "different: A/2 says something else when it is repeated"),
        ([*CHANGES[:-1], change("A", 3, "paid")], "different: A: announced"),
        ([*CHANGES, change("C", 1)], "invented: C/1 of order C"),
        ([*CHANGES, change("A", 4, "paid", id="A/9")], "invented: A/9 of order A"),
    ],
)
def test_what_the_stream_must_not_have_is_named(changes: list[dict[str, Any]], fault: str) -> None:
    assert any(one.startswith(fault) for one in accounted(changes).faults)


def test_an_order_that_was_never_sent_is_invented() -> None:
    assert accounted(sent="A").invented == ["B/1 of order B"]


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        (SEEN[:-1], "gaps: A: the consumer saw 2 of 3"),
        ([("A", 1), ("B", 1), ("A", 3)], "gaps: A: the consumer saw 3 after 1"),
    ],
)
def test_what_the_consumer_missed_is_named(seen: list[tuple[str, int]], fault: str) -> None:
    assert fault in accounted(seen=seen).faults
