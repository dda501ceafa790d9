"""The benchmark of the change feed follows every order to the event bus, leg by leg."""

import json

import pytest

from bench import feed

pytestmark = pytest.mark.system


def test_each_leg_of_every_order_is_measured_and_announcing_is_compared_with_storing() -> None:
    found = feed.measure(count=30, windows=[0], rounds=1, batch=40)
    (row,) = found["latency"]
    assert (row["window_seconds"], row["orders"]) == (0, 30)
    assert list(row["legs"]) == [*feed.LEGS, "all"]
    for leg in row["legs"].values():
        assert 0 <= leg["p50_ms"] <= leg["p99_ms"]
    assert row["legs"]["all"]["p50_ms"] >= max(row["legs"][leg]["p50_ms"] for leg in feed.LEGS)
    latency, costs = feed.report(json.loads(json.dumps(found)))
    assert "| announced to event bus |" in latency and "| PublishChanges announces an event |" in costs
