"""An order's events: its state as it is read, its history, and what waits."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import islice

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.errors import NotFoundError
from orderstream.lookup.trace import trace
from orderstream.storage.order_events import read_events, waiting
from orderstream.storage.orders import get_order, get_orders, stored_items
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import order


def event(order_id: str, name: str, at: str, more: str = "") -> str:
    return f'{{"order_id": "{order_id}", "event": "{name}", "occurred_at": "2026-11-{at}T00:00:00Z"{more}}}'


def test_an_order_is_read_with_the_state_that_its_events_lead_to(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.put(order("A", "9.50"), order("B"), event("A", "paid", "20", ', "amount": 9.50'))
    pipe.process()
    paid, placed = (get_order(pipe.deployment, order_id) for order_id in "AB")
    assert (paid["Status"], paid["Version"], paid["Captured"]) == ("paid", 2, Decimal("9.5"))
    assert (placed["Status"], placed["Version"], placed["UpdatedAt"]) == ("placed", 1, placed["ReceivedAt"])
    assert (placed["Total"], placed["Captured"], placed["Refunded"], placed["Balance"]) == (1, 0, 0, 0)
    assert "Applied" not in paid
    assert "Version" not in get_orders(pipe.deployment, ["B"])["B"], "as it is stored"


def test_what_waits_is_found_the_first_first(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.put(event("late", "paid", "20"), event("late", "packed", "21"))
    pipe.process()
    pipe.put(event("later", "paid", "20"), order("gap"), event("gap", "paid", "20", ', "seq": 2'))
    pipe.process()
    late, later, gap = waiting(pipe.deployment)
    assert [(one.order_id, one.pending, one.missing_seq) for one in (late, later, gap)] == [
        ("late", "order", None),
        ("later", "order", None),
        ("gap", "event", 1),
    ]
    assert sorted(row["Event"] for row in late.events) == ["packed", "paid"]
    assert late.since == late.events[0]["ReceivedAt"] < later.since
    assert [one.order_id for one in islice(waiting(pipe.deployment), 1)] == ["late"]

    with pytest.raises(NotFoundError, match="order late has not arrived; events of it wait"):
        get_order(pipe.deployment, "late")
    assert get_orders(pipe.deployment, ["late"]) == {}
    assert stored_items(pipe.deployment, ["late"])["late"]["Pending"] == "order"
    assert len(read_events(pipe.deployment, "late")) == 2
    pipe.put(order("late"))
    pipe.process()
    assert get_order(pipe.deployment, "late")["Status"] == "packed"
    assert [one.order_id for one in waiting(pipe.deployment)] == ["later", "gap"]


def test_a_stack_of_a_version_without_events_has_none(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.put(order("A"))
    pipe.process()
    cloud.dynamodb.delete_table(TableName="OrderEvents")
    resources = {name: one for name, one in pipe.deployment.resources.items() if name != "EventsTableName"}
    older = replace(pipe.deployment, resources=resources)
    assert (read_events(older, "A"), list(waiting(older))) == ([], [])


def test_a_trace_has_the_events_of_the_order_and_what_became_of_each(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    placed, paid, again, delivered, invalid = pipe.put(
        order("A"),
        event("A", "paid", "20"),
        event("A", "paid", "20"),
        event("A", "delivered", "21"),
        event("A", "unheard_of", "21"),
    )
    (early,) = pipe.put(event("B", "paid", "20"))
    pipe.process()
    steps = trace(pipe.deployment, "A").steps
    what = {one: [step.what for step in steps if step.event_id == one] for one in (placed, paid, again)}
    assert what == {
        placed: ["arrived", "archived", "stored"],
        paid: ["dated", "arrived", "archived", "applied"],
        again: ["dated", "arrived", "archived", "duplicate"],
    }
    details = {step.event_id: step.detail for step in steps if step.what in ("forbidden", "duplicate")}
    assert details == {delivered: "delivered: delivered may not follow paid", again: f"of event {paid}"}
    (refused,) = (step for step in steps if step.what == "quarantined")
    assert (refused.event_id, "must be one of" in refused.detail) == (invalid, True)
    (arrived,) = (step for step in steps if step.what == "arrived" and step.event_id == paid)
    assert arrived.detail == "paid, partition key k"

    found = trace(pipe.deployment, "B")
    assert (found.item, found.steps[-1].what, found.steps[-1].event_id) == (None, "waiting", early)
