"""The benches of the local cloud account for every order, and compare what they say they compare."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from bench import fan_out, laptop, sample_orders, scaling
from orderstream.domain.decode import decode


def printed(show: Callable[[Any, Console], None], found: object) -> str:
    said = io.StringIO()
    # What comes out of a bench can be kept as JSON, and shown from it.
    show(json.loads(json.dumps(found)), Console(file=said, width=200))
    return said.getvalue()


def test_every_order_is_stored_and_shares_are_of_what_was_measured() -> None:
    found = laptop.measure(orders=400, rounds=1, latency_orders=50, rate=100, windows=(0,))
    assert found["sent"] == found["stored"] >= 400 + 50
    slower = min(found["put_records"]["median"], found["insert_orders"]["median"])
    assert found["share_of_slower"] == pytest.approx(found["end_to_end"]["median"] / slower)
    assert found["bound"] == pytest.approx(1e6 / sum(found["ministack_us_by_call"].values()))
    assert found["share_of_bound"] == pytest.approx(found["end_to_end"]["median"] / found["bound"])
    assert [row["window_seconds"] for row in found["latency"]] == [0]
    for row in found["latency"]:
        assert row["orders"] == row["measured"] == 50
        assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert "producer to stored" in printed(laptop.show, found)


def test_growth_has_a_row_for_each_size_of_each_part() -> None:
    found = scaling.measure(laptop_sizes=(200,), stream_sizes=(500, 1_000), rounds=1)
    assert [row["orders"] for row in found["laptop"]["sizes"]] == [200]
    for part in ("reader", "verify"):
        first, last = found[part]["sizes"]
        assert (first["orders"], last["orders"]) == (500, 1_000)
        assert found[part]["growth"]["us"] == pytest.approx(last["us"] / first["us"])
    assert "orders stack verify" in printed(scaling.show, found)


def test_a_percentile_is_one_of_the_values() -> None:
    assert laptop.percentile([1, 2, 3, 4], 0.5) == 2
    assert laptop.percentile([1, 2, 3, 4], 0.99) == 4
    assert laptop.percentile([7], 0.5) == 7


def test_orders_of_the_shop_are_valid_and_are_the_same_again() -> None:
    some = list(sample_orders.orders(200, "a"))
    assert some == list(sample_orders.orders(200, "a"))
    assert all(not decode(data).reasons for data, _ in some)
    assert len({json.loads(data)["order_id"] for data, _ in some}) == 200


def test_orders_reach_the_function_by_enhanced_fan_out_and_the_ratio_is_that_of_the_medians() -> None:
    found = fan_out.measure(orders=4, rate=20, ways=["pushed"])
    assert found["pushed"]["batches"] >= 1
    assert 0 < found["pushed"]["p50_ms"] <= found["pushed"]["p99_ms"]
    found["polled"] = {name: 3 * value for name, value in found["pushed"].items()}
    assert "At the median 3.0 times less" in printed(fan_out.show, found)
