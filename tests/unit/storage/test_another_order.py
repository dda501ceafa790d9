"""An order with nested models, enums and lists reads the same in DuckDB, in Athena and in the function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import sqlglot

from orderstream.domain.decode import decode
from orderstream.domain.ids import order_id_of
from orderstream.domain.object_keys import PARTITIONS
from orderstream.pipeline.archive_codec import ArchiveLine, encode, read_line
from orderstream.pipeline.records import Record
from orderstream.storage import athena, parquet
from orderstream.storage.columns import column_types, to_row
from tests.another_order import FULL, NULLS, SHORT, AnotherOrder

ARRIVED_AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
TYPES = column_types(AnotherOrder)
INVALID = SHORT | {"order_id": "A-4", "channel": "fax"}
HOURS = {name: f"{ARRIVED_AT:{form}}" for name, form in PARTITIONS.items()}
VALUES = {
    "address": {"street": "Long Street 7", "floor": 3, "since": datetime(2025, 12, 31, 23, tzinfo=UTC)},
    "channel": "app",
    "deliver_at": datetime(2026, 11, 23, 8, tzinfo=UTC),
    "gift": True,
    "tags": ["new", "late"],
    "channels": ["web", "app"],
}


def archived() -> Iterator[tuple[bytes, ArchiveLine]]:
    """The lines of the archive for these records, as bytes and as they are read."""
    for number, document in enumerate((FULL, SHORT, NULLS, INVALID), start=1):
        record = Record(f"s:{number}", "s", str(number), "k", ARRIVED_AT, msgspec.json.encode(document))
        what = decode(record.data, AnotherOrder)
        order_id = order_id_of(what.order, record.event_id) if what.order else None
        line = encode(record, json=what.json, order_id=order_id)
        yield line.rstrip(b"\n"), read_line(line)


@pytest.fixture
def rows(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    """A database with the rows that DuckDB has of them."""
    file = tmp_path / "rows.parquet"
    found = (to_row(line, "EUR", AnotherOrder) for _, line in archived())
    parquet.write_rows(file, found, column_types(AnotherOrder), by="event_id")
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"CREATE VIEW here AS SELECT * FROM read_parquet('{file}')")
    return database


def fetched(database: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = database.execute(sql)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_duckdb_has_every_field_in_its_own_type(rows: duckdb.DuckDBPyConnection) -> None:
    full, short, nulls, invalid = fetched(rows, "SELECT * FROM here ORDER BY event_id")
    assert {name: full[name] for name in VALUES} == VALUES
    assert [str(one["weight"]) for one in full["parcels"]] == ["2.5000000000", "1.0000000000"]
    assert (str(full["rate"]), str(short["rate"])) == ("0.2500000000", "0.5000000000")
    assert (short["channel"], short["tags"], short["gift"], short["parcels"]) == ("web", [], None, None)
    about = ("event_id", "order_id", "raw")
    assert {**short, **dict.fromkeys(about)} == {**nulls, **dict.fromkeys(about)}
    assert (invalid["order_id"], invalid["channel"], invalid["tags"]) == (None, None, None)


def test_athenas_view_has_the_same_rows(rows: duckdb.DuckDBPyConnection) -> None:
    rows.execute("CREATE TABLE lines (line VARCHAR, default_currency VARCHAR)")
    rows.executemany("INSERT INTO lines VALUES (?, 'EUR')", [(line.decode(),) for line, _ in archived()])
    for name, value in HOURS.items():
        rows.execute(f"ALTER TABLE lines ADD COLUMN {name} VARCHAR DEFAULT '{value}'")
    rows.execute(f"CREATE TABLE compacted ({', '.join(columns('hive', athena.hive_columns(AnotherOrder)))})")
    for name in HOURS:
        rows.execute(f"ALTER TABLE compacted ADD COLUMN {name} VARCHAR")
    (sql,) = sqlglot.transpile(athena.records_sql(AnotherOrder), read="trino", write="duckdb")
    rows.execute(f"CREATE VIEW there AS {sql}")
    # In the types that Athena has: its times have no zone.
    casts = [f"{name}::{kind.replace('TIMESTAMPTZ', 'TIMESTAMP')} AS {name}" for name, kind in TYPES.items()]
    both = (f"SELECT {', '.join(casts)} FROM {view} ORDER BY event_id" for view in ("here", "there"))
    here, there = (fetched(rows, query) for query in both)
    assert here == there and len(here) == 4


def test_athenas_columns_are_those_of_duckdb() -> None:
    database = duckdb.connect()
    listed = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    database.execute(f"CREATE TABLE here ({listed})".replace("TIMESTAMPTZ", "TIMESTAMP_MS"))
    told = {"hive": athena.hive_columns(AnotherOrder), "trino": athena.trino_columns(AnotherOrder)}
    assert list(told["trino"]) == [*TYPES, *HOURS]
    for dialect, types in told.items():
        listed = ", ".join(columns(dialect, {name: types[name] for name in TYPES}))
        database.execute(f"CREATE TABLE {dialect} ({listed})")
        here, there = (database.execute(f"DESCRIBE {name}").fetchall() for name in ("here", dialect))
        assert here == there


def columns(dialect: str, types: dict[str, str]) -> list[str]:
    """Columns of Hive or Trino as DuckDB declares them: their times have milliseconds."""
    exact = {name: re.sub(r"timestamp(?!\()", "timestamp(3)", kind) for name, kind in types.items()}
    return [
        f"{name} {sqlglot.exp.DataType.build(kind, dialect=dialect).sql('duckdb')}"
        for name, kind in exact.items()
    ]
