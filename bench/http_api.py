"""How many orders does the HTTP API of a local cloud take, how soon does it answer, and is any lost?

Clients send to the API of `orders up` as fast as they are answered. Then every order that was accepted must
be an item, once and with what was sent, and `orders stack verify` must agree. A second run on the same stack
goes through an API whose stream is throttled for a third of the time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from bench import http_clients
from bench.harness import items, progress, until_complete
from bench.http_clients import Answers, Order
from bench.orders_up import OrdersUp
from bench.proc_stats import usage, used_since
from bench.report import table
from orderstream.api.app import make_app
from orderstream.api.dependencies import build_services
from orderstream.api.server import Server
from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import decode
from orderstream.errors import OrderstreamError
from orderstream.local.ministack import free_port
from orderstream.recovery.verify import verify
from orderstream.storage.bucket import TimeRange

AS_IT_IS, THROTTLED = "as it is", "stream throttled for a third of it"
ROWS = (
    *("clients", "seconds", "requests", "requests/s", "orders accepted", "orders/s", "p50 ms", "p95 ms"),
    *("p99 ms", "sent again", "refused (422)", "not taken (503)", "without an answer", "wrong answers"),
    *("lost", "different", "strays", "verify agrees"),
)


def compare(accepted: Mapping[str, Order], fingerprints: Mapping[str, str]) -> dict[str, list[str]]:
    """Compare what was accepted with the fingerprints of the items, both by order id.

    The ids of orders: accepted and not in the table; there with other content; there and never accepted.
    """
    sent = {order_id: decode(msgspec.json.encode(order)).fingerprint for order_id, order in accepted.items()}
    return {
        "lost": sorted(sent.keys() - fingerprints.keys()),
        "different": sorted(one for one in sent if fingerprints.get(one, sent[one]) != sent[one]),
        "strays": sorted(fingerprints.keys() - sent.keys()),
    }


def measure(clients: int = 50, seconds: float = 30.0) -> dict[str, Any]:
    """The figures of both `runs`. Raises OrderstreamError if an order is missing or anything is wrong."""
    # It would log every order that was not taken.
    logging.getLogger("orderstream.api").setLevel(logging.ERROR)
    http_port = free_port()
    with (
        TemporaryDirectory(prefix="orderstream-bench-") as folder,
        OrdersUp(Path(folder), "--http-port", str(http_port)) as up,
    ):
        progress("starting orders up")
        up.await_output("ready on")
        url = f"http://127.0.0.1:{http_port}"
        runs = {AS_IT_IS: _run(up, url, clients, seconds, AS_IT_IS)}
        with throttled(up.deployment, seconds) as url:
            runs[THROTTLED] = _run(up, url, clients, seconds, THROTTLED)
    return {"runs": runs}


@contextmanager
def throttled(deployment: Deployment, seconds: float) -> Iterator[str]:
    """The address of another API for the stack, in this process.

    Kinesis takes nothing from it in the middle third of `seconds`, which begin now.
    """
    services = build_services(deployment)
    with services.producer, Server(make_app(lambda: services), free_port()) as server:
        begin = time.monotonic()

        def refuse(**_: object) -> tuple[AWSResponse, object] | None:
            if not seconds / 3 < time.monotonic() - begin < 2 * seconds / 3:
                return None
            error = {"Code": "ProvisionedThroughputExceededException", "Message": "by the benchmark"}
            parsed = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
            return AWSResponse(server.url, 400, HTTPHeaders(), None), parsed

        # The SDK lets a handler answer in place of AWS.
        events: Any = deployment.cloud.kinesis_no_retry.meta.events
        events.register("before-call.kinesis.PutRecords", refuse)
        yield server.url


def _run(up: OrdersUp, url: str, clients: int, seconds: float, run: str) -> dict[str, Any]:
    progress(f"{clients} clients for {seconds:g} s, {run}")
    name, parts = run.partition(" ")[0], {"API and event source": up.process.pid}
    before = usage(up.ministack, parts)
    begin = datetime.now(UTC)
    answers = asyncio.run(http_clients.send(url, clients=clients, seconds=seconds, name=name))
    took = (datetime.now(UTC) - begin).total_seconds()
    used = used_since(before, usage(up.ministack, parts))
    progress(f"{len(answers.accepted):,} orders were accepted; waiting until they are stored")
    fingerprints = until_complete(partial(_fingerprints, up.deployment, name), len, len(answers.accepted))
    wrong = compare(answers.accepted, fingerprints) | {"wrong answers": answers.wrong}
    report = verify(up.deployment, TimeRange(since=begin))
    counts = report.counts
    # What was refused must not be on the stream, and an order that came again must not be another order.
    found = (counts.stored, counts.in_flight, counts.conflicts, counts.invalid)
    is_verified = not report.discrepancies and found == (len(answers.accepted), 0, 0, 0)
    if any(wrong.values()) or not is_verified:
        raise OrderstreamError(f"{run}: {wrong}, verify agrees: {is_verified}")
    return _figures(answers, clients, took) | {
        **{name: len(examples) for name, examples in wrong.items()},
        "verify agrees": is_verified,
        "processors": {name: seconds / took for name, seconds in used.items()},
    }


def _figures(answers: Answers, clients: int, took: float) -> dict[str, Any]:
    percentiles = quantiles(answers.seconds, n=100, method="inclusive")
    return {
        "clients": clients,
        "seconds": took,
        "requests": answers.requests.total(),
        "orders accepted": len(answers.accepted),
        "sent again": answers.again,
        "refused (422)": answers.orders[422],
        "not taken (503)": answers.orders[503],
        "without an answer": answers.requests[0],
        "requests/s": answers.requests.total() / took,
        "orders/s": len(answers.accepted) / took,
    } | {f"p{percent} ms": 1000 * percentiles[percent - 1] for percent in (50, 95, 99)}


def _fingerprints(deployment: Deployment, name: str) -> dict[str, str]:
    """Those of the run's items, by their ids."""
    return {
        item["OrderID"]: item["Fingerprint"]
        for item in items(deployment)
        if item["CustomerID"].startswith(f"{name}-")
    }


def report(results: dict[str, Any]) -> Iterator[str]:
    """A table with a column for each run, and the processors used in the first."""
    runs: dict[str, dict[str, Any]] = results["runs"]
    rows = []
    for name in ROWS:
        values = [run[name] for run in runs.values()]
        cells = ("yes" if value is True else f"{value:,.0f}" for value in values)
        rows.append({"name": name, "cells": " | ".join(cells)})
    yield table("", f"| | {' | '.join(runs)} |", "| {name} | {cells} |", rows)
    used = ", ".join(f"{name} {share:.2f}" for name, share in runs[AS_IT_IS]["processors"].items())
    yield f"Processors used meanwhile: {used}. The clients are in this process."
