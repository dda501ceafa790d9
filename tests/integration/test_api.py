"""The HTTP API on a local cloud: what is accepted is stored, what is refused says why."""

from __future__ import annotations

import json
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from orderstream.api.app import MOST_BYTES, make_app
from orderstream.api.dependencies import build_services
from orderstream.api.listing import MOST_A_PAGE
from orderstream.api.server import Server
from orderstream.domain.order import MAX_BYTES
from orderstream.errors import OrderstreamError
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from tests.integration.conftest import awaited
from tests.integration.served_api import api

__all__ = ["api"]

PROBLEM = "application/problem+json"


def new_id() -> str:
    return f"api-{uuid.uuid4().hex}"


def order(**fields: Any) -> dict[str, Any]:
    return {"order_id": new_id(), "customer_id": "12345", "amount": "19.90"} | fields


def stored(api: httpx.Client, order_id: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        answer = api.get(f"/orders/{order_id}")
        return json.loads(answer.text, parse_float=Decimal) if answer.status_code == 200 else None

    return awaited(found)


def test_an_order_is_accepted_stored_and_comes_back_byte_for_byte(api: httpx.Client) -> None:
    order_id = new_id()
    body = b'{ "order_id": "%b","customer_id":"12345",  "amount": 19.900 }' % order_id.encode()
    answer = api.post("/orders", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/orders/{order_id}"
    accepted = answer.json()
    assert accepted["order_id"] == order_id
    assert accepted["event_id"].startswith("shardId-")
    found = stored(api, order_id)
    assert (found["OrderAmount"], found["EventID"]) == (Decimal("19.9"), accepted["event_id"])
    raw = api.get(f"/orders/{order_id}/raw")
    assert (raw.content, raw.headers["content-type"]) == (body, "application/octet-stream")


def test_an_order_is_awaited_until_it_is_stored_and_then_read_back(api: httpx.Client) -> None:
    given = order()
    for _ in range(2):
        # The second time it is a duplicate, which is stored too.
        answer = api.post("/orders?wait=10", json=given)
        assert (answer.status_code, answer.headers["location"]) == (201, f"/orders/{given['order_id']}")
        assert answer.json() == api.get(answer.headers["location"]).json()
    taken = api.post("/orders?wait=10", json=given | {"amount": "20.00"})
    assert (taken.status_code, taken.headers["content-type"]) == (409, PROBLEM)
    assert given["order_id"] in taken.json()["detail"]
    assert api.post("/orders?wait=0", json=given).status_code == 202


@pytest.mark.parametrize("seconds", ["-1", "10.1", "nan", "long"])
def test_a_wait_has_bounds(api: httpx.Client, seconds: str) -> None:
    answer = api.post(f"/orders?wait={seconds}", json=order())
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["errors"][0]["path"] == "query.wait"


def test_who_waits_for_a_table_that_has_not_the_order_holds_nobody_up_and_is_told_that_it_is_accepted(
    local: LocalCloud,
) -> None:
    stack = replace(local.deployment, resources={**local.deployment.resources, "TableName": "NoSuchTable"})
    services = build_services(stack)
    with (
        services.producer,
        Server(make_app(lambda: services), free_port()) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
        ThreadPoolExecutor(50) as threads,
    ):
        waiting = [threads.submit(client.post, "/orders?wait=5", json=order()) for _ in range(50)]
        assert client.post("/orders", json=order()).status_code == 202
        assert not any(one.done() for one in waiting)
        assert {one.result().status_code for one in waiting} == {202}


def test_an_id_may_have_slashes_and_blanks(api: httpx.Client) -> None:
    given = order(order_id=f"shop/a b#{new_id()}", customer_id=f"c/{new_id()}")
    answer = api.post("/orders", json=given)
    path = answer.headers["location"]
    assert (answer.status_code, path) == (202, f"/orders/{quote(given['order_id'], safe='')}")
    assert awaited(lambda: api.get(path).status_code == 200)
    assert api.get(f"{path}/raw").json() == given
    listed = api.get(f"/customers/{quote(given['customer_id'], safe='')}/orders").json()
    assert [one["OrderID"] for one in listed["orders"]] == [given["order_id"]]


def test_an_idempotency_key_is_the_id_of_an_order_without_one_which_else_gets_a_new_one(
    api: httpx.Client,
) -> None:
    key = new_id()
    for _ in range(2):
        answer = api.post("/orders", json={"customer_id": "1", "amount": 5}, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["order_id"]) == (202, key)
    assert stored(api, key)["OrderAmount"] == 5
    first, second = (api.post("/orders", json={"customer_id": "1", "amount": 5}).json() for _ in range(2))
    assert first["order_id"] != second["order_id"]


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        (b'{"customer_id": "", "amount": -1}', {("$.customer_id", "empty"), ("$.amount", "not_positive")}),
        (b"\xff", {("$", "not_utf8")}),
    ],
)
def test_what_is_no_order_is_refused_with_every_reason(
    api: httpx.Client, body: bytes, reasons: set[tuple[str, str]]
) -> None:
    answer = api.post("/orders", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    problem = answer.json()
    assert problem["status"] == 422
    assert {(one["path"], one["code"]) for one in problem["errors"]} == reasons


@pytest.mark.parametrize(
    ("sent", "key", "path", "code"),
    [
        ({}, "", "Idempotency-Key", "empty"),
        ({}, "x" * 129, "Idempotency-Key", "too_long"),
        ({"order_id": "A-1"}, "other", "$.order_id", "differs"),
    ],
)
def test_an_idempotency_key_that_cannot_be_the_id_is_refused(
    api: httpx.Client, sent: dict[str, str], key: str, path: str, code: str
) -> None:
    order = {"customer_id": "1", "amount": 5} | sent
    answer = api.post("/orders", json=order, headers={"Idempotency-Key": key})
    assert answer.status_code == 422
    assert [(one["path"], one["code"]) for one in answer.json()["errors"]] == [(path, code)]


def test_bodies_are_bounded_and_json(api: httpx.Client) -> None:
    large = json.dumps(order(note="x" * MAX_BYTES)).encode()
    json_ = {"Content-Type": "application/json"}
    assert api.post("/orders", content=large, headers=json_).status_code == 413
    assert api.post("/orders/batch", content=b" " * (MOST_BYTES + 1), headers=json_).status_code == 413
    for kind in ({"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": ""}, {}):
        refused = api.post("/orders", content=b'{"customer_id": "1", "amount": 5}', headers=kind)
        assert (refused.status_code, refused.headers["content-type"]) == (415, PROBLEM)


def test_each_order_of_a_batch_has_an_answer_of_its_own(api: httpx.Client) -> None:
    good, bad = order(), order(amount=0)
    answer = api.post("/orders/batch", json=[good, bad])
    assert answer.status_code == 207
    said = answer.json()
    assert (said["accepted"], said["refused"]) == (1, 1)
    assert [one["status"] for one in said["results"]] == [202, 422]
    assert said["results"][1]["errors"][0]["path"] == "$.amount"
    assert stored(api, good["order_id"])
    assert api.post("/orders/batch", json=[order(), order()]).status_code == 202


@pytest.mark.parametrize("body", [b"{}", b"[]", b"[" + b"1," * 500 + b"1]"])
def test_what_is_no_batch_is_refused(api: httpx.Client, body: bytes) -> None:
    answer = api.post("/orders/batch", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)


def test_a_customers_orders_come_in_pages_newest_first(api: httpx.Client) -> None:
    customer = new_id()
    sent = [
        api.post("/orders", json=order(customer_id=customer, order_date=f"2026-11-2{day}T10:00:00Z")).json()[
            "order_id"
        ]
        for day in range(5)
    ]
    for order_id in sent:
        stored(api, order_id)
    path, seen, cursor = f"/customers/{customer}/orders", [], None
    while True:
        page = api.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [one["OrderID"] for one in page["orders"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert seen == sent[::-1]
    some = api.get(path, params={"since": "2026-11-21", "until": "2026-11-23T10:00:00Z"}).json()["orders"]
    assert [one["OrderID"] for one in some] == [sent[2], sent[1]]
    assert api.get("/customers/nobody/orders").json() == {"orders": [], "cursor": None}


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": MOST_A_PAGE + 1},
        {"since": "soon"},
        {"cursor": "!"},
        {"cursor": "e30"},
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(api: httpx.Client, parameters: dict[str, Any]) -> None:
    answer = api.get("/customers/1/orders", params=parameters)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert answer.json()["errors"][0]["path"] == f"query.{next(iter(parameters))}"


# No customer can have the last id.
@pytest.mark.parametrize("path", ["/orders/none", "/orders/none/raw", "/nowhere", "/customers/a%0Ab/orders"])
def test_what_is_not_there_is_a_problem_too(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert answer.json()["title"] == "Not Found"


def test_without_the_index_a_customers_orders_are_said_to_be_no_use_asking_for(local: LocalCloud) -> None:
    stack = replace(local.deployment, resources={**local.deployment.resources, "CustomerIndex": "none"})
    services = build_services(stack)
    with (
        services.producer,
        Server(make_app(lambda: services), free_port()) as server,
        httpx.Client(base_url=server.url, timeout=30) as client,
    ):
        answer = client.get("/customers/12345/orders")
    assert (answer.status_code, answer.headers["content-type"]) == (501, PROBLEM)
    assert "retry-after" not in answer.headers
    assert "CustomerIndex=false" in answer.json()["detail"]


def test_health_names_the_alarms_that_are_on(api: httpx.Client) -> None:
    said = api.get("/health").json()
    assert said["status"] == ("degraded" if said["degraded"] else "ok")


def test_what_is_under_way_when_it_stops_is_answered_or_broken_off_and_what_was_accepted_is_stored(
    api: httpx.Client, local: LocalCloud
) -> None:
    services = build_services(local.deployment)
    accepted: list[str] = []
    refused: list[int] = []

    def send(url: str) -> None:
        with httpx.Client(base_url=url, timeout=30) as client, suppress(httpx.TransportError):
            while True:
                answer = client.post("/orders", json=order())
                if answer.status_code == 202:
                    accepted.append(answer.json()["order_id"])
                else:
                    refused.append(answer.status_code)

    with ThreadPoolExecutor(4) as threads, services.producer, socket.socket() as half:
        with Server(make_app(lambda: services), free_port()) as server:
            for _ in range(4):
                threads.submit(send, server.url)
            half.connect(("127.0.0.1", int(server.url.rpartition(":")[2])))
            half.sendall(b"POST /orders HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n{")
            awaited(lambda: len(accepted) > 20)
        assert b" 202 " not in half.recv(100)
    assert not refused
    for order_id in accepted:
        stored(api, order_id)


def test_a_port_that_is_taken_is_said(api: httpx.Client, local: LocalCloud) -> None:
    port = int(str(api.base_url).rsplit(":", 1)[1])
    services = build_services(local.deployment)
    with pytest.raises(OrderstreamError, match="in use"), Server(make_app(lambda: services), port):
        pass
