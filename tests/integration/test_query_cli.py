"""`orders archive query` for users: the same orders as in the table, in every format; and the recipes."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderstream.archive.cache import folder_of
from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS
from tests.integration.archive_harness import filled, keep, record
from tests.integration.conftest import OrdersHere
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import items, order


class Asking:
    """`orders archive query` on a pipe of its own, with a cache of its own."""

    def __init__(self, pipe: Pipe, cache: Path) -> None:
        pipe.deploy()
        self.pipe = pipe
        self.cache = cache
        self.orders = OrdersHere(pipe.environment() | {"XDG_CACHE_HOME": str(cache)})

    def __call__(self, sql: str, *options: str, status: int = 0) -> list[dict[str, Any]]:
        """The rows, as JSON has them."""
        done = self.orders("archive", "query", sql, "--json", *options, status=status)
        return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]


@pytest.fixture
def pipe(cloud: AwsClients) -> Pipe:
    return filled(cloud)


@pytest.fixture
def ask(pipe: Pipe, tmp_path: Path) -> Asking:
    return Asking(pipe, tmp_path / "cache")


EVERYTHING = (
    "SELECT * EXCLUDE (raw_base64), raw_base64 IS NULL AS whole FROM records ORDER BY event_id",
    "SELECT * FROM orders ORDER BY order_id",
    "SELECT event_id, reasons, stored, raw FROM quarantine ORDER BY event_id",
)


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_the_orders_are_those_of_the_table_and_compaction_changes_no_answer(
    cloud: AwsClients, layout: str, tmp_path: Path
) -> None:
    pipe = filled(cloud, layout)
    ask = Asking(pipe, tmp_path)
    before = [ask(sql) for sql in EVERYTHING]
    table = {
        name: (item["CustomerID"]["S"], Decimal(item["OrderAmount"]["N"]), item["EventID"]["S"])
        for name, item in items(pipe).items()
    }
    found = {row["order_id"]: (row["customer_id"], row["amount"], row["event_id"]) for row in before[1]}
    assert found == table
    parquet = pipe.keys(ORDERS), keep(pipe).compacted
    assert len(parquet[1]) == 2
    assert [ask(sql) for sql in EVERYTHING] == before
    # As it is in the middle of a compaction: the small objects and the large one at once.
    for one in [
        record(number, order(f"A-{number - 1}", f"{number}.50", f"c{(number - 1) % 3}")) for number in (1, 2)
    ]:
        pipe.process([one])
    assert [ask(sql) for sql in EVERYTHING] == before


def test_what_is_stale_or_erased_is_in_no_cache(ask: Asking, pipe: Pipe) -> None:
    sql = "SELECT count(*) AS n FROM orders WHERE customer_id = 'c1'"
    assert ask(sql)[0]["n"] > 0
    kept = set(ask.cache.rglob("*.parquet"))
    keep(pipe)
    ask(sql)
    left = {file.name.partition("-")[0] for file in ask.cache.rglob("*.parquet")}
    assert left == {"compacted", "quarantine"}
    assert kept
    folder = folder_of(pipe.deployment)
    assert (ask.cache / "orderstream" / folder.name).stat().st_mode & 0o777 == 0o700
    ask.orders("archive", "forget", "--customer", "c1", "--yes")
    assert list(ask.cache.rglob("*.parquet")) == []
    assert ask(sql) == [{"n": 0}]


def test_formats_hold_the_same_answer(ask: Asking, tmp_path: Path) -> None:
    names = "order_id, amount, order_date, items, raw"
    sql = f"SELECT {names} FROM orders WHERE order_id IN ('A-1', 'zip-1') ORDER BY 1"
    (one, two) = ask(sql)
    assert (one["order_id"], one["amount"], two["amount"]) == ("A-1", Decimal("2.5"), Decimal("1.2"))
    assert one["order_date"].endswith("Z")
    table = ask.orders("archive", "query", sql.replace(", raw", "")).stdout
    assert "2.50" in table and "zip-1" in table
    csv = ask.orders("archive", "query", sql, "--format", "csv").stdout.splitlines()
    assert csv[0] == "order_id,amount,order_date,items,raw"
    assert csv[1].startswith('A-1,2.5,2026-11-22T12:00:02.000000Z,,"{""order_id"": ""A-1""')
    file = tmp_path / "answer.parquet"
    ask.orders("archive", "query", sql, "--output", str(file))
    import duckdb

    with duckdb.connect() as db:
        typed = db.execute(f"SELECT amount, typeof(amount), raw FROM '{file}'").fetchall()
    assert typed[0][:2] == (Decimal("2.5000000000"), "DECIMAL(38,10)")
    assert typed[0][2] == one["raw"]
    ask.orders("archive", "query", sql, "--output", str(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_text().splitlines() == csv


def test_sql_comes_from_standard_input_too(ask: Asking) -> None:
    done = ask.orders("archive", "query", "-", "--format", "csv", given=b"SELECT 1 AS one")
    assert done.stdout == "one\n1\n"
