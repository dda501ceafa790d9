"""What the change feed adds to a plan, calculated by hand; the arithmetic is beside each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderstream.capacity.feed import FeedSizing, announced
from orderstream.capacity.line_items import Bill
from orderstream.capacity.parameters import parameters
from orderstream.capacity.plan import plan
from orderstream.capacity.sizing import compute_sizing
from orderstream.errors import InputError
from tests.unit.capacity.examples import plan_input, sizing

# 512 + 0.215 × 800; 131 more for an event.
OF_ORDER, OF_EVENT = 684, 815


def feed_of(*given: int, **options: Any) -> FeedSizing:
    found = sizing(*given, feed=True, **options).feed
    assert found
    return found


def billed(rate: int, **options: Any) -> dict[str, Decimal]:
    """The lines of the bill that the change feed adds."""
    added = ("change feed", "pipe", "events on the bus")
    entries = sizing(rate, feed=True, **options).bill.entries
    return {f"{one.service} {one.what}": one.dollars for one in entries if one.what.startswith(added)}


def test_each_order_and_each_event_is_announced_with_the_state_of_the_order() -> None:
    demand = announced(plan_input(100, events=4)).demand
    assert (demand.size, demand.event_size) == (OF_ORDER, OF_EVENT)
    found = feed_of(100, events=4)
    assert found.versions_per_order == 5
    assert found.announcement_bytes == (OF_ORDER + 4 * Decimal(OF_EVENT)) / 5


def test_the_stream_of_changes_takes_the_peak_of_all_versions() -> None:
    # 100 × 5 × 1.25 × 5 / 1,000 = 3.1; without events one.
    assert (feed_of(100, 5, events=4).shards, feed_of(100, 5).shards) == (4, 1)
    assert feed_of(100, 5, mode="on-demand").shards == 0
    # (0.015 + 0.02) × 730 × 4 shards, and 0.014 for a million puts: 1,314 of them.
    assert round(feed_of(100, 5, events=4).dollars, 2) == Decimal("102.20") + Decimal("18.40")


def test_what_arrives_between_two_polls_of_a_partition_is_a_batch() -> None:
    # A new table has four partitions: 1,000 / 4 × 0.25
    found = feed_of(1000)
    assert [found.versions_per_batch, found.batches_per_second] == [Decimal("62.5"), 16]
    # (4 + 62.5 × 0.046) ms on a share of 1,024 / 1,769, and one PutRecords of 10 ms
    assert round(found.seconds_per_batch, 4) == Decimal("0.0219")
    # Less than one in a poll: each is a batch.
    assert [feed_of(1).versions_per_batch, feed_of(1).batches_per_second] == [1, 1]


def test_an_event_is_announced_after_a_query_of_its_orders_events() -> None:
    assert [feed_of(100).reads_per_order, feed_of(100, events=4).reads_per_order] == [0, 4]
    # 100 versions of 20 orders: (4 + 20 × 0.046 + 80 × 0.8) ms / (1,024 / 1,769), 16 queries of 5 ms, 10 ms
    found = feed_of(320, events=4)
    assert found.versions_per_batch == 100
    assert round(found.seconds_per_batch, 3) == Decimal("0.209")


def test_the_bill_has_stream_function_reads_log_alarms_and_the_event_bus() -> None:
    found = billed(100, events=4, event_bus=True)
    # 2.628 million seconds × 16 batches × (300 + 400) bytes at $0.50 a GB, and stored.
    assert found["CloudWatch change feed, logs"] == Decimal("13.83")
    # A metric at $0.30; six metrics in alarms at $0.10.
    assert found["CloudWatch change feed, metric, alarms"] == Decimal("0.90")
    # 1,051.2 million reads at $0.125; 1,314 million versions at $0.40 and at $1.
    assert found["DynamoDB change feed, reads of events"] == Decimal("131.40")
    assert found["EventBridge pipe"] == Decimal("525.60")
    assert found["EventBridge events on the bus"] == Decimal("1314.00")
    assert not {name for name in billed(100) if name.startswith("EventBridge")}


def test_an_entry_of_more_than_64_kb_counts_as_several() -> None:
    # 512 + 0.215 × 400,000 = 86,512 bytes: two of 65,536.
    assert feed_of(1, 1, 400_000, event_bus=True).requests_a_month == 2 * 2_628_000


def test_the_price_of_a_version_is_what_the_same_plan_costs_less_without_the_feed() -> None:
    found, without = plan(plan_input(100, feed=True)), plan(plan_input(100))
    more = found.sizing.bill.total - without.sizing.bill.total
    assert found.version_dollars_million == more / Decimal("262.8")
    assert without.version_dollars_million is None and without.sizing.feed is None


def test_the_parameters_enable_what_is_planned_and_switch_nothing_off() -> None:
    feed = plan(plan_input(100, feed=True, mode="on-demand")).parameters
    assert (feed["ChangeFeed"], feed["ChangeFeedShardCount"]) == ("true", "0")
    bus = plan(plan_input(100, feed=True, event_bus=True, mode="shards")).parameters
    assert (bus["ChangeFeedShardCount"], bus["ChangeEventBus"]) == ("1", "default")
    assert not {name for name in plan(plan_input(100)).parameters if name.startswith("Change")}
    with pytest.raises(InputError, match="event bus without the change feed"):
        plan_input(100, event_bus=True)


def paid(bill: Bill, what: str) -> Decimal:
    (entry,) = [one for one in bill.entries if f"{one.service}, {one.what}" == what]
    return entry.dollars


def test_webhooks_and_totals_have_their_price() -> None:
    found = sizing(100, size=500, events=4, feed=True, webhooks=2, totals=True).bill
    # 262.8 million orders have 1,314 million versions. A delivery of 1 KB: 4 × $0.625 + 2 × $0.125 a million.
    assert paid(found, "DynamoDB, webhooks") == 2 * 1314 * Decimal("2.75")
    # Half a GB for 2,628,000 s × $0.0000133334, twice.
    assert paid(found, "Lambda, webhooks, senders at most") == Decimal("35.04")
    assert paid(found, "Secrets Manager, webhooks") == Decimal("0.80")
    assert paid(found, "CloudWatch, webhooks") == Decimal("1.40")
    # 6 × $0.625 + 2 × $0.125 a million.
    assert paid(found, "DynamoDB, totals, at most") == 1314 * 4
    assert paid(found, "CloudWatch, totals, alarm") == Decimal("0.10")
    with pytest.raises(InputError, match="webhooks without the change feed"):
        plan_input(1, webhooks=1)
    given = plan_input(100, feed=True, webhooks=2, totals=True)
    values = parameters(compute_sizing("shards", given), given.options)
    assert (values["Webhooks"], values["Totals"]) == ("true", "true")
