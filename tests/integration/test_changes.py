"""`orders changes` and what `orders stack verify` says of the change feed, on real streams and tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.recovery.verify import verify_and_repair
from tests.integration.conftest import OrdersHere
from tests.integration.feed_harness import FeedPipe
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import LATER, event, order, verified

PAID = {"amount": 1, "occurred_at": "2026-11-29T12:00:00Z"}


@pytest.fixture
def pipe(cloud: AwsClients) -> FeedPipe:
    return FeedPipe(cloud)


def by_id(pipe: FeedPipe) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in pipe.announced():
        found.setdefault(one["id"], []).append(one)
    return found


def details(pipe: FeedPipe) -> dict[tuple[str, str], str]:
    report = verified(pipe, later=LATER)
    return {(one.kind, one.id): one.detail for one in report.discrepancies}


def test_what_was_never_announced_is_named_and_announced_by_a_repair(pipe: FeedPipe) -> None:
    pipe.make_function()
    pipe.put(order("A"), order("B"), event("B", "paid", **PAID), order("C"), event("C", "paid", **PAID))
    pipe.process(pipe.records()[:4])
    pipe.announce()
    pipe.process()
    pipe.put(order("D"), event("B", "packed"))
    pipe.process()
    pipe.forget_changes()
    assert details(pipe) == {
        ("not_announced", "B"): "version 3",
        ("not_announced", "C"): "version 2",
        ("not_announced", "D"): "version 1",
    }
    done, report = verify_and_repair(pipe.deployment, clock=lambda: datetime.now(UTC) + LATER)
    assert (done.announced, report.discrepancies) == (3, ())
    assert report.counts.announced == 7
    assert pipe.ids() == ["A/1", "B/1", "B/2", "B/3", "C/1", "C/2", "D/1"]


def test_what_may_still_be_announced_is_no_discrepancy(pipe: FeedPipe) -> None:
    pipe.put(order("A"))
    pipe.process()
    assert verified(pipe).discrepancies == ()


def test_what_was_announced_and_is_not_stored_is_named_unless_it_was_erased(pipe: FeedPipe) -> None:
    pipe.put(order("A"), order("B"), event("B", "paid", **PAID), order("C"))
    pipe.process()
    pipe.announce()
    before = pipe.cloud.dynamodb.get_item(TableName="Orders", Key={"OrderID": {"S": "B"}})["Item"]
    pipe.put(event("B", "packed"))
    pipe.process()
    pipe.announce()
    for order_id in ("A", "C"):
        pipe.cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": order_id}})
        if order_id == "A":
            pipe.announce()
    # As a table that was restored from a backup.
    pipe.cloud.dynamodb.put_item(TableName="Orders", Item=before)
    told = details(pipe)
    assert told["announced_not_stored", "B"] == "version 3, the item has 2"
    assert told["announced_not_stored", "C"] == "version 1, the order is not in the table"
    assert ("announced_not_stored", "A") not in told


def test_changes_are_printed_with_what_is_asked_for(pipe: FeedPipe) -> None:
    pipe.deploy()
    orders = OrdersHere(pipe.environment())
    pipe.put(order("A", "1500.50"), order("B"), event("B", "paid", **PAID), event("A", "paid", amount=1500.5))
    pipe.process()
    pipe.announce()
    announced = pipe.announced()
    pipe.cloud.kinesis.put_record(StreamName="OrderChanges", PartitionKey="k", Data=b"\x1b[31mnone of ours")

    def printed(*options: str) -> list[dict[str, Any]]:
        done = orders("changes", "tail", "--json", *options)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def ids(*options: str) -> list[str]:
        return sorted(one["id"] for one in printed(*options))

    assert printed() == announced
    assert ids("--order", "B") == ["B/1", "B/2"]
    assert ids("--where", "type = 'paid' AND amount > 1000") == ["A/2"]
    assert ids("--where", "'placed' IN reached", "--since", "1h") == ["A/1", "B/1"]
    assert ids("--since", "2020-01-01", "--where", "captured = 1500.5 and balance > 1") == ["A/2"]
    lines = orders("changes", "tail", "--order", "A").stdout.splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == [
        "A/1  placed  status placed  total 1500.50  balance 0.00 EUR",
        "A/2  paid  status paid  total 1500.50  balance 1500.50 EUR",
    ]
    for wrong in ("amount >", "no_such_column = 1", "1 = 1); SELECT (1", "amount = 'many'"):
        refused = orders("changes", "tail", "--where", wrong, status=2)
        assert "--where" in refused.stderr or "one expression" in refused.stderr
        assert "hint: for example: amount > 1000" in refused.stderr
    assert orders("changes", "tail", "--order", "Z").stderr == "no changes\n"


def test_a_replay_announces_every_version_of_what_is_selected_under_the_ids_that_they_had(
    pipe: FeedPipe,
) -> None:
    pipe.deploy()
    orders = OrdersHere(pipe.environment())
    pipe.put(order("A", "1500.5"), order("B"), event("B", "paid", **PAID), event("C", "paid"))
    pipe.process()
    pipe.announce()
    first = by_id(pipe)
    assert "would announce 3 changes of 2 orders" in orders("changes", "replay", "--dry-run").stdout
    assert by_id(pipe) == first
    done = json.loads(orders("changes", "replay", "--order", "B", "--json").stdout)
    assert (done["orders"], done["announced"], done["failed"], done["problems"]) == (1, 2, 0, [])
    orders("changes", "replay", "--where", "total > 1000", "--since", "1h", "--rate", "1000")
    again = by_id(pipe)
    assert {key: len(ones) for key, ones in again.items()} == {"A/1": 2, "B/1": 2, "B/2": 2}
    assert all(one == first[key][0] for key, ones in again.items() for one in ones)
    for nothing in (("--until", "2020-01-01"), ("--where", "version > 2")):
        refused = orders("changes", "replay", *nothing, status=4)
        assert "there was nothing to announce" in refused.stderr
    assert "there is no order Z" in orders("changes", "replay", "--order", "Z", status=1).stderr
    assert "order C has not arrived" in orders("changes", "replay", "--order", "C", status=1).stderr


def test_without_a_change_feed_the_commands_say_how_to_switch_it_on(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.deploy()
    for command in ("tail", "replay"):
        refused = OrdersHere(pipe.environment())("changes", command, status=3).stderr
        assert "stack orderstream has no change feed" in refused
        assert "hint: deploy it: orders deploy --parameter ChangeFeed=true" in refused
