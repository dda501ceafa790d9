"""An id with quotes and backslashes in it is the id of its order, by whichever way the order comes in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from orderstream.api.app import make_app
from orderstream.api.dependencies import build_services
from orderstream.archive.replay import Selection, replay
from orderstream.archive.targets import StreamTarget, TableTarget
from orderstream.aws.clients import AwsClients
from orderstream.client import OrderProducer
from orderstream.domain.object_keys import is_batch
from orderstream.lookup.trace import trace
from orderstream.storage.orders import get_order, raw_order
from tests.integration.conftest import OrdersHere
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import LATER, drop_table, items, verified

# What was spliced into the JSON would have been another customer's order, or none.
TAIL = '","customer_id":"victim","amount":"0.01","note":"\\'


def order(way: str) -> dict[str, Any]:
    return {"order_id": f"{way}{TAIL}", "customer_id": "c", "amount": "19.90"}


def without_id(way: str) -> dict[str, Any]:
    return {name: value for name, value in order(way).items() if name != "order_id"}


def over_http(pipe: Pipe) -> dict[str, bytes]:
    """Orders sent to the API; the bytes of each by its way."""
    bodies = {way: json.dumps(order(way)).encode() for way in ("body", "batch")}

    async def send() -> None:
        services = build_services(pipe.deployment)
        app = httpx.ASGITransport(make_app(lambda: services))
        kind = {"content-type": "application/json"}
        with services.producer:
            async with httpx.AsyncClient(transport=app, base_url="http://api", headers=kind) as client:
                key = {"Idempotency-Key": order("header")["order_id"]}
                answers = [
                    await client.post("/orders", json=without_id("header"), headers=key),
                    await client.post("/orders", content=bodies["body"]),
                    await client.post("/orders/batch", content=b"[%b]" % bodies["batch"]),
                ]
        assert [answer.status_code for answer in answers] == [202, 202, 202]
        assert answers[0].json()["order_id"] == key["Idempotency-Key"]

    asyncio.run(send())
    return bodies


def in_python(pipe: Pipe) -> dict[str, bytes]:
    bodies = {way: json.dumps(order(way)).encode() for way in ("send_json", "send_bytes")}
    with OrderProducer(pipe.deployment.stream, pipe.cloud.kinesis_no_retry) as producer:
        producer.send(order("send"))
        producer.send_json(bodies["send_json"])
        producer.send_bytes(bodies["send_bytes"], partition_key="k")
    return bodies


def on_the_command_line(pipe: Pipe, folder: Path) -> dict[str, bytes]:
    orders = OrdersHere(pipe.environment())
    bodies = {way: json.dumps(order(way)).encode() for way in ("json", "ndjson", "array")}
    orders("send", bodies["json"].decode())
    orders("send", "-", given=bodies["ndjson"] + b"\n")
    orders("send", "-", given=b"[%b]" % bodies["array"])
    file = folder / "orders.csv"
    quoted = order("csv")["order_id"].replace('"', '""')
    file.write_text(f'order_id,customer_id,amount\n"{quoted}",c,19.90\n')
    orders("send", str(file))
    return bodies


def resubmitted(pipe: Pipe, folder: Path) -> dict[str, bytes]:
    """Bad records, corrected in three ways."""
    orders = OrdersHere(pipe.environment())
    patched = json.dumps(order("set")).encode()
    events = pipe.put(patched.replace(b'"19.90"', b"-1"), b"no order", b"none either")
    assert pipe.process().invalid == 3
    orders("quarantine", "resubmit", events[0], "--set", "amount=19.90")
    file = folder / "order.json"
    file.write_text(json.dumps(order("edit")))
    orders("quarantine", "resubmit", events[1], "--edit", str(file))
    file.write_text(json.dumps(without_id("edit and set")))
    new_id = json.dumps(order("edit and set")["order_id"])
    orders("quarantine", "resubmit", events[2], "--edit", str(file), "--set", f"order_id={new_id}")
    return {"edit": json.dumps(order("edit")).encode()}


def test_by_every_way_in_it_is_one_order_under_that_id_with_what_was_sent(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.deploy()
    sent = resubmitted(pipe, tmp_path)
    sent |= over_http(pipe) | in_python(pipe) | on_the_command_line(pipe, tmp_path)
    ways = {*sent, "header", "send", "csv", "set", "edit and set"}
    pipe.process()
    before = items(pipe)
    assert before.keys() == {order(way)["order_id"] for way in ways}

    def kept_as_sent() -> None:
        for way in ways:
            item = get_order(pipe.deployment, order(way)["order_id"])
            assert (item["CustomerID"], str(item["OrderAmount"])) == ("c", "19.9")
            body = raw_order(pipe.deployment, item["OrderID"])
            assert json.loads(body, parse_float=str) == order(way)
            assert body == sent.get(way, body)

    kept_as_sent()
    assert verified(pipe, later=LATER).discrepancies == ()
    order_trace = trace(pipe.deployment, order("header")["order_id"])
    assert {"archived", "stored"} <= {step.what for step in order_trace.steps}

    drop_table(pipe)
    replay(pipe.deployment, Selection(), TableTarget(pipe.deployment))
    assert items(pipe) == before
    drop_table(pipe)
    done = replay(pipe.deployment, Selection(), StreamTarget(pipe.deployment))
    assert done.failed == 0
    pipe.process(pipe.records()[-done.sent :])
    assert items(pipe).keys() == before.keys()

    drop_table(pipe)
    pipe.settings = replace(pipe.settings, layout="order")
    pipe.process()
    assert {is_batch(item["ArchiveKey"]["S"]) for item in items(pipe).values()} == {False}
    kept_as_sent()
