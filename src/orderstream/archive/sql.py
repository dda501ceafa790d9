"""SQL queries on the archive, in a database that can access only the views."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import inspect

from orderstream.archive import cache, views
from orderstream.archive.cache_sync import CacheSync, SyncResult
from orderstream.archive.convert import Converter
from orderstream.archive.views import NO_FILES, columns_of
from orderstream.aws.deployment import Deployment
from orderstream.domain.lifecycle import AMENDED, NEEDS_AMOUNT
from orderstream.domain.model import fields_of, value_type
from orderstream.domain.user_model import order_model
from orderstream.errors import CloudError, InputError
from orderstream.progress import Progress, no_progress
from orderstream.recovery.reprocess import settings_of
from orderstream.storage import parquet, user_sql
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.columns import EVENT_FIELDS
from orderstream.storage.user_sql import quoted, readable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")

EXAMPLE = 'orders archive query "SELECT currency, sum(amount) FROM orders GROUP BY ALL" --since 24h'
_ROWS_AT_A_TIME = 1000
_ANEW = "orders archive query --refresh fetches anew what is cached"


@dataclass(frozen=True)
class QueryResult:
    """The result of a query, which is computed when its rows are read.

    `synced` is what was fetched for it, `unrepresentable` how many orders and events have a value that does
    not fit its column.
    """

    synced: SyncResult
    unrepresentable: int
    _sql: DuckDBPyConnection
    _query: str

    def rows(self) -> tuple[list[str], Iterator[Sequence[Any]]]:
        """The unique column names, and the rows. Raises InputError if the SQL is invalid."""
        with _errors():
            _interruptible(self._sql, lambda: self._sql.execute(self._query))
        return _distinct([column[0] for column in self._sql.description or ()]), self._rows()

    def parquet(self) -> Path:
        """The result as a Parquet file, which exists as long as the database. Raises InputError."""
        with _errors():
            # The only folder where a locked database may write.
            [(folder,)] = self._sql.execute("SELECT current_setting('temp_directory')").fetchall()
            file = Path(folder) / "answer.parquet"
            _interruptible(
                self._sql,
                lambda: self._sql.sql(self._query).write_parquet(str(file), compression="zstd"),
            )
        return file

    def _rows(self) -> Iterator[Sequence[Any]]:
        with _errors():
            while rows := _interruptible(self._sql, lambda: self._sql.fetchmany(_ROWS_AT_A_TIME)):
                yield from rows


@contextmanager
def run_query(
    deployment: Deployment,
    query: str,
    span: TimeRange = ALL_TIME,
    *,
    refresh: bool = False,
    progress: Progress = no_progress,
) -> Iterator[QueryResult]:
    """Run `query`, one SELECT, on the records that arrived in `span`.

    Fetches what it needs; with `refresh`, everything again. Raises InputError, before that, if the SQL is
    invalid.
    """
    check(query)
    words = set(re.findall(r"\w+", query.lower()))
    is_about_columns = bool(re.match(r"\s*(DESC|DESCRIBE|SHOW)\b", query, re.IGNORECASE))
    archive = not is_about_columns and not words.isdisjoint({"records", "orders", "events"})
    quarantine = not is_about_columns and not words.isdisjoint({"quarantine", "orders", "events"})
    currency = settings_of(deployment).currency
    if refresh:
        cache.clear(deployment)
    with cache.open_cache(deployment) as (cached, remove), parquet.database() as sql:
        converter = Converter(sql, cached.work, currency)
        sync = CacheSync(deployment, cached, converter, span, progress)
        with _errors(CloudError, "cannot prepare the archive's files: "):
            files = sync.get(archive=archive, quarantine=quarantine)
            views.define(sql, files, span)
            unfit = _unfit(sql) if archive else 0
        remove(sync.stale(archive=archive, quarantine=quarantine))
        user_sql.lock(sql, files.all)
        yield QueryResult(sync.done, unfit, sql, query)


def check(query: str) -> None:
    """Raise InputError if `query` is not one SELECT that the views can answer."""
    import duckdb

    with parquet.database() as sql, _errors():
        views.define(sql, NO_FILES, ALL_TIME)
        user_sql.lock(sql)
        statements = sql.extract_statements(query)
        if not statements:
            raise InputError("there is no SQL", hint=f"for example: {EXAMPLE}")
        if len(statements) > 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise InputError(
                "the archive is only read, by one SELECT at a time",
                hint="WITH names what would need a table of its own",
            )
        sql.sql(query)


def _interruptible(sql: DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Run `work` in a thread: in the main thread, DuckDB notices Ctrl-C only after it has found a row."""
    busy, over = Lock(), Event()

    def run() -> T:
        with busy:
            if over.is_set():
                raise CancelledError
            return work()

    thread = ThreadPoolExecutor(1)
    try:
        return thread.submit(run).result()
    finally:
        over.set()
        # An interrupt has no effect before the work has started.
        while not busy.acquire(timeout=0.1):
            sql.interrupt()
        busy.release()
        thread.shutdown()


