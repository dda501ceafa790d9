"""The parts of template.yaml about Athena: the columns of the order, and the views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

from orderstream.domain.object_keys import PARTITIONS
from orderstream.storage.athena import hive_columns, orders_sql, records_sql, trino_columns
from orderstream.storage.athena_events import events_sql, hive_event_columns, trino_event_columns

# The longest line of SQL in the template.
_WIDTH = 104
_OPERATORS = (" - ", " || ")


def table_columns() -> str:
    """The columns of an archived record in a table."""
    return _columns(hive_columns())


def view_columns() -> str:
    """The columns of an archived record in a view, in Glue's types."""
    return _columns(hive_columns() | dict.fromkeys(PARTITIONS, "string"))


def records() -> str:
    """The view of records: its columns in Athena's types, and its SQL."""
    return _view(trino_columns(), records_sql())


def event_columns() -> str:
    """The columns of the view of events, in Glue's types."""
    return _columns(hive_event_columns())


def events() -> str:
    """The view of events: its columns in Athena's types, and its SQL."""
    return _view(trino_event_columns(), events_sql())


def orders() -> str:
    """The SQL of the view of orders: its columns are those of records."""
    return "\n".join(f"      {line}" for line in _sql(orders_sql()))


def _view(types: Mapping[str, str], sql: str) -> str:
    columns = [f'{{"name": "{name}", "type": "{kind}"}}' for name, kind in types.items()]
    lines = ["Columns: |", *(f"  {line}" for line in ",\n".join(columns).split("\n")), *_sql(sql)]
    return "\n".join(f"      {line}" for line in lines)


def _columns(types: Mapping[str, str]) -> str:
    quoted = {name: f'"{kind}"' if set(kind) & set("(<,") else kind for name, kind in types.items()}
    return "\n".join(f"            - {{Name: {name}, Type: {kind}}}" for name, kind in quoted.items())


def _sql(text: str) -> list[str]:
    return ["Sql: |", *(f"  {one}" for line in text.split("\n") for one in wrapped(line))]


def wrapped(line: str) -> list[str]:
    """A line of SQL, in several if it is long: each argument of a function on its own, or each term."""
    indent = line[: len(line) - len(line.lstrip())]
    if len(line) <= _WIDTH:
        return [line]
    if "(" not in line:
        return wrap(line.strip(), _WIDTH, initial_indent=indent, subsequent_indent=indent)
    for operator in _OPERATORS:
        first, *others = _split(line.strip(), operator)
        if others:
            terms = [indent + first, *(f"{indent}  {operator.lstrip()}{term}" for term in others)]
            return [one for term in terms for one in wrapped(term)]
    begin = line.index("(")
    end = next(place for place, depth in _depths(line) if depth == 0)
    *arguments, last = _split(line[begin + 1 : end], ", ")
    inside = [*(f"{indent}  {argument}," for argument in arguments), f"{indent}  {last}"]
    parts = [line[: begin + 1], *(one for part in inside for one in wrapped(part))]
    return [*parts, *wrapped(indent + line[end:])]


def _split(text: str, separator: str) -> list[str]:
    """The text between separators that are in no parentheses and no string."""
    parts, begin, depth = [], 0, 0
    for place, character in enumerate(text):
        if _in_string(text, place):
            continue
        if character in "()":
            depth += 1 if character == "(" else -1
        elif depth == 0 and text.startswith(separator, place):
            parts.append(text[begin:place])
            begin = place + len(separator)
    return [*parts, text[begin:]]


def _in_string(text: str, place: int) -> bool:
    return text.count("'", 0, place) % 2 == 1


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Each parenthesis outside of strings, with how many are open after it."""
    depth = 0
    for place, character in enumerate(text):
        if character in "()" and not _in_string(text, place):
            depth += 1 if character == "(" else -1
            yield place, depth
