"""Events of orders, as a user sends and reads them: by command and over HTTP, on a local cloud."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from orderstream.api.app import make_app
from orderstream.api.dependencies import build_services
from orderstream.api.server import Server
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from tests.integration.conftest import Orders, awaited
from tests.integration.served_api import api

__all__ = ["api"]

PROBLEM = "application/problem+json"


def new_id() -> str:
    return f"life-{uuid.uuid4().hex}"


def order(order_id: str, customer: str = "12345") -> dict[str, Any]:
    return {"order_id": order_id, "customer_id": customer, "amount": "19.90", "currency": "EUR"}


def history(orders: Orders, order_id: str, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        orders("history", order_id, "--json", *options).stdout, parse_float=Decimal
    )
    return found


def await_effects(orders: Orders, order_id: str, *effects: str) -> dict[str, Any]:
    """The history of an order, once its events have these effects."""

    def look() -> dict[str, Any] | None:
        done = orders("history", order_id, "--json", status=None)
        found: dict[str, Any] = {"events": []}
        if done.returncode == 0:
            found = json.loads(done.stdout, parse_float=Decimal)
        return found if [one["effect"] for one in found["events"]] == list(effects) else None

    return awaited(look)


def test_events_are_sent_by_command_and_their_effects_are_told(local: LocalCloud, orders: Orders) -> None:
    order_id = new_id()
    orders("send", json.dumps(order(order_id)))
    done = orders("event", order_id, "paid", "--amount", "19.90", "--seq", "1", "--set", "method=card")
    assert f"paid sent of order {order_id}" in done.stderr
    receipt = json.loads(
        orders("event", order_id, "refunded", "--amount", "20", "--seq", "2", "--json").stdout
    )
    assert receipt["order_id"] == order_id
    # By a line, as any other record.
    orders("send", json.dumps({"order_id": order_id, "event": "packed", "seq": 3}))
    found = await_effects(orders, order_id, "applied", "forbidden", "applied")
    paid, refunded, packed = found["events"]
    assert (paid["captured"], json.loads(paid["details"])) == (Decimal("19.90"), {"method": "card"})
    assert refunded["reason"] == "refunds 20 in all, of 19.9 that was captured"
    assert packed["status"] == found["state"]["Status"] == "packed"
    shown = orders("history", order_id).stdout
    assert "forbidden" in shown and f"order {order_id} is packed" in shown
    # The item is updated a moment after its events are stored.
    item = awaited(
        lambda: (
            found if (found := json.loads(orders("get", order_id, "--json").stdout))["Version"] == 4 else None
        )
    )
    assert (item["Status"], item["Balance"], item["Forbidden"]) == ("packed", 19.90, 1)
    before = history(orders, order_id, "--as-of", "2026-01-01")
    assert before["events"] == [] and before["state"]["Status"] == "placed"


def test_an_event_before_its_order_waits_and_a_missing_number_is_listed(
    local: LocalCloud, orders: Orders
) -> None:
    early, gap, nobody = new_id(), new_id(), new_id()
    orders("send", json.dumps(order(gap)))
    orders("event", gap, "paid", "--seq", "2")
    orders("event", early, "paid", "--seq", "1")
    await_effects(orders, early, "waiting")
    assert "has not arrived" in orders("history", early).stdout
    await_effects(orders, gap, "applied")

    def waiting() -> dict[str, Any] | None:
        lines = map(json.loads, orders("waiting", "--json").stdout.splitlines())
        found = {one["order_id"]: one for one in lines}
        return found if found.keys() >= {early, gap} else None

    found = awaited(waiting)
    assert (found[early]["pending"], found[early]["events"]) == ("order", ["paid"])
    assert (found[gap]["pending"], found[gap]["missing_seq"]) == ("event", 1)
    assert found[gap]["age_seconds"] >= 0
    assert early in orders("waiting").stdout
    assert "there is no order" in orders("history", nobody, status=1).stderr
    # It goes on when its order comes.
    orders("send", json.dumps(order(early)))
    await_effects(orders, early, "applied")


def test_what_is_no_event_is_refused_before_it_is_sent(
    local: LocalCloud, orders: Orders, tmp_path: Path
) -> None:
    assert "must be one of" in orders("event", "A-1", "flown", status=2).stderr
    assert "$.amount is required" in orders("event", "A-1", "refunded", status=2).stderr
    assert "does not say what to set" in orders("event", "A-1", "paid", "--set", "x", status=2).stderr
    file = tmp_path / "events.csv"
    file.write_text(f"order_id,event,amount\n{new_id()},paid,1\n,paid,1\n")
    done = orders("send", str(file), status=1)
    assert "line 3: an event needs the order_id of its order" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("1 of 2 sent")


def test_orders_are_listed_by_their_status_now(local: LocalCloud, orders: Orders) -> None:
    who = f"life-{uuid.uuid4().hex}"
    paid, placed = new_id(), new_id()
    lines = [order(paid, who), order(placed, who), {"order_id": paid, "event": "paid"}]
    orders("send", "-", given="\n".join(map(json.dumps, lines)).encode())

    def listed(*options: str) -> list[str]:
        return [json.loads(one)["OrderID"] for one in orders("list", *options, "--json").stdout.splitlines()]

    awaited(lambda: listed("--customer", who, "--status", "paid") == [paid])
    assert listed("--customer", who, "--status", "placed") == [placed]
    assert listed("--customer", who, "--status", "cancelled") == []
    # Without a customer, by their arrival.
    found = listed("--status", "placed", "--since", "1h", "--limit", "1000")
    assert placed in found and paid not in found
    assert "it is one of placed, paid" in orders("list", "--status", "lost", status=2).stderr
    assert "--customer" in orders("list", "--status", "paid", "--by", "a=b", status=2).stderr


def test_an_event_over_http_is_awaited_and_its_history_read(api: httpx.Client) -> None:
    order_id = f"{new_id()}/5"
    path = f"/orders/{quote(order_id, safe='')}"
    first = api.post(f"{path}/events?wait=10", json={"event": "paid", "amount": "19.90", "seq": 1})
    assert (first.status_code, first.json()["effect"]) == (201, "waiting")
    waiting = api.get(f"{path}/history").json()
    assert waiting["state"] is None and waiting["events"][0]["reason"] == "its order has not arrived"
    assert api.post("/orders?wait=10", json=order(order_id)).status_code == 201
    answer = api.post(
        f"{path}/events?wait=10",
        json={"order_id": order_id, "event": "packed", "by": "Jo"},
        headers={"Idempotency-Key": "evt-1"},
    )
    assert (answer.status_code, answer.json()["effect"], answer.json()["reason"]) == (201, "applied", "")
    assert answer.headers["Location"] == answer.json()["location"] == f"{path}/history"
    again = api.post(f"{path}/events?wait=10", json={"event": "packed", "by": "Jo", "event_id": "evt-1"})
    assert (again.json()["effect"], again.json()["reason"]) == ("duplicate", "was sent before")
    other = api.post(f"{path}/events?wait=10", json={"event": "shipped", "event_id": "evt-1"})
    assert other.json()["effect"] == "conflict"
    forbidden = api.post(f"{path}/events?wait=10", json={"event": "delivered"})
    assert forbidden.json()["reason"] == "delivered may not follow packed"
    found = json.loads(api.get(answer.headers["Location"]).text, parse_float=Decimal)
    assert found["state"]["Status"] == "packed" and found["state"]["Captured"] == Decimal("19.90")
    assert {one["event"]: one["producer_event_id"] for one in found["events"]}["packed"] == "evt-1"
    item = api.get(path).json()
    assert (item["Status"], item["Forbidden"]) == ("packed", 2)
    assert api.get(f"{path}/history", params={"as_of": "2026-01-01"}).json()["events"] == []


@pytest.mark.parametrize("occurred_at", ["2026-11-22T18:00:00Z", "2026-11-22T19:00:00+01:00"])
def test_an_event_that_says_when_it_occurred_is_found_again_by_its_content(
    api: httpx.Client, occurred_at: str
) -> None:
    order_id = new_id()
    api.post("/orders?wait=10", json=order(order_id))
    event = {"event": "paid", "occurred_at": occurred_at}
    answers = [api.post(f"/orders/{order_id}/events?wait=10", json=event).json() for _ in range(2)]
    assert [one["effect"] for one in answers] == ["applied", "applied"]
    assert answers[0]["event_id"] != answers[1]["event_id"]
    assert len(api.get(f"/orders/{order_id}/history").json()["events"]) == 1


@pytest.mark.parametrize(
    ("body", "headers", "path"),
    [
        ({"event": "flown"}, {}, "$.event"),
        ({}, {}, "$.event"),
        ({"customer_id": "1", "amount": 1}, {}, "$.event"),
        ({"event": None}, {}, "$.event"),
        ({"event": "paid", "order_id": "B-1"}, {}, "$.order_id"),
        ({"event": "paid", "order_id": 7}, {}, "$.order_id"),
        ({"event": "refunded"}, {}, "$.amount"),
        ({"event": "paid", "event_id": "a"}, {"Idempotency-Key": "b"}, "$.event_id"),
        ([], {}, "$"),
    ],
)
def test_what_is_no_event_of_the_order_is_refused_with_every_reason(
    api: httpx.Client, body: Any, headers: dict[str, str], path: str
) -> None:
    answer = api.post("/orders/A-1/events", json=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM), answer.text
    assert path in [reason["path"] for reason in answer.json()["errors"]]


def test_bodies_of_events_are_bounded_and_json_and_unknown_histories_are_not_there(api: httpx.Client) -> None:
    kind = {"content-type": "application/json"}
    assert (
        api.post("/orders/A-1/events", content=b"{}", headers={"content-type": "text/plain"}).status_code
        == 415
    )
    assert api.post("/orders/A-1/events", content=b" " * 2_000_000, headers=kind).status_code == 413
    assert api.post("/orders/A-1/events", content=b"not JSON", headers=kind).status_code == 422
    assert api.post("/orders/%C3%A4/events", json={"event": "paid"}).status_code == 422
    assert api.get(f"/orders/{new_id()}/history").status_code == 404
    assert api.get("/orders/A-1/history?as_of=soon").json()["errors"][0]["path"] == "query.as_of"


def test_an_event_that_is_not_stored_in_time_is_accepted_all_the_same(local: LocalCloud) -> None:
    services = build_services(local.deployment)
    resources = {**local.deployment.resources, "EventsTableName": ""}
    nowhere = replace(services, deployment=replace(local.deployment, resources=resources))
    with (
        services.producer,
        Server(make_app(lambda: nowhere), free_port()) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
        ThreadPoolExecutor() as threads,
    ):
        answers = threads.map(
            lambda _: client.post(f"/orders/{new_id()}/events?wait=0.3", json={"event": "paid"}), range(4)
        )
        assert {answer.status_code for answer in answers} == {202}
