"""The totals in the local cloud: equal to the table and to SQL, though everything is killed in between."""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderstream.aws.deployment import Deployment
from orderstream.progress import no_progress
from orderstream.recovery import totals as recovery
from orderstream.storage.totals import scan_buckets, state_of
from orderstream.totals.contribution import Bucket, Sums, added, contribution
from tests.integration.conftest import Orders, OrdersHere, awaited
from tests.integration.stored_orders import deployment_of, stored
from tests.integration.up import up

pytestmark = pytest.mark.system

Row = dict[str, Any]
# A customer that tries to be the key of another bucket, and to look like another line.
HOSTILE = '["C0001","EUR","paid"]/30 [31m'
SQL = "SELECT customer_id, currency, count(*) AS orders, sum(amount) AS total FROM orders GROUP BY ALL"
_SIMULATE = ("stack", "simulate", "--rate", "60", "--duration", "4", "--duplicate-share", "0.05")


def counted(deployment: Deployment) -> dict[Bucket, Sums]:
    return dict(scan_buckets(deployment, state_of(deployment).generation))


def wanted(deployment: Deployment) -> dict[Bucket, Sums]:
    found = (contribution(item) for item in stored(deployment).values())
    return added((one.bucket, one.sums) for one in found if one)


def is_settled(deployment: Deployment) -> bool:
    return counted(deployment) == wanted(deployment)


def listed(orders: Orders, *arguments: str) -> list[Row]:
    """What a command prints as JSON."""
    done = orders(*arguments, "--json")
    return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]


def totals_by(orders: Orders, name: str, option: str) -> dict[tuple[str, str], Row]:
    rows = listed(orders, "totals", "--by", option, "--since", "1h", "--limit", "100000")
    return {(row[name], row["currency"]): row for row in rows}


def sums_by(deployment: Deployment, attribute: str) -> dict[tuple[str, str], tuple[Decimal, ...]]:
    """Orders, total, captured, refunded and net of the items, by an attribute and currency."""
    found: defaultdict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 5)
    for item in stored(deployment).values():
        total = item.get("Total", item["OrderAmount"])
        captured, refunded = item.get("Captured", Decimal(0)), item.get("Refunded", Decimal(0))
        sums = found[item[attribute], item["Currency"]]
        more = (Decimal(1), total, captured, -refunded, captured - refunded)
        sums[:] = [one + other for one, other in zip(sums, more, strict=True)]
    return {key: tuple(sums) for key, sums in found.items()}


def numbers(rows: dict[tuple[str, str], Row]) -> dict[tuple[str, str], tuple[Decimal, ...]]:
    names = ("orders", "total", "captured", "refunded", "net")
    return {key: tuple(Decimal(row[name]) for name in names) for key, row in rows.items()}


def damage(deployment: Deployment) -> None:
    """Lose what is counted of one order, and add an order that never was."""
    table, client = deployment.totals_table, deployment.cloud.dynamodb
    rows = client.scan(TableName=table)["Items"]
    order = next(row for row in rows if "OrderID" in row)
    bucket = next(row for row in rows if "Orders" in row)
    client.delete_item(TableName=table, Key={name: order[name] for name in ("PK", "SK")})
    client.update_item(
        TableName=table,
        Key={name: bucket[name] for name in ("PK", "SK")},
        UpdateExpression="ADD Orders :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )


def test_the_totals_are_those_of_the_table_and_of_sql_though_everything_is_killed_in_between(
    tmp_path: Path,
) -> None:
    state = ("--state-dir", str(tmp_path / "cloud"))
    with up(tmp_path, "--empty", *state) as first:
        orders = OrdersHere(first.await_ready().environment)
        orders("deploy", "--yes")
        refused = orders("totals", status=3).stderr
        assert "has no totals" in refused and "--parameter Totals=true" in refused
        # Of this one nobody knows when the totals begin.
        orders("send", json.dumps({"order_id": "before", "customer_id": "early", "amount": "0.01"}))
        awaited(lambda: "before" in stored(deployment_of(orders)))
        parameters = ("--parameter", "Totals=true", "--parameter", "ChangeFeed=true")
        orders("deploy", "--yes", *parameters)
        orders(*_SIMULATE, "--seed", "1", "--bad-share", "0.05")
        orders("send", json.dumps({"order_id": "hostile", "customer_id": HOSTILE, "amount": "1.5"}))
        awaited(lambda: "hostile" in stored(deployment_of(orders)))
        checked = orders("totals", "--check", "--json", status=1)
        (missing,) = json.loads(checked.stdout)["differences"]
        assert missing["stored"]["orders"] - missing["counted"]["orders"] == 1, "it was there before"
        deployment = deployment_of(orders)
        recovery.rebuild(deployment, progress=no_progress, settle_seconds=0)
        awaited(lambda: is_settled(deployment))

        # Nothing has become of these orders yet, so SQL on the archive knows all of it.
        rows = listed(orders, "archive", "query", SQL)
        by_customer = totals_by(orders, "customer_id", "customer")
        assert {(row["customer_id"], row["currency"]) for row in rows} == by_customer.keys()
        for row in rows:
            there = by_customer[row["customer_id"], row["currency"]]
            assert (there["orders"], there["total"]) == (row["orders"], row["total"])

        orders(*_SIMULATE, "--seed", "2", "--lives")
        assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    with up(tmp_path, *state) as second:
        orders = OrdersHere(second.await_ready().environment)
        deployment = deployment_of(orders)
        orders(*_SIMULATE, "--seed", "3", "--lives")
        for event in ("paid", "refunded"):
            orders("event", "hostile", event, "--amount", "0.5")
        orders("send", json.dumps({"order_id": "last", "customer_id": "late", "amount": "0.00001"}))
        awaited(lambda: "last" in stored(deployment) and is_settled(deployment), 60)
        assert json.loads(orders("totals", "--check", "--json").stdout)["differences"] == []
        for name, option, attribute in (
            ("customer_id", "customer", "CustomerID"),
            ("status", "status", "Status"),
        ):
            assert numbers(totals_by(orders, name, option)) == sums_by(deployment, attribute)
        assert totals_by(orders, "customer_id", "customer")[HOSTILE, "EUR"]["refunded"] == Decimal("-0.5")
        hours = listed(orders, "totals", "--by", "hour", "--by", "minute", "--since", "1h")
        assert sum(row["orders"] for row in hours) == len(stored(deployment))
        shown = orders("totals", "--by", "status", "--since", "5h")
        assert "paid" in shown.stdout and "orders that arrived from" in shown.stderr

        # Of an erased customer nothing is left.
        orders("archive", "forget", "--customer", HOSTILE, "--reason", "a test", "--yes")
        awaited(lambda: is_settled(deployment))
        rest = json.dumps(deployment.cloud.dynamodb.scan(TableName=deployment.totals_table)["Items"])
        assert "hostile" not in rest and json.dumps(HOSTILE)[1:-1] not in rest

        damage(deployment)
        assert "differences between" in orders("totals", "--check", status=1).stderr
        rebuilt = json.loads(orders("totals", "--rebuild", "--yes", "--json").stdout)
        assert rebuilt["orders"] == len(stored(deployment))
        assert is_settled(deployment)
        assert "orders in the table" in orders("totals", "--check").stdout
        generations = {
            row["PK"]["S"].partition("/")[0]
            for row in deployment.cloud.dynamodb.scan(TableName=deployment.totals_table)["Items"]
        }
        assert generations == {"meta", "2"}, "the old rows are deleted"
        assert "Counted" in orders("logs", "--function", "totals", "--since", "1h").stdout
