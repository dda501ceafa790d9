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
from orderstream.storage.columns import column_types, to_row

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Where a line lay before it came into a Parquet file: readers show that place, and items name it.
PLACES = {"places": "STRUCT(key VARCHAR, line INTEGER, written TIMESTAMPTZ)[]"}

# DuckDB keeps several buffers for JSON, each of twice the longest line that it is told of. Kinesis's largest
# record, 10 MiB, can be a line of 60 MB: so it is told what there is, and given room for it.
_MEMORY = 512 * 1024 * 1024
_LONG_LINE = 16 * 1024 * 1024
_BUFFERS = 16
_ROWS_AT_A_TIME = 1000
_ENCODER = msgspec.json.Encoder()

# As `utc_text` writes it.
_UTC = "strftime(arrived_at, '%Y-%m-%dT%H:%M:%S.%fZ')"
# The order of the stream: by arrival and, in a shard, by the number in the stream and in an aggregate.
_PARTS = [f"split_part(event_id, ':', {part})" for part in (1, 2, 3)]
_BY_ARRIVAL = ", ".join(["arrived_at", *(f"length({part}), {part}" for part in _PARTS)])
# A file may be anybody's: what is of another type is cast or, where that cannot be, the file is unreadable.
_PLACED = f"places::{PLACES['places']}"
_TEXTS = [f"{name}::VARCHAR" for name in ("order_id", "raw", "raw_base64")]
_LINE = ", ".join(["event_id::VARCHAR", "partition_key::VARCHAR", f"{_UTC} AS arrived", *_TEXTS])


class UnreadableValue(Exception):
    """A file that is no Parquet, or not one of these."""


class LocatedLine(msgspec.Struct, frozen=True):
    """A line, the `number` (from 1) that it has in the object `key`, and when that was written."""

    key: str
    number: int
    written: datetime
    line: ArchiveLine


@contextmanager
def database(longest_line: int = 0) -> Iterator[DuckDBPyConnection]:
    """An empty DuckDB in UTC, that spills to disk what does not fit in half a gigabyte.

    It gets more where JSON has a very long line (bytes).
    """
    # Imported only now: it takes longer than all else that a verb such as `orders get` imports.
    import duckdb

    with ScratchFolder("sql") as folder:
        config: dict[str, Any] = {
            "temp_directory": folder,
            "memory_limit": f"{_MEMORY + _BUFFERS * max(0, longest_line - _LONG_LINE)}B",
            "threads": 2,
            # Extensions would be downloaded; all that is used here is built in.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(config=config) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection


def write_rows(
    file: Path, rows: Iterable[dict[str, Any]], types: dict[str, str], *, by: str, together: str = ""
) -> int:
    """Write rows, whose values are as msgspec encodes them, sorted by the columns `by`; returns how many.

    With `together`, rows that differ in that column of lists alone become one, with the lists as one.
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
    """Write lines, sorted by customer and time; returns how many. The same line in two places is one row.

    `currency` is that of orders that name none.
    """
    rows = (_row(one, currency) for one in lines)
    by = f"customer_id, {_BY_ARRIVAL}"
    return write_rows(file, rows, column_types() | PLACES, by=by, together="places")


def by_place(file: Path, *, key: str | None = None) -> Iterator[LocatedLine]:
    """The lines as they lay in the objects from which they came, object by object; or those of one."""
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
    """The lines of an order or event called `text`, or in whose text it stands."""
    return _read(
        f"SELECT place, {_LINE} FROM (SELECT *, unnest({_PLACED}) AS place FROM read_parquet(?)"
        " WHERE order_id = ? OR event_id = ? OR contains(raw, ?)) ORDER BY place.key, place.line",
        [str(file), text, text, text],
    )


def of_customer(file: Path, customer_id: str) -> Iterator[LocatedLine]:
    """The lines that can be of a customer, each once: their orders, and all that are no order."""
    return _read(
        f"SELECT ({_PLACED})[1], {_LINE} FROM read_parquet(?) WHERE customer_id = ? OR customer_id IS NULL",
        [str(file), customer_id],
    )


def _read(query: str, values: Sequence[Any]) -> Iterator[LocatedLine]:
    import duckdb

    with database() as sql:
        try:
            found = sql.execute(query, values)
            while rows := found.fetchmany(_ROWS_AT_A_TIME):
                yield from map(_placed, rows)
        except duckdb.Error as error:
            # The lines that follow show the query.
            what = str(error).partition("\n")[0].replace(str(values[0]), "it")
            raise UnreadableValue(what) from error


def _placed(row: tuple[Any, ...]) -> LocatedLine:
    place, event_id, partition_key, arrived_at, order_id, raw, raw_base64 = row
    if None in (place, event_id, arrived_at) or None in place.values():
        raise UnreadableValue("a row is no archived line")
    line = ArchiveLine(
        event_id=event_id,
        partition_key=partition_key,
        arrived_at=arrived_at,
        order_id=order_id,
        raw_text=raw if raw_base64 is None else None,
        raw_base64=raw_base64,
    )
    return LocatedLine(place["key"], place["line"], place["written"], checked(line))


def _row(one: LocatedLine, currency: str) -> dict[str, Any]:
    place = {"key": one.key, "line": one.number, "written": utc_text(one.written)}
    return to_row(one.line, currency) | {"places": [place]}


def _quoted(file: Path) -> str:
    return str(file).replace("'", "''")
