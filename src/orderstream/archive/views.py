"""The SQL schema of the archive: four views, their columns, and their definition over Parquet files.

The Athena views have the same columns: change both together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import PARTITIONS
from orderstream.storage.bucket import TimeRange
from orderstream.storage.columns import EVENT_FIELDS, column_types, event_types, stored_types, type_name
from orderstream.storage.user_sql import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# The columns of a quarantined record's row; for a conflict, `stored` is the existing item as JSON.
QUARANTINED = {
    "event_id": "VARCHAR",
    "order_id": "VARCHAR",
    "partition_key": "VARCHAR",
    "arrived_at": "TIMESTAMPTZ",
    "reasons": "STRUCT(path VARCHAR, code VARCHAR, message VARCHAR)[]",
    "attempted_at": "TIMESTAMPTZ",
    "request_id": "VARCHAR",
    "stored": "VARCHAR",
    "raw": "VARCHAR",
    "raw_base64": "VARCHAR",
}

_PARTITIONS = ", ".join(f"strftime(arrived_at, '{form}') AS {name}" for name, form in PARTITIONS.items())

# `files` has each record once, within the span only.
RECORDS = f"SELECT * EXCLUDE ({EVENT_FIELDS}), {_PARTITIONS} FROM files.records"
QUARANTINE = f"SELECT *, {_PARTITIONS} FROM files.quarantine"
# A record that is not a conflict is the order itself, or a duplicate of it: the first is the one stored.
ORDERS = """
    SELECT * FROM records WHERE event_id IN (
        SELECT arg_min(event_id, (arrived_at, event_id))
        FROM records ANTI JOIN quarantine USING (event_id)
        WHERE order_id IS NOT NULL AND event IS NULL
        GROUP BY order_id
    )
"""
EVENTS = f"""
    SELECT event_id, order_id, event, {EVENT_FIELDS}.*, arrived_at, raw, raw_base64, {_PARTITIONS}
    FROM files.records ANTI JOIN quarantine USING (event_id)
    WHERE event IS NOT NULL
"""
VIEWS = {"records": RECORDS, "quarantine": QUARANTINE, "orders": ORDERS, "events": EVENTS}

# Chooses the same row among several for one event (redelivered after a model change, or in a damaged object),
# whichever files they are in: compaction must not change a result.
_FIRST = "row_number() OVER (PARTITION BY event_id ORDER BY order_id NULLS LAST, raw, raw_base64) = 1"


@dataclass(frozen=True)
class Files:
    """The Parquet files with the rows; within each file, a record occurs once.

    `alone` are the only files of their hour, `crowded` share their hour with others, and `single` are from
    objects with one order each, whose records may be in the others too.
    """

    alone: Sequence[Path] = ()
    crowded: Sequence[Path] = ()
    single: Sequence[Path] = ()
    quarantine: Sequence[Path] = ()

    @property
    def all(self) -> list[Path]:
        """All of them."""
        return [*self.alone, *self.crowded, *self.single, *self.quarantine]


NO_FILES = Files()


def columns_of(view: str) -> dict[str, str]:
    """The columns of a view with DuckDB's types, in their order."""
    events = {name: type_name(kind) for name, kind in event_types().items()}
    own = {"quarantine": QUARANTINED, "events": events}.get(view) or column_types()
    return own | dict.fromkeys(PARTITIONS, "VARCHAR")


def define(sql: DuckDBPyConnection, files: Files, span: TimeRange) -> None:
    """Create the views over the rows of `span` in the files."""
    types = stored_types()
    names = ", ".join(types)
    hourly = f"{_of(files.alone, types)} UNION ALL {_once(_of(files.crowded, types))}"
    parts = [hourly]
    if files.single:
        others = f"SELECT event_id FROM ({hourly})"
        single = _once(_of(files.single, types))
        parts.append(f"SELECT * FROM ({single}) WHERE event_id NOT IN ({others})")
    sql.execute("CREATE SCHEMA files")
    records = f"SELECT {names} FROM ({' UNION ALL '.join(parts)}) {_where(span)}"
    sql.execute(f"CREATE VIEW files.records AS {records}")
    sql.execute(
        f"CREATE VIEW files.quarantine AS SELECT * FROM ({_of(files.quarantine, QUARANTINED)}) {_where(span)}"
    )
    for name, query in VIEWS.items():
        sql.execute(f"CREATE VIEW {name} AS {query}")


def once(file: Path, types: dict[str, str]) -> str:
    """A query for the rows of a file, one per event."""
    return _once(_of([file], types))


def nothing(types: dict[str, str]) -> str:
    """A query for no rows with these columns."""
    return f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in types.items())} WHERE false"


def _of(files: Sequence[Path], types: dict[str, str]) -> str:
    if not files:
        return nothing(types)
    return f"SELECT {', '.join(types)} FROM read_parquet([{', '.join(map(quoted, files))}])"


def _once(query: str) -> str:
    return f"(SELECT * FROM ({query}) QUALIFY {_FIRST})"


def _where(span: TimeRange) -> str:
    bounds = [
        f"arrived_at {sign} TIMESTAMPTZ '{utc_text(moment)}'"
        for sign, moment in ((">=", span.since), ("<", span.until))
        if moment is not None
    ]
    return f"WHERE {' AND '.join(bounds)}" if bounds else ""
