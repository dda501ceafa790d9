"""A table that is gone comes back from the archive; replaying again, or in parts, changes nothing (G7)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderstream.archive.checkpoint import Checkpoint
from orderstream.archive.plan import plan
from orderstream.archive.replay import ArchivedRecord, ReplayResult, Selection, replay
from orderstream.archive.replay import with_events as including_events
from orderstream.archive.targets import StreamTarget, TableTarget
from orderstream.aws.clients import AwsClients
from orderstream.capacity.reference_data import ReferenceData
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import COMPACTED, ORDERS, QUARANTINE, hour_prefix
from orderstream.errors import CloudError
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.services import S3Store
from orderstream.storage.bucket import ALL_TIME, TimeRange
from tests.integration.archive_harness import HOUR, NOON, record
from tests.integration.conftest import OrdersHere
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import drop_table, event, event_rows, items, order

EVERYTHING = Selection()


def to_table(pipe: Pipe, selection: Selection = EVERYTHING, **options: Any) -> ReplayResult:
    return replay(pipe.deployment, selection, TableTarget(pipe.deployment), **options)


def filled(cloud: AwsClients, *, layout: str = "batch") -> Pipe:
    """A pipe that took orders, a part of them twice, with a repeat, a conflict and a bad record."""
    pipe = Pipe(cloud, layout=layout)
    pipe.make_function()
    texts = [order(f"A-{number}", f"{number + 1}.50", f"c{number % 3}") for number in range(30)]
    pipe.put(*texts, texts[3], order("A-4", "99"), "bad", '{"customer_id": "c1", "amount": 7}')
    records = pipe.records()
    pipe.process(records[:20])
    pipe.process(records[10:20])
    pipe.process(records[20:])
    return pipe


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_a_table_that_is_gone_comes_back_item_for_item(cloud: AwsClients, layout: str) -> None:
    pipe = filled(cloud, layout=layout)
    before = items(pipe)
    quarantined = pipe.keys(QUARANTINE)
    drop_table(pipe)
    done = to_table(pipe)
    assert items(pipe) == before
    assert (done.stored, done.failed, done.problems, done.damaged) == (31, 0, [], [])
    again = to_table(pipe)
    assert (again.stored, again.failed) == (0, 0)
    assert items(pipe) == before
    assert pipe.keys(QUARANTINE) == quarantined, "what is in quarantine is not written there again"
    if layout == "batch":
        assert (done.read, done.duplicates_skipped, done.duplicates, done.conflicts, done.invalid) == (
            44,
            10,
            1,
            1,
            1,
        )


def with_events(cloud: AwsClients, *, layout: str = "batch") -> Pipe:
    """A pipe that took orders and their events, in the wrong order, twice, and some that have no effect."""
    pipe = Pipe(cloud, layout=layout)
    pipe.make_function()
    at = "2026-11-22T{}:00:00Z"
    texts = [
        event("A", "shipped", occurred_at=at.format(12), event_id="s"),
        order("A", "10", "c1"),
        event("A", "paid", occurred_at=at.format(10), amount=10, event_id="p"),
        event("A", "paid", occurred_at=at.format(10), amount=10, event_id="p"),
        event("A", "packed", occurred_at=at.format(11), event_id="k"),
        event("A", "refunded", occurred_at=at.format(13), amount=99, event_id="too-much"),
        event("A", "lost"),
        order("B", "5", "c2"),
        event("B", "captured", seq=1, amount="2.50"),
        event("B", "captured", seq=3, amount="2.50"),
        event("B", "amended", seq=4, amount=7),
        event("C", "paid", event_id="waits"),
    ]
    pipe.put(*texts)
    records = pipe.records()
    pipe.process(records[:5])
    pipe.process(records[3:9])
    pipe.process(records[9:])
    return pipe


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_items_and_events_come_back_as_they_were_whichever_came_first(cloud: AwsClients, layout: str) -> None:
    pipe = with_events(cloud, layout=layout)
    before, rows = items(pipe), event_rows(pipe)
    assert before["A"]["Status"] == {"S": "shipped"} and before["B"]["MissingSeq"] == {"N": "2"}
    assert len(rows) == 8
    drop_table(pipe)
    done = to_table(pipe)
    assert (items(pipe), event_rows(pipe)) == (before, rows)
    assert (done.stored, done.events, done.duplicates, done.failed) == (2, 8, 1, 0)
    assert done.invalid == (1 if layout == "batch" else 0)
    again = to_table(pipe)
    assert (again.stored, again.events, again.failed) == (0, 0, 0)
    assert (items(pipe), event_rows(pipe)) == (before, rows)


def test_with_a_customer_come_the_events_of_the_customers_orders(cloud: AwsClients) -> None:
    pipe = with_events(cloud)
    before = items(pipe)
    drop_table(pipe)
    selection = including_events(pipe.deployment, Selection(customer_id="c1"))
    done = to_table(pipe, selection)
    assert (done.stored, done.events) == (1, 4)
    assert items(pipe) == {"A": before["A"]}
    to_table(pipe, Selection(order_id="B"))
    assert items(pipe) == {"A": before["A"], "B": before["B"]}


def test_onto_the_stream_events_go_as_they_were_and_change_no_order(cloud: AwsClients) -> None:
    pipe = with_events(cloud)
    pipe.put(event("A", "returned"))
    pipe.process(pipe.records()[12:])
    before, rows = items(pipe), event_rows(pipe)
    sent = len(pipe.records())
    done = replay(pipe.deployment, Selection(), StreamTarget(pipe.deployment))
    # One of them would be another event there.
    assert (done.sent, done.invalid, done.failed) == (11, 1, 1)
    (problem,) = done.problems
    assert "of order A has no event_id, seq or occurred_at" in problem and "--to table" in problem
    pipe.process(pipe.records()[sent:])
    # What does not say when it occurred is stored again, and known to be a repeat.
    own = {"Version", "Applied", "PendingSince"}
    content = {
        order_id: {name: value for name, value in item.items() if name not in own}
        for order_id, item in items(pipe).items()
    }
    assert content == {
        order_id: {name: value for name, value in item.items() if name not in own}
        for order_id, item in before.items()
    }
    assert event_rows(pipe).items() >= rows.items()
    # An empty table gets the same orders.
    drop_table(pipe)
    pipe.process(pipe.records()[sent:])
    money = ("Status", "Total", "Captured", "Refunded", "Balance")
    for name in money:
        assert items(pipe)["B"].get(name) == before["B"].get(name)


def test_of_two_orders_with_one_id_the_one_that_came_first_comes_back_whichever_shard_it_was_on(
    cloud: AwsClients,
) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.process([record(1, order("A", "1"), shard="shard-2")])
    pipe.process([record(2, order("A", "2"), shard="shard-1")])
    before = items(pipe)
    drop_table(pipe)
    done = to_table(pipe)
    assert items(pipe) == before
    assert (done.stored, done.conflicts) == (1, 1)


def test_only_what_is_selected_comes_back(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    drop_table(pipe)
    assert to_table(pipe, Selection(order_id="A-7")).stored == 1
    assert items(pipe).keys() == {"A-7"}
    to_table(pipe, Selection(customer_id="c2"))
    assert {item["CustomerID"]["S"] for item in items(pipe).values()} == {"c1", "c2"}
    assert len(items(pipe)) == 11
    now = datetime.now(UTC)
    assert to_table(pipe, Selection(TimeRange(until=now - HOUR))).read == 0
    assert to_table(pipe, Selection(TimeRange(now - HOUR, now + HOUR))).stored == 20


class Stops(Exception):
    pass


class StoppingTarget:
    """A table that is interrupted after some events."""

    def __init__(self, target: TableTarget, events: int) -> None:
        self.target, self.left = target, events

    def take(self, events: Sequence[ArchivedRecord], done: ReplayResult) -> None:
        self.left -= len(events)
        if self.left < 0:
            raise Stops
        self.target.take(events, done)

    def close(self) -> None:
        self.target.close()


def test_an_interrupted_replay_goes_on_where_it_was_and_loses_nothing(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    for hour in range(6):
        at = NOON + hour * HOUR
        numbers = range(hour * 120, (hour + 1) * 120)
        pipe.process([record(number, order(f"A-{number}"), at=at) for number in numbers])
    before = items(pipe)
    assert len(before) == 720
    drop_table(pipe)
    words = ["replay", pipe.deployment.bucket]
    journal = Checkpoint(words, TimeRange(NOON, None), folder=tmp_path)
    selection = Selection(journal.span)
    stopping = StoppingTarget(TableTarget(pipe.deployment), 600)
    with pytest.raises(Stops):
        replay(pipe.deployment, selection, stopping, checkpoint=journal.save)
    # "2h" would be another span by now: the journal has the one with which it was begun.
    journal = Checkpoint(words, TimeRange(NOON + HOUR, None), folder=tmp_path)
    assert journal.is_resumed and journal.span == TimeRange(NOON, None)
    done = to_table(pipe, Selection(journal.span), after=journal.after, checkpoint=journal.save)
    assert done.read == 2 * 120, "what was done is not read again, but for the hour under way"
    assert items(pipe) == before
    journal.clear()
    assert not Checkpoint(words, ALL_TIME, folder=tmp_path).is_resumed


def test_a_journal_that_cannot_be_read_says_how_to_begin_anew(tmp_path: Path) -> None:
    Checkpoint(["replay"], ALL_TIME, folder=tmp_path).save("hour year=2026")
    (file,) = tmp_path.iterdir()
    file.write_text("{")
    with pytest.raises(CloudError, match="cannot read"):
        Checkpoint(["replay"], ALL_TIME, folder=tmp_path)
    assert Checkpoint(["replay"], ALL_TIME, restart=True, folder=tmp_path).after == ""


def test_a_damaged_object_is_named_and_the_others_are_replayed(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.put(order("A"), order("B"))
    first, second = pipe.records()
    pipe.process([first])
    pipe.process([second])
    damaged, _ = pipe.keys(ORDERS)
    pipe.write(damaged, pipe.body(damaged)[:-9])
    drop_table(pipe)
    done = to_table(pipe)
    assert len(done.damaged) == 1 and damaged in done.damaged[0]
    assert "B" in items(pipe)


def test_onto_the_stream_orders_go_under_the_identity_that_they_had(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    before = items(pipe)
    target = StreamTarget(pipe.deployment)
    done = replay(pipe.deployment, Selection(), target)
    # A repeat and a conflict are orders too: the function judges them again.
    assert (done.sent, done.invalid, done.failed) == (33, 1, 0)
    pipe.process(pipe.records()[34:])
    assert items(pipe) == before
    drop_table(pipe)
    pipe.process(pipe.records()[34:])
    assert items(pipe).keys() == before.keys()


class NoTarget:
    """Takes events to nowhere."""

    def take(self, events: Sequence[ArchivedRecord], done: ReplayResult) -> None:
        pass

    def close(self) -> None:
        pass


def test_not_more_events_a_second_go_than_were_allowed(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    some = [record(number, "any") for number in range(1200)]
    BatchArchive(S3Store(cloud.s3, pipe.deployment.bucket)).write(some, [decode(one.data) for one in some])
    now = 0.0
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        pauses.append(seconds)

    replay(pipe.deployment, EVERYTHING, NoTarget(), rate=100, sleep=sleep, clock=lambda: now)
    assert pauses == [5.0, 5.0]


def test_the_plan_counts_what_there_is_and_changes_nothing(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    before = pipe.keys("")
    drop_table(pipe)
    found = plan(pipe.deployment, Selection(), to="table", rate=22)
    assert (found.objects, found.events, found.seconds) == (3, 44, 2.0)
    assert found.bytes == sum(len(pipe.body(key)) for key in pipe.keys(ORDERS))
    assert found.dollars == Decimal("0.0001"), "never less than it is"
    assert pipe.keys("") == before and items(pipe) == {}
    nothing = plan(
        pipe.deployment,
        Selection(TimeRange(until=datetime(2020, 1, 1, tzinfo=UTC))),
        to="stream",
        rate=None,
    )
    assert (nothing.objects, nothing.events) == (0, 0)


def test_an_event_costs_two_writes_and_a_compacted_record_may_be_one(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    # Its name says how many records it has.
    pipe.write(f"{hour_prefix(COMPACTED, NOON)}1000000-{'a' * 16}.parquet", b"")
    price = ReferenceData()
    found = plan(pipe.deployment, Selection(), to="table", rate=None)
    assert found.events == 1_000_000
    writes = 2 * price.dynamodb_prices.write_million
    assert writes < found.dollars <= writes + price.s3_prices.get_thousand


def test_the_verb_shows_the_plan_replays_and_says_what_it_did(cloud: AwsClients, tmp_path: Path) -> None:
    pipe = filled(cloud)
    pipe.deploy()
    orders = OrdersHere(pipe.environment() | {"XDG_STATE_HOME": str(tmp_path)})
    planned = json.loads(orders("archive", "replay", "--since", "1h", "--dry-run", "--json").stdout)
    assert planned["objects"] == 3 and planned["to"] == "table"
    done = orders("archive", "replay", "--since", "1h", "--order", "A-7")
    assert "costs at most" in done.stderr and "there already" in done.stdout
    assert list((tmp_path / "orderstream").iterdir()) == []
