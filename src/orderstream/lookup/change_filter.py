"""Select announcements of changes by a condition in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from orderstream.domain.item import attribute_names
from orderstream.domain.model import fields_of
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError
from orderstream.storage import parquet, user_sql
from orderstream.storage.announcements import CloudEvent
from orderstream.storage.columns import SCALE, TYPES, fits

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

EXAMPLE = "amount > 1000 AND 'paid' IN reached"
_MONEY = f"DECIMAL(38,{SCALE})"
_STATE = {
    "status": "Status",
    "total": "Total",
    "captured": "Captured",
    "refunded": "Refunded",
    "balance": "Balance",
}
_OF_EVENT = ("event", "effect")


class ChangeFilter:
    """A condition on announcements, evaluated by a database that can access nothing else."""

    def __init__(self, sql: DuckDBPyConnection, condition: str) -> None:
        self._sql = sql
        self._query = f"SELECT number FROM changes WHERE ({condition}\n) ORDER BY number"
        sql.execute(
            f"CREATE TABLE changes (number INTEGER, {', '.join(f'{n} {t}' for n, t in columns().items())})"
        )
        user_sql.lock(sql)
        with _errors():
            if len(sql.extract_statements(self._query)) != 1:
                raise InputError("a condition is one expression", hint=f"for example: {EXAMPLE}")
            sql.execute(self._query)

    def select(self, changes: Sequence[CloudEvent]) -> set[int]:
        """The indices of those for which the condition is true.

        Raises InputError if it cannot be evaluated.
        """
        if not changes:
            return set()
        self._sql.execute("DELETE FROM changes")
        # Whatever is on the stream can have values of any type.
        casts = ", ".join(f"TRY_CAST(? AS {kind})" for kind in columns().values())
        self._sql.executemany(
            f"INSERT INTO changes SELECT ?, {casts}",
            [(number, *_row(change)) for number, change in enumerate(changes)],
        )
        with _errors():
            return {number for (number,) in self._sql.execute(self._query).fetchall()}


@contextmanager
def change_filter(condition: str) -> Iterator[ChangeFilter]:
    """The filter of a condition. Raises InputError if it is not valid."""
    with parquet.database() as sql:
        yield ChangeFilter(sql, condition)


def columns() -> dict[str, str]:
    """The columns of an announcement with their DuckDB types: the change, the order after it, the whole.

    The fields of the order are null if it was erased, and if they are not announced. So is a number that does
    not fit its column.
    """
    of_order = {
        field.name: TYPES[type(kind)] for field, kind in fields_of(order_model()) if type(kind) in TYPES
    }
    own = {
        "id": "VARCHAR",
        "order_id": "VARCHAR",
        "version": "BIGINT",
        "type": "VARCHAR",
        "time": "TIMESTAMPTZ",
    }
    state = {name: "VARCHAR" if name == "status" else _MONEY for name in _STATE}
    event = dict.fromkeys(_OF_EVENT, "VARCHAR")
    return of_order | own | state | event | {"reached": "VARCHAR[]", "data": "JSON"}


def _row(change: CloudEvent) -> list[Any]:
    order, event = change.data.order or {}, change.data.event or {}
    attributes = attribute_names(order_model())
    values: dict[str, Any] = {
        "id": change.id,
        "order_id": change.subject,
        "version": change.data.version,
        "type": change.name,
        "time": change.time,
        "reached": list(change.data.reached),
        "data": msgspec.json.encode(change.data).decode(),
    }
    values |= {name: order.get(attribute) for name, attribute in _STATE.items()}
    values |= {name: event.get(name) for name in _OF_EVENT}
    return [_value(values[name] if name in values else order.get(attributes[name])) for name in columns()]


def _value(value: Any) -> Any:
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return Decimal(value) if fits(Decimal(value)) else None
    return value


@contextmanager
def _errors() -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        names = ", ".join(columns())
        raise InputError(
            f"--where: {user_sql.readable(error)}", hint=f"for example: {EXAMPLE}; there are {names}"
        ) from error
