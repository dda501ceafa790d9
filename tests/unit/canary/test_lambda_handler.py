"""The canary tells whether an order comes through in time, and mistakes nothing else for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from orderstream.canary.lambda_handler import CanaryResult, line, probe, settings
from orderstream.domain.decode import decode
from orderstream.errors import InputError

VARIABLES = {
    "STREAM_NAME": "OrderStream",
    "TABLE_NAME": "Orders",
    "STACK_NAME": "orderstream",
    "LATENCY_OBJECTIVE_SECONDS": "30",
}


class Pipeline:
    """Takes an order, and has it in the table `after` seconds, by a clock that only waiting moves."""

    def __init__(self, after: float) -> None:
        self.after = after
        self.now = 0.0
        self.sent: dict[str, bytes] = {}

    def send(self, order_id: str, order: bytes) -> None:
        self.sent[order_id] = order

    def is_there(self, order_id: str) -> bool:
        return order_id in self.sent and self.now >= self.after

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def fly(self) -> CanaryResult:
        return probe("r-1", self.send, self.is_there, patience=30, clock=lambda: self.now, sleep=self.sleep)


def test_an_order_has_arrived_that_comes_in_time_and_no_other_is_waited_for_any_longer() -> None:
    assert Pipeline(after=2).fly() == CanaryResult("canary-r-1", True, 2.0)
    assert Pipeline(after=31).fly() == CanaryResult("canary-r-1", False, 30.0)


def test_what_it_sends_is_a_valid_order_in_the_currency_of_tests() -> None:
    pipeline = Pipeline(after=0)
    pipeline.fly()
    ((order_id, order),) = pipeline.sent.items()
    found = decode(order).order
    assert found is not None
    assert (found.order_id, found.currency) == (order_id, "XTS")


@pytest.mark.parametrize("arrived", [True, False])
def test_its_line_has_the_metric_that_the_alarm_looks_at(arrived: bool) -> None:
    flight = CanaryResult("canary-r-1", arrived, 2.0)
    now = datetime(2026, 11, 25, tzinfo=UTC)
    written = json.loads(line(flight, stack="orderstream", request_id="r-1", now=now))
    (directive,) = written["_aws"]["CloudWatchMetrics"]
    assert [metric["Name"] for metric in directive["Metrics"]] == ["CanaryArrived"]
    assert (written["CanaryArrived"], written["Stack"]) == (int(arrived), "orderstream")


@pytest.mark.parametrize("name", VARIABLES)
def test_a_missing_variable_is_named(name: str) -> None:
    assert settings(VARIABLES) == ("OrderStream", "Orders", "orderstream", 30)
    with pytest.raises(InputError, match=name):
        settings({other: value for other, value in VARIABLES.items() if other != name})


def test_whatever_its_name_has_in_it_is_in_its_id_and_nowhere_else() -> None:
    pipeline = Pipeline(after=0)
    flight = probe('"\\', pipeline.send, pipeline.is_there, patience=30, clock=lambda: 0.0)
    order = decode(pipeline.sent[flight.order_id]).order
    assert order and order.order_id == flight.order_id == 'canary-"\\'
    logged = json.loads(line(flight, stack="s", request_id='"', now=datetime(2026, 11, 22, tzinfo=UTC)))
    assert (logged["order_id"], logged["request_id"]) == (flight.order_id, '"')
