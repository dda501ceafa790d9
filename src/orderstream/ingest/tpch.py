"""TPC-H orders as traffic: independent input data, with totals to compare."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.errors import OrderstreamError
from orderstream.ingest.samples import Sample
from orderstream.progress import Progress
from orderstream.sdk.errors import translate_errors

# Customer → number of orders, and the exact sum of their amounts.
Totals = dict[str, tuple[int, Decimal]]

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def generate(scale: float, folder: Path) -> None:
    """Write orders.tbl and lineitem.tbl to `folder`; scale 0.01 is 15,000 orders."""
    generator = Path(sys.executable).with_name("tpchgen-cli")
    command = [str(generator), "--scale-factor", str(scale), "--tables", "orders,lineitem"]
    command += ["--output-dir", str(folder), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OrderstreamError(f"tpchgen-cli failed: {done.stderr.strip()}")


def traffic(folder: Path) -> Iterator[Sample]:
    """Every order of the files with its line items, in file order, as a record to send.

    TPC-H's total of an order is the sum over its lines of price less discount plus tax, each truncated to
    cents. A line here is one lot at that price, so the items add up to `amount` exactly.
    """
    lines = groupby(_rows(folder / "lineitem.tbl"), key=lambda row: row[0])
    for row, (order_key, items) in zip(_rows(folder / "orders.tbl"), lines, strict=True):
        assert row[0] == order_key, "both files are in the order of their order keys"
        order = {
            "order_id": f"tpch-{order_key}",
            "customer_id": row[1],
            "amount": Decimal(row[3]),
            "currency": "USD",
            "order_date": f"{row[4]}T00:00:00Z",
            "items": [_item(item) for item in items],
            "priority": row[5],
            "clerk": row[6],
            "comment": row[8],
        }
        yield Sample("order", _ENCODER.encode(order), row[1])


def _item(row: list[str]) -> dict[str, object]:
    price, discount, tax = (_hundredths(row[column]) for column in (5, 6, 7))
    cents = price * (100 - discount) // 100 * (100 + tax) // 100
    return {"sku": f"{row[1]}-{row[2]}", "quantity": 1, "unit_price": Decimal(cents) / 100, "pieces": row[4]}


def _hundredths(text: str) -> int:
    return int(Decimal(text) * 100)


def generator_totals(folder: Path) -> Totals:
    """Each customer's totals in the generator's own orders file."""
    totals: Totals = {}
    for row in _rows(folder / "orders.tbl"):
        _add(totals, row[1], Decimal(row[3]))
    return totals


def table_totals(deployment: Deployment, progress: Progress) -> Totals:
    """Each customer's totals in the table; `progress` is called with the number of items read."""
    totals: Totals = {}
    read = 0
    with translate_errors(f"cannot read table {deployment.table}"):
        pages = deployment.cloud.dynamodb.get_paginator("scan").paginate(
            TableName=deployment.table, ProjectionExpression="CustomerID, OrderAmount", ConsistentRead=True
        )
        for page in pages:
            for item in page["Items"]:
                _add(totals, item["CustomerID"]["S"], Decimal(item["OrderAmount"]["N"]))
            read += len(page["Items"])
            progress("items read for the totals", read)
    return totals


def _add(totals: Totals, customer: str, amount: Decimal) -> None:
    count, total = totals.get(customer, (0, Decimal(0)))
    totals[customer] = (count + 1, total + amount)


def _rows(file: Path) -> Iterator[list[str]]:
    with file.open(newline="") as text:
        yield from csv.reader(text, delimiter="|", quoting=csv.QUOTE_NONE)
