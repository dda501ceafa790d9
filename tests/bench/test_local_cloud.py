"""The benchmarks of the local cloud account for every order, and compare what they say they compare."""

import json

import pytest
from bench.end_to_end import orders

from bench import growth, local_cloud
from orderstream.domain.decode import decode

pytestmark = pytest.mark.system


def test_every_order_is_stored_and_shares_are_of_what_was_measured() -> None:
    found = local_cloud.measure(count=400, rounds=1, latency_count=50, windows=[0])
    assert found["stored"] >= 400 + 50
    slower = min(found["put_records"]["median"], found["insert_orders"]["median"])
    assert found["share_of_slower"] == pytest.approx(found["end_to_end"]["median"] / slower)
    assert found["bound"] == pytest.approx(1e6 / sum(found["ministack_us_by_call"].values()))
    assert found["share_of_bound"] == pytest.approx(found["end_to_end"]["median"] / found["bound"])
    (row,) = found["latency"]
    assert row["window_seconds"] == 0
    assert row["orders"] == row["measured"] == 50
    assert 0 < row["p50_ms"] <= row["p99_ms"]
    assert "| producer to stored |" in "\n".join(local_cloud.report(json.loads(json.dumps(found))))


def test_growth_has_a_row_for_each_figure_with_a_cell_for_each_size() -> None:
    found = growth.measure(cloud_sizes=[500], sizes=[500], rounds=1)
    assert all(list(row) == ["500"] for row in found["rows"].values())
    # One that was measured at another size too, and had grown.
    reading = found["rows"]["reading the archive, µs an order"]
    reading["1000"] = reading["500"] * 20
    (text,) = growth.report(json.loads(json.dumps(found)))
    rows = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[1:] for line in text.splitlines()}
    # Three digits say enough.
    form = ".1f" if reading["1000"] < 100 else ",.0f"
    figures = [f"{reading['500']:{form}}", f"{reading['1000']:{form}}"]
    assert rows["reading the archive, µs an order"] == [*figures, "20.00"]
    assert rows["local cloud, µs an order"][1:] == ["", "1.00"]


def test_orders_are_valid_and_distinct_and_the_same_again() -> None:
    some = list(orders("a", 200))
    assert some == list(orders("a", 200))
    assert all(not decode(one.data).reasons for one in some)
    ids = {json.loads(one.data)["order_id"] for one in (*some, *orders("b", 200))}
    assert len(ids) == 400
