"""What is announced again is what was announced, as far as the tables know it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.domain.user_model import order_model
from orderstream.feed.cloud_event import cloud_event
from orderstream.recovery.change_replay import changes_of
from tests.unit.feed.harness import Announced, Feed
from tests.unit.pipeline.harness import ARRIVAL, record

ORDER: dict[str, Any] = {"customer_id": "c", "amount": "100.10"}
EVENTS: list[dict[str, Any]] = [
    {"event": "paid", "amount": "100.10", "seq": 1},
    {"event": "packed", "seq": 2},
    {"event": "refunded", "amount": "0.10", "seq": 3},
    {"event": "cancelled", "seq": 4},
    {"event": "amended", "amount": "90", "seq": 6},
]


def sent(feed: Feed, number: int, document: dict[str, Any]) -> None:
    body = msgspec.json.encode({"order_id": "A"} | document)
    feed.run(record(number, body, ARRIVAL))


def replayed(feed: Feed) -> list[Announced]:
    """What a replay would announce of order A."""
    return [
        json.loads(
            cloud_event(
                change,
                feed.events,
                order_model(),
                source="/orderstream/test",
                personal=False,
            ),
            parse_float=Decimal,
        )
        for change in changes_of(feed.orders["A"], feed.events)
    ]


@pytest.mark.parametrize("count", range(len(EVENTS) + 1))
def test_of_events_that_arrived_in_their_order_every_version_is_announced_as_it_was(count: int) -> None:
    feed = Feed()
    for number, document in enumerate([ORDER, *EVENTS[:count]]):
        sent(feed, number, document)
    feed.announce(feed.dynamo.records)
    assert len(feed.announced) == count + 1
    assert replayed(feed) == feed.announced


@settings(max_examples=50, deadline=None)
@given(st.permutations([ORDER, *EVENTS, *EVENTS[:2]]))
def test_whatever_order_events_arrived_in_the_versions_have_no_gap_and_the_last_is_the_state(
    documents: list[dict[str, Any]],
) -> None:
    feed = Feed()
    for number, document in enumerate(documents):
        sent(feed, number, document)
    feed.announce(feed.dynamo.records)
    again = replayed(feed)
    assert [one["id"] for one in again] == [one["id"] for one in feed.announced]
    assert again[-1]["data"]["order"] == feed.announced[-1]["data"]["order"]


def test_versions_that_a_repair_made_have_the_present_state() -> None:
    feed = Feed()
    for number, document in enumerate([ORDER, *EVENTS[:1]]):
        sent(feed, number, document)
    feed.dynamo.items["A"]["Version"] = {"N": "4"}
    found = replayed(feed)
    assert [one["type"].rpartition(".")[2] for one in found] == ["placed", "paid", "updated", "updated"]
    assert [one["data"]["order"]["Status"] for one in found] == ["placed", "paid", "paid", "paid"]
    assert [one["data"]["version"] for one in found] == [1, 2, 3, 4]
