"""Read orders from files, pipes and arguments: newline-delimited JSON, a JSON array, CSV, one JSON object."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from itertools import chain
from typing import BinaryIO, NamedTuple

import msgspec

from orderstream.errors import InputError

# No stream accepts a larger record, so a longer line is not a valid order, and reading stops there.
MAX_LINE_BYTES = 10 * 1024 * 1024
MAX_ARRAY_BYTES = 64 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_FORMATS = (
    "orders are JSON objects, one a line or in an array, or CSV whose first line names the columns: "
    "customer_id,amount,… (all UTF-8)"
)
# Separators that programs write where the comma is a decimal point, or that spreadsheets export.
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_OBJECT = msgspec.json.Decoder(dict, float_hook=Decimal)


class InputLine(NamedTuple):
    """An order: its position ("line 7", or "element 7" of an array), and its bytes as written."""

    place: str
    raw: bytes


class BadLine(NamedTuple):
    """The input at this position is not a valid order; `text` says why, in one line."""

    place: str
    text: str


def read_orders(source: str | None, stdin: BinaryIO) -> Iterator[InputLine | BadLine]:
    """The orders in `source`: JSON itself (it begins with { or [), a path, or - or None for `stdin`.

    The format is detected from the content. JSON objects keep their bytes unchanged, without the line end. A
    CSV row becomes an object of strings, without its empty cells. A bad line becomes a BadLine and does not
    stop the rest. Lines and rows are read one by one, an array as a whole. Raises InputError, when the first
    order is read, for input that is unreadable, empty or not recognized.
    """
    if source is None or source == "-":
        yield from _orders(stdin, "standard input")
    elif source.lstrip()[:1] in ("{", "["):
        yield from _orders(BytesIO(os.fsencode(source)), "the JSON given")
    else:
        with _open(source) as file:
            yield from _orders(file, source)


def _open(path: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file", hint="JSON itself begins with { or [") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory", hint="give a file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path!r}: is not a path: {error}") from error


def _orders(stream: BinaryIO, name: str) -> Iterator[InputLine | BadLine]:
    number, first = 0, b"\n"
    while first and not first.strip():
        number += 1
        first = _read_line(stream, name)
        if number == 1:
            first = first.removeprefix(_BOM)
    if not first:
        raise InputError(f"{name}: is empty", hint=_FORMATS)
    start = first.lstrip()[:1]
    if start == b"[":
        return _array(first, stream, name)
    lines = _lines(number, first, stream, name)
    return _objects(lines) if start == b"{" else _rows(lines, name)


def _read_line(stream: BinaryIO, name: str) -> bytes:
    try:
        return stream.readline(MAX_LINE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from error


def _lines(number: int, line: bytes, stream: BinaryIO, name: str) -> Iterator[tuple[int, bytes]]:
    """`line` and those after it, with numbers and line ends; an overlong line is truncated."""
    yield number, line
    while line:
        is_complete = line.endswith(b"\n")
        line = _read_line(stream, name)
        if line and is_complete:
            number += 1
            yield number, line


def _array(first: bytes, stream: BinaryIO, name: str) -> Iterator[InputLine | BadLine]:
    try:
        document = first + stream.read(MAX_ARRAY_BYTES + 1 - len(first))
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from error
    if len(document) > MAX_ARRAY_BYTES:
        raise InputError(
            f"{name}: is an array of more than {MAX_ARRAY_BYTES} bytes, and arrays are read whole",
            hint="give one order a line: jq -c '.[]' makes it so",
        )
    try:
        elements = msgspec.json.decode(document, type=list[msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: is not a JSON array: {_why(error)}", hint=_FORMATS) from error
    return (_object(f"element {number}", bytes(raw)) for number, raw in enumerate(elements, start=1))


def _objects(lines: Iterator[tuple[int, bytes]]) -> Iterator[InputLine | BadLine]:
    number, first = next(lines)
    one = _object(f"line {number}", _without_end(first))
    if isinstance(one, BadLine):
        # It may be one object that spans several lines.
        ahead, is_whole = _read_ahead(lines, MAX_LINE_BYTES - len(first))
        spread = _object(one.place, b"".join([first, *(line for _, line in ahead)]).strip())
        if is_whole and isinstance(spread, InputLine):
            yield spread
            return
        lines = chain(ahead, lines)
    yield one
    for number, line in lines:
        if line.strip():
            yield _object(f"line {number}", _without_end(line))


def _read_ahead(lines: Iterator[tuple[int, bytes]], room: int) -> tuple[list[tuple[int, bytes]], bool]:
    """Lines of up to `room` bytes (and one more), and whether that is all of them."""
    ahead: list[tuple[int, bytes]] = []
    for number, line in lines:
        ahead.append((number, line))
        room -= len(line)
        if room < 0:
            return ahead, False
    return ahead, True


def _object(place: str, raw: bytes) -> InputLine | BadLine:
    if len(raw) > MAX_LINE_BYTES:
        return BadLine(place, f"is longer than {MAX_LINE_BYTES} bytes")
    try:
        _OBJECT.decode(raw)
    except (ArithmeticError, ValueError, RecursionError) as error:
        return BadLine(place, f"is not a JSON object: {_why(error)}")
    return InputLine(place, raw)


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, ArithmeticError):
        return "it has a number beyond all bounds"
    return " ".join(str(error).split())


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


def _rows(lines: Iterator[tuple[int, bytes]], name: str) -> Iterator[InputLine | BadLine]:
    number, first = next(lines)
    columns = _columns(first, name)
    # Bytes that are not UTF-8 become lone surrogates, which the encoder rejects: an error of that row alone.
    reader = csv.reader((line.decode("utf-8", "surrogateescape") for _, line in lines), strict=True)
    while True:
        start = number + reader.line_num + 1
        try:
            cells = next(reader)
            if cells:
                yield InputLine(f"line {start}", _row(columns, cells))
        except StopIteration:
            return
        except (csv.Error, ValueError) as error:
            end = number + reader.line_num
            where = f" (up to line {end})" if end > start else ""
            yield BadLine(f"line {start}", f"{_why_not_a_row(error)}{where}")


def _columns(header: bytes, name: str) -> list[str]:
    columns = _names(header, ",")
    if "customer_id" not in columns and not {"order_id", "event"} <= {*columns}:
        for separator, called in _OTHER_SEPARATORS.items():
            if "customer_id" in _names(header, separator):
                raise InputError(
                    f"{name}: its columns are separated by {called}; CSV has commas here",
                    hint="save it with commas between the columns, and with points in the amounts: 19.90",
                )
        what = "has no column customer_id" if name.endswith(".csv") else "is not recognised"
        raise InputError(f"{name}: {what}", hint=_FORMATS)
    if "" in columns or len(set(columns)) < len(columns):
        raise InputError(f"{name}: a column has no name, or two have the same", hint=_FORMATS)
    return columns


def _names(header: bytes, separator: str) -> list[str]:
    try:
        (names,) = csv.reader([header.decode()], delimiter=separator, strict=True)
    except (csv.Error, ValueError):
        return []
    return [name.strip() for name in names]


def _row(columns: list[str], cells: list[str]) -> bytes:
    if len(cells) != len(columns):
        raise ValueError(f"has {len(cells)} cells for {len(columns)} columns")
    return msgspec.json.encode({column: cell for column, cell in zip(columns, cells, strict=True) if cell})


def _why_not_a_row(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "is not UTF-8"
    return f"is not a row of CSV: {error}" if isinstance(error, csv.Error) else str(error)