def _unfit(sql: DuckDBPyConnection) -> int:
    """How many orders and events lack a required value, because it has more digits than its column."""
    of_order = f"order_id IS NOT NULL AND event IS NULL AND ({' OR '.join(_lacking(order_model()))})"
    names = ", ".join(map(quoted, sorted(NEEDS_AMOUNT | {AMENDED})))
    of_event = f"{EVENT_FIELDS} IS NOT NULL AND event IN ({names}) AND {EVENT_FIELDS}.amount IS NULL"
    query = f"SELECT count(*) FROM files.records WHERE ({of_order}) OR ({of_event})"
    [(count,)] = sql.execute(query).fetchall()
    return int(count)


def _lacking(model: type[msgspec.Struct], of: str = "") -> Iterator[str]:
    """Conditions of which at least one holds if a value that the model requires is missing."""
    for field, kind in fields_of(model):
        name = f"{of}{field.name}"
        if field.required:
            yield f"{name} IS NULL"
        if isinstance(kind, inspect.StructType):
            for lacking in _lacking(kind.cls, f"{name}."):
                yield f"{name} IS NOT NULL AND {lacking}"
        inside = value_type(kind.item_type) if isinstance(kind, inspect.VarTupleType) else kind
        if isinstance(inside, inspect.StructType) and inside is not kind:
            if lacking := " OR ".join(_lacking(inside.cls, "one.")):
                yield f"list_bool_or(list_transform({name}, lambda one: {lacking}))"


@contextmanager
def _errors(kind: type[InputError | CloudError] = InputError, doing: str = "") -> Iterator[None]:
    """Turn a DuckDB error inside the block into an Orderstream error."""
    import duckdb

    try:
        yield
    except RuntimeError as error:
        # DuckDB reports Ctrl-C like this.
        if "interrupted" not in str(error):
            raise
        raise KeyboardInterrupt from None
    except duckdb.OutOfMemoryException as error:
        raise CloudError(f"{doing}{readable(error)}", hint="TMPDIR names a place with more room") from error
    except (duckdb.IOException, duckdb.SerializationException) as error:
        raise CloudError(f"{doing}{readable(error)}", hint=_ANEW) from error
    except duckdb.Error as error:
        hint = _hint(error) if kind is InputError else _ANEW
        raise kind(f"{doing}{readable(error)}", hint=hint) from error


def _hint(error: Exception) -> str:
    if "Parser Error" in str(error):
        return f"for example: {EXAMPLE}"
    archive, events, quarantine = (", ".join(columns_of(view)) for view in ("orders", "events", "quarantine"))
    return f"records and orders have {archive}; events has {events}; quarantine has {quarantine}"


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number if one is taken, as DuckDB does in files."""
    taken: dict[str, None] = {}
    for name in names:
        number, free = 0, name
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken[free] = None
    return list(taken)
