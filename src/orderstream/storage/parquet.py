"""Parquet files of archived lines: written, sorted and read by DuckDB, on disk and in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from orderstream.domain.fields import utc_text
from orderstream.files.scratch import ScratchFolder
from orderstream.pipeline.archive_codec import ArchiveLine, checked
from orderstream.storage.columns import EVENT_FIELDS, stored_types, to_row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Where a line was before compaction: readers report that location, and items refer to it.
PLACES = {"places": "STRUCT(key VARCHAR, line INTEGER, written TIMESTAMPTZ)[]"}

# DuckDB keeps several buffers for JSON, each twice the declared maximum line length. Kinesis's largest
# record, 10 MiB, can be a line of 60 MB, so declare the actual maximum and raise the memory limit for it.
_MEMORY = 512 * 1024 * 1024
_LONG_LINE = 16 * 1024 * 1024
_BUFFERS = 16
_ROWS_AT_A_TIME = 1000
_ENCODER = msgspec.json.Encoder()

# In the format of `utc_text`.
_UTC = "strftime(arrived_at, '%Y-%m-%dT%H:%M:%S.%fZ')"
# Stream order: by arrival, then within a shard by sequence number and position in an aggregate.
_PARTS = [f"split_part(event_id, ':', {part})" for part in (1, 2, 3)]
_BY_ARRIVAL = ", ".join(["arrived_at", *(f"length({part}), {part}" for part in _PARTS)])
# A file may come from anywhere: other types are cast or, if that fails, the file is unreadable.
_PLACED = f"places::{PLACES['places']}"
_TEXTS = [f"{name}::VARCHAR" for name in ("order_id", "raw", "raw_base64")]
# Files that were written before there were events have no column for them.
_EVENT = "<event>"
_LINE = ", ".join(["event_id::VARCHAR", "partition_key::VARCHAR", f"{_UTC} AS arrived", _EVENT, *_TEXTS])


class UnreadableValue(Exception):
    """A file that is not Parquet, or not Parquet of archived lines."""


class LocatedLine(msgspec.Struct, frozen=True):
    """A line, its `number` (from 1) in the object `key`, and when that object was written."""

    key: str
    number: int
    written: datetime
    line: ArchiveLine


@contextmanager
def database(longest_line: int = 0) -> Iterator[DuckDBPyConnection]:
    """An empty DuckDB database in UTC that spills to disk beyond half a gigabyte.

    The memory limit rises with a very long JSON line (bytes).
    """
    # Imported lazily: it takes longer than all other imports of a command such as `orders get`.
    import duckdb

    with ScratchFolder("sql") as folder:
        config: dict[str, Any] = {
            "temp_directory": folder,
            "memory_limit": f"{_MEMORY + _BUFFERS * max(0, longest_line - _LONG_LINE)}B",
            "threads": 2,
            # Extensions would be downloaded; everything used here is built in.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


def write_rows(
    file: Path, rows: Iterable[dict[str, Any]], types: dict[str, str], *, by: str, together: str = ""
) -> int:
    """Write rows, whose values are as msgspec encodes them, sorted by the columns `by`; return the count.

    With `together`, rows that differ only in that list column become one row with the lists merged.
    """
    read = "SELECT * FROM read_json(?, format = 'newline_delimited', columns = ?, maximum_object_size = ?)"
    if together:
        others = ", ".join(name for name in types if name != together)
        read = (
            f"SELECT {others}, list_sort(list_distinct(flatten(list({together})))) AS {together}"
            f" FROM ({read}) GROUP BY {others}"
        )
    lines = file.with_suffix(".ndjson")
    longest = 0
    try:
        with lines.open("wb") as out:
            for row in rows:
                longest = max(longest, out.write(_ENCODER.encode(row) + b"\n"))
        with database(longest) as sql:
            (count,) = sql.execute(
                f"COPY ({read} ORDER BY {by}) TO '{_quoted(file)}' (FORMAT parquet, COMPRESSION zstd)",
                [str(lines), types, max(longest, _LONG_LINE)],
            ).fetchone() or (0,)
    finally:
        lines.unlink(missing_ok=True)
    return int(count)


def write(file: Path, lines: Iterable[LocatedLine], currency: str) -> int:
    """Write lines, sorted by customer and time; return the count. The same line in two places is one row.

    `currency` is the default for orders without one.
    """
    rows = (_row(one, currency) for one in lines)
    by = f"customer_id, {_BY_ARRIVAL}"
    return write_rows(file, rows, stored_types() | PLACES, by=by, together="places")


def by_place(file: Path, *, key: str | None = None) -> Iterator[LocatedLine]:
    """The lines as in the objects they came from, object by object; with `key`, those of one object."""
    where, values = ("WHERE place.key = ?", [key]) if key else ("", [])
    return _read(
        f"SELECT place, {_LINE} FROM (SELECT *, unnest({_PLACED}) AS place FROM read_parquet(?)) {where}"
        f" ORDER BY place.key, place.line, {_BY_ARRIVAL}",
        [str(file), *values],
    )


def by_arrival(file: Path) -> Iterator[LocatedLine]:
    """The lines, each once, in the order in which the records arrived."""
    return _read(f"SELECT ({_PLACED})[1], {_LINE} FROM read_parquet(?) ORDER BY {_BY_ARRIVAL}", [str(file)])


def with_text(file: Path, text: str) -> Iterator[LocatedLine]:
    """The lines whose order or event has the id `text`, or whose text contains it."""
    return _read(
        f"SELECT place, {_LINE} FROM (SELECT *, unnest({_PLACED}) AS place FROM read_parquet(?)"
        " WHERE order_id = ? OR event_id = ? OR contains(raw, ?)) ORDER BY place.key, place.line",
        [str(file), text, text, text],
    )


def of_customer(file: Path, customer_id: str) -> Iterator[LocatedLine]:
    """The lines that can belong to a customer, each once: their orders, and all invalid records."""
    return _read(
        f"SELECT ({_PLACED})[1], {_LINE} FROM read_parquet(?) WHERE customer_id = ? OR customer_id IS NULL",
        [str(file), customer_id],
    )


def _read(query: str, values: Sequence[Any]) -> Iterator[LocatedLine]:
    import duckdb

    with database() as sql:
        try:
            described = sql.execute("DESCRIBE SELECT * FROM read_parquet(?)", values[:1]).fetchall()
            has_events = EVENT_FIELDS in (column[0] for column in described)
            found = sql.execute(query.replace(_EVENT, "event::VARCHAR" if has_events else "NULL"), values)
            while rows := found.fetchmany(_ROWS_AT_A_TIME):
                yield from map(_placed, rows)
        except duckdb.Error as error:
            # The following lines show the query.
            what = str(error).partition("\n")[0].replace(str(values[0]), "it")
            raise UnreadableValue(what) from error


def _placed(row: tuple[Any, ...]) -> LocatedLine:
    place, event_id, partition_key, arrived_at, event, order_id, raw, raw_base64 = row
    if None in (place, event_id, arrived_at) or None in place.values():
        raise UnreadableValue("a row is not an archived line")
    line = ArchiveLine(
        event_id=event_id,
        partition_key=partition_key,
        arrived_at=arrived_at,
        order_id=order_id,
        event=event,
        raw_text=raw if raw_base64 is None else None,
        raw_base64=raw_base64,
    )
    return LocatedLine(place["key"], place["line"], place["written"], checked(line))


def _row(one: LocatedLine, currency: str) -> dict[str, Any]:
    place = {"key": one.key, "line": one.number, "written": utc_text(one.written)}
    return to_row(one.line, currency) | {"places": [place]}


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")
