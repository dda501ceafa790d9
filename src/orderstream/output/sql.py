"""Prints the results of SQL queries: a table for people; CSV, JSON and Parquet for programs."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from rich.filesize import decimal
from rich.text import Text

from orderstream.domain.fields import utc_text
from orderstream.errors import InputError
from orderstream.output.console import err, fields, out, problem, step
from orderstream.output.terminal import SafeConsole, SafeTable, escaped, printable, write_bytes

if TYPE_CHECKING:
    from orderstream.archive.sql import QueryResult

Format = Literal["table", "csv", "json", "parquet"]
Row = Sequence[Any]
Write = Callable[[bytes], object]

# A table is for people, and is laid out in memory.
ROWS_IN_A_TABLE = 1000
# A narrower column is unreadable: then each row becomes a separate table.
_NARROWEST = 12
# A longer word, such as an order's JSON, is broken across lines.
_LONGEST_WORD = 256
_ROWS_A_WRITE = 1000
_BYTES_A_WRITE = 1024 * 1024

_JSON = msgspec.json.Encoder()
_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".ndjson": "json",
    ".jsonl": "json",
    ".parquet": "parquet",
}


def format_of(wanted: Format | None, file: Path | None) -> Format:
    """The requested format, or that of the file's name. Raises InputError."""
    found = wanted or (_ENDINGS.get(file.suffix.lower()) if file else "table")
    if found is None:
        raise InputError(
            f"the name of {file} does not say which format", hint="--json, --format csv or --format parquet"
        )
    if found == "parquet" and file is None and sys.stdout.isatty():
        raise InputError("Parquet cannot be printed to a terminal", hint="--output FILE, or > FILE")
    return found


def print_result(found: QueryResult, form: Format, file: Path | None) -> None:
    """Print what was fetched and its problems, and print the result or write it to the file."""
    synced = found.synced
    if synced.fetched or synced.cached:
        fetched, cached = decimal(synced.fetched_bytes), decimal(synced.cached_bytes)
        step(f"objects: {synced.fetched:,} fetched ({fetched}), {synced.cached:,} cached ({cached})")
    for what in synced.damaged:
        problem(what)
    if found.unrepresentable:
        problem(
            "orders and events with a number that does not fit its column:"
            f" {found.unrepresentable:,}. It is NULL and in no sum; the text is in raw"
        )
    with _opened(file) as write:
        if form == "parquet":
            with found.parquet().open("rb") as data:
                for some in iter(lambda: data.read(_BYTES_A_WRITE), b""):
                    write(some)
            told = ""
        else:
            told = _WRITERS[form](*found.rows(), write)
    if file:
        step(f"{told or 'the answer'} written to {file}")
    elif form == "table":
        err.print(told)


@contextmanager
def _opened(file: Path | None) -> Iterator[Write]:
    """A function that writes to standard output, a device, or a file that appears once it is complete."""
    if file is None:
        yield write_bytes
        return
    is_plain = file.is_file() or not file.exists()
    new = file.with_name(file.name + ".part") if is_plain else file
    try:
        with new.open("wb") as to:
            yield to.write
        if is_plain:
            new.replace(file)
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror or error}", hint="--output FILE") from error
    finally:
        if is_plain:
            new.unlink(missing_ok=True)


def _table(names: list[str], rows: Iterator[Row], write: Write) -> str:
    shown = list(islice(rows, ROWS_IN_A_TABLE))
    is_all = next(rows, None) is None
    if write is write_bytes:
        _print(names, shown, out)
    else:
        text = io.StringIO()
        _print(names, shown, SafeConsole(file=text, width=out.width))
        write(text.getvalue().encode())
    if not is_all:
        return f"the first {len(shown):,} rows, and there are more: --json or --format csv prints all"
    return _rows(len(shown))


def _print(names: list[str], rows: list[Row], console: SafeConsole) -> None:
    if len(names) * _NARROWEST > console.width:
        for number, row in enumerate(rows, start=1):
            console.print(f"row {number}")
            fields(zip(names, (str(_cell(value)) for value in row), strict=True), console)
        return
    table = SafeTable()
    for name, *values in zip(names, *rows, strict=True):
        is_number = any(isinstance(value, int | float | Decimal) for value in values)
        is_whole = name.endswith("_id") or any(isinstance(value, datetime) for value in values)
        words = (word for value in values for word in _cell(value).plain.split())
        table.add_column(
            name,
            justify="right" if is_number else "left",
            no_wrap=is_whole,
            overflow="fold" if any(len(word) > _LONGEST_WORD for word in words) else "ellipsis",
        )
    for row in rows:
        table.add_row(*map(_cell, row))
    console.print(table)


def _csv(names: list[str], rows: Iterator[Row], write: Write) -> str:
    write(",".join(map(_csv_field, names)).encode() + b"\n")
    return _written(rows, write, lambda row: ",".join(map(_csv_field, row)).encode())


def _json(names: list[str], rows: Iterator[Row], write: Write) -> str:
    return _written(
        rows, write, lambda row: escaped(_JSON.encode(dict(zip(names, map(_plain, row), strict=True))))
    )


def _written(rows: Iterator[Row], write: Write, line_of: Callable[[Row], bytes]) -> str:
    count = 0
    while some := list(islice(rows, _ROWS_A_WRITE)):
        write(b"".join(line_of(row) + b"\n" for row in some))
        count += len(some)
    return _rows(count)


_WRITERS: dict[Format, Callable[[list[str], Iterator[Row], Write], str]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
}


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _plain(value: Any, least_places: int = 0) -> Any:
    """The value as JSON: exact numbers, without trailing zeros beyond `least_places`."""
    if value is None or isinstance(value, str | bytes):
        return value
    if isinstance(value, Decimal):
        return msgspec.Raw(_digits(value, least_places).encode())
    if isinstance(value, datetime):
        return utc_text(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {_text(name): _plain(one, least_places) for name, one in value.items()}
    if isinstance(value, Iterable):
        return [_plain(one, least_places) for one in value]
    return value


def _digits(value: Decimal, least_places: int) -> str:
    text = f"{value:f}"
    whole, dot, places = text.partition(".")
    # A column without decimal places is a count.
    places = places.rstrip("0").ljust(min(least_places, len(places)), "0")
    return f"{whole}.{places}" if places else whole


def _text(value: Any, least_places: int = 0) -> str:
    if isinstance(value, Decimal):
        return _digits(value, least_places)
    plain = _plain(value, least_places)
    if isinstance(plain, str | float):
        return str(plain)
    return _JSON.encode(plain).decode().strip('"')


def _csv_field(value: Any) -> str:
    """The value as a CSV field: empty for NULL, quotes for an empty string."""
    if value is None:
        return ""
    text = _text(value)
    if text and not any(sign in text for sign in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _cell(value: Any) -> Text:
    if value is None:
        return Text("NULL", "dim")
    return Text(printable(_text(value, least_places=2)))
