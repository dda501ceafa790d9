"""Athena's tables and views, as they are deployed, have the columns of `orders query` and give its answers.

There is no Athena here: its views are translated from its SQL to DuckDB's, and asked over the same objects.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
import sqlglot

from orderstream.archive.views import columns_of
from orderstream.domain.decode import decode
from orderstream.domain.identity import order_id_of
from orderstream.local.laptop import Laptop, laptop_environment
from orderstream.local.ministack import free_port
from orderstream.ops import parquet
from orderstream.ops.parquet import PLACES, Placed
from orderstream.ops.rows import columns, row_of
from orderstream.pipeline.lines import line_of, read_line
from orderstream.pipeline.records import Record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PARTITIONS = ["year", "month", "day", "hour"]
MANY = "1234567890123456789012345678"

ORDERS: list[str | bytes] = [
    '{"customer_id": "c1", "amount": 250.00}',
    '{"order_id": "A", "customer_id": "c2", "amount": "19.90", "currency": "USD"}',
    '{"order_id": "B", "customer_id": "c3", "amount": 1e2, "order_date": "2026-11-22T13:30:00.123456+02:00"}',
    '{"order_id": "C", "customer_id": "c3", "amount": 12.5E-1, "order_date": "2026-11-22t10:00:00z"}',
    f'{{"order_id": "D", "customer_id": "c4", "amount": {MANY}}}',
    f'{{"order_id": "E", "customer_id": "c4", "amount": {MANY}9}}',
    '{"order_id": "F", "customer_id": "c4", "amount": 0.1234567891}',
    '{"order_id": "G", "customer_id": "c4", "amount": 0.12345678912}',
    '{"order_id": "H", "customer_id": "c4", "amount": 0.123456789100}',
    '{"order_id": "I", "customer_id": "c5", "amount": 1e-11}',
    '{"order_id": "J", "customer_id": "c5", "amount": 1E+5, "unknown": [1, "2", {"amount": 3}]}',
    '{"order_id": "K", "customer_id": "caf\u00e9 \\"q\\" \\u00fc", "amount": 7,'
    ' "note": ",\\"raw\\":{\\"a\\": 1}"}',
    '{"order_id": "L", "customer_id": "c6", "amount": 30, "items": ['
    '{"sku": "a", "quantity": 1e1, "unit_price": "1.50"}, {"sku": "b", "quantity": 3, "unit_price": 5.000}]}',
    '{"order_id": "M", "customer_id": "c6", "amount": 0.00000000001, "items": ['
    '{"sku": "a", "quantity": 1, "unit_price": 0.00000000001}]}',
    gzip.compress(b'{"order_id": "N", "customer_id": "zip", "amount": 1.20}'),
    # Sent again with the same content, and as a conflict.
    '{"customer_id": "c2", "amount": 19.9, "order_id": "A", "currency": "USD"}',
    '{"order_id": "B", "customer_id": "other", "amount": 5}',
    # No orders.
    "bad",
    b"",
    b"\xff\xfe",
    '{"customer_id": "c7", "amount": -1}',
    ',"raw":{"order_id": "X"}',
]
CONFLICT = 16


def record(number: int, data: str | bytes) -> Record:
    text = data.encode() if isinstance(data, str) else data
    # A key may hold what looks like the beginning of the record's own JSON.
    key = ',"raw":{"a": 1}' if number % 2 else f"key-{number}"
    at = NOON + timedelta(seconds=number)
    return Record(f"shardId-1:{number}", "shardId-1", str(number), key, at, text)


def line(number: int, data: str | bytes, **more: Any) -> bytes:
    one = record(number, data)
    what = decode(one.data)
    order_id = order_id_of(what.order, one.event_id) if what.order else None
    return line_of(one, json=what.json, order_id=order_id, **more)


LINES = [line(number, data) for number, data in enumerate(ORDERS)]
QUARANTINED = [
    line(
        number,
        ORDERS[number],
        reasons=[{"path": "$.amount", "code": "not_positive", "message": 'must be "more"'}],
        attempt={"request_id": "r-1", "at": "2026-11-22T12:01:00.000000Z"},
        **({"stored": {"CustomerID": "c3", "OrderAmount": "100"}} if number == CONFLICT else {}),
    )
    for number in (CONFLICT, 17, 19, 20)
]


@pytest.fixture(scope="module")
def per_order() -> Iterator[Laptop]:
    """A laptop cloud with one object an order."""
    parameters = {"ArchiveLayout": "order", "DefaultCurrency": "CHF"}
    with Laptop(
        port=free_port(), parameters=parameters, progress=lambda step: None, problem=pytest.fail
    ) as running:
        yield running


def tables(laptop: Laptop) -> dict[str, dict[str, Any]]:
    """The tables of the Glue catalog, by name."""
    names = laptop_environment(laptop.endpoint_url)
    glue: Any = boto3.client(
        "glue",
        endpoint_url=laptop.endpoint_url,
        region_name=names["AWS_REGION"],
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
    )
    return {table["Name"]: table for table in glue.get_tables(DatabaseName="orderstream")["TableList"]}


def view(table: dict[str, Any]) -> dict[str, Any]:
    """What Athena reads in a view."""
    text = re.fullmatch(r"/\* Presto View: (\S+) \*/", table["ViewOriginalText"])
    assert text and table["TableType"] == "VIRTUAL_VIEW"
    found: dict[str, Any] = json.loads(base64.b64decode(text[1]))
    return found


def glue_type(kind: str) -> str:
    if kind.endswith("[]"):
        fields = re.findall(r"(\w+) ([A-Z]+(?:\([\d,]+\))?)", kind)
        return f"array<struct<{','.join(f'{name}:{glue_type(inside)}' for name, inside in fields)}>>"
    return {"VARCHAR": "string", "TIMESTAMPTZ": "timestamp", "INTEGER": "int"}.get(kind, kind.lower())


def athena_type(kind: str) -> str:
    if kind.endswith("[]"):
        fields = re.findall(r"(\w+) ([A-Z]+(?:\([\d,]+\))?)", kind)
        return f"array(row({', '.join(f'{name} {athena_type(inside)}' for name, inside in fields)}))"
    return {"TIMESTAMPTZ": "timestamp(3)"}.get(kind, kind.lower())


def column_types(table: dict[str, Any]) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}


def test_compacted_objects_have_the_columns_that_are_written(laptop: Laptop) -> None:
    found = column_types(tables(laptop)["compacted"])
    assert found == {name: glue_type(kind) for name, kind in (columns() | PLACES).items()}


@pytest.mark.parametrize("name", ["records", "orders", "quarantine"])
def test_views_have_the_columns_of_the_query_command(laptop: Laptop, name: str) -> None:
    table = tables(laptop)[name]
    expected = columns_of(name)
    assert column_types(table) == {column: glue_type(kind) for column, kind in expected.items()}
    said = {column["name"]: column["type"] for column in view(table)["columns"]}
    assert said == {column: athena_type(kind) for column, kind in expected.items()}
    assert list(said) == list(expected)


@pytest.mark.parametrize("name", ["archive_lines", "quarantine_lines", "compacted"])
def test_partitions_are_projected_onto_the_keys_that_are_written(laptop: Laptop, name: str) -> None:
    table = tables(laptop)[name]
    assert [key["Name"] for key in table["PartitionKeys"]] == PARTITIONS
    prefix = {"archive_lines": "orders", "quarantine_lines": "quarantine"}.get(name, name)
    place = (
        f"s3://{laptop.stack.bucket}/{prefix}/year=${{year}}/month=${{month}}/day=${{day}}/hour=${{hour}}/"
    )
    parameters = table["Parameters"]
    assert (parameters["projection.enabled"], parameters["storage.location.template"]) == ("true", place)
    assert parameters["projection.year.range"] == "2026,NOW"
    for key, digits in (("month", "1,12"), ("day", "1,31"), ("hour", "0,23")):
        assert parameters[f"projection.{key}.range"] == digits
        assert (parameters[f"projection.{key}.type"], parameters[f"projection.{key}.digits"]) == (
            "integer",
            "2",
        )


class Asked:
    """The deployed views in DuckDB, over these lines and, if given, a compacted file."""

    def __init__(self, laptop: Laptop, lines: list[bytes], file: Path | None = None) -> None:
        found = tables(laptop)
        self._db = duckdb.connect()
        self._db.execute("SET TimeZone = 'UTC'")
        self._table("archive_lines", lines)
        self._table("quarantine_lines", QUARANTINED)
        self._db.execute("CREATE VIEW archive_objects AS SELECT line FROM archive_lines")
        names = ", ".join(columns())
        # Athena's times have no zone, and three decimals.
        times = ", ".join(f"{one}::TIMESTAMP_MS AS {one}" for one in ("arrived_at", "order_date"))
        hour = "'2026' AS year, '11' AS month, '22' AS day, '12' AS hour"
        rows = f"SELECT {names} FROM read_parquet('{file}')" if file else self._nothing()
        self._db.execute(f"CREATE VIEW compacted AS SELECT * REPLACE ({times}), {hour} FROM ({rows})")
        for name in ("lines", "records", "quarantine", "orders"):
            (sql,) = sqlglot.transpile(view(found[name])["originalSql"], read="athena", write="duckdb")
            self._db.execute(f"CREATE VIEW {name} AS {sql}")

    def __call__(self, sql: str) -> list[dict[str, Any]]:
        found = self._db.execute(sql)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def _table(self, name: str, lines: list[bytes]) -> None:
        self._db.execute(
            f"CREATE TABLE {name} (line VARCHAR, year VARCHAR, month VARCHAR, day VARCHAR, hour VARCHAR)"
        )
        for one in lines:
            text = one.decode().removesuffix("\n")
            self._db.execute(f"INSERT INTO {name} VALUES (?, '2026', '11', '22', '12')", [text])

    def _nothing(self) -> str:
        return (
            f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in columns().items())} WHERE false"
        )


def expected(one: bytes, currency: str) -> dict[str, Any]:
    """The row of a line, by the project's own code, as Athena's types have it."""
    row = row_of(read_line(one), currency)
    for name in ("arrived_at", "order_date"):
        if row[name]:
            at = datetime.fromisoformat(row[name]).replace(tzinfo=None)
            row[name] = at.replace(microsecond=at.microsecond // 1000 * 1000)
    row["amount"] = row["amount"] and Decimal(row["amount"])
    if row["items"] is not None:
        row["items"] = [
            item | {name: item[name] and Decimal(item[name]) for name in ("quantity", "unit_price")}
            for item in row["items"]
        ]
    return row | {"year": "2026", "month": "11", "day": "22", "hour": "12"}


@pytest.mark.parametrize("how", ["lines", "compacted", "both", "one object an order"])
def test_views_say_what_the_projects_own_code_says(
    request: pytest.FixtureRequest, tmp_path: Path, how: str
) -> None:
    per_order = how == "one object an order"
    currency = "CHF" if per_order else "EUR"
    file = None
    if how in ("compacted", "both"):
        file = tmp_path / "hour.parquet"
        placed = (Placed("orders/a.gz", n, NOON, read_line(one)) for n, one in enumerate(LINES))
        parquet.write(file, placed, currency)
    # A record can be delivered twice, and so lie there twice.
    lines = [] if how == "compacted" else LINES + LINES[:3]
    ask = Asked(request.getfixturevalue("per_order" if per_order else "laptop"), lines, file)
    rows = {row["event_id"]: row for row in ask("SELECT * FROM records")}
    assert len(rows) == len(ask("SELECT event_id FROM records")) == len(ORDERS)
    for one in LINES:
        meant = expected(one, currency)
        assert rows[meant["event_id"]] == meant
    found = ask("SELECT order_id, event_id FROM orders ORDER BY order_id")
    kept = [
        n for n in range(len(ORDERS)) if decode(record(n, ORDERS[n]).data).order and n not in (15, CONFLICT)
    ]
    assert {row["event_id"] for row in found} == {f"shardId-1:{number}" for number in kept}
    assert len(found) == len(kept)


def test_the_quarantine_has_its_reasons_and_every_byte(laptop: Laptop) -> None:
    rows = {row["event_id"]: row for row in Asked(laptop, LINES)("SELECT * FROM quarantine")}
    assert sorted(rows) == [f"shardId-1:{number}" for number in (CONFLICT, 17, 19, 20)]
    one = rows["shardId-1:16"]
    assert one["reasons"] == [{"path": "$.amount", "code": "not_positive", "message": 'must be "more"'}]
    assert (one["request_id"], one["attempted_at"]) == (
        "r-1",
        datetime(2026, 11, 22, 12, 1, tzinfo=UTC).replace(tzinfo=None),
    )
    assert json.loads(one["stored"]) == {"CustomerID": "c3", "OrderAmount": "100"}
    assert (one["raw"], one["raw_base64"]) == (ORDERS[CONFLICT], None)
    assert (rows["shardId-1:17"]["raw"], rows["shardId-1:17"]["order_id"]) == ("bad", None)
    assert base64.b64decode(rows["shardId-1:19"]["raw_base64"]) == b"\xff\xfe"


def test_a_condition_on_the_hour_reaches_the_files(laptop: Laptop) -> None:
    sql = view(tables(laptop)["records"])["originalSql"]
    assert "PARTITION BY year, month, day, hour, event_id" in sql
