"""Convert archived lines and compacted objects to the Parquet files that the views read, each event once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from orderstream import domain
from orderstream.archive.views import QUARANTINED, nothing, once
from orderstream.domain.decode import decode
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.project.current import model_digest
from orderstream.storage import columns, parquet
from orderstream.storage.columns import raw_columns, stored_types
from orderstream.storage.parquet import PLACES, LocatedLine, UnreadableValue
from orderstream.storage.user_sql import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Converter:
    """Creates files in the folder `work`; `sql` is a database to check them with.

    `currency` is the default for orders without one. `stamp` is a hash of everything that a file depends on,
    apart from its lines.
    """

    def __init__(self, sql: DuckDBPyConnection, work: Path, currency: str) -> None:
        self._sql = sql
        self._work = work
        self._currency = currency
        self._numbers = count()
        # Editing the order model changes the columns, or the rules for the same columns.
        code = sorted(Path(domain.__file__).parent.glob("*.py"))
        sources = [file.read_bytes() for file in (*code, Path(columns.__file__), Path(__file__))]
        settings = [currency.encode(), model_digest().encode()]
        self.stamp = hashlib.blake2b(b"\0".join([*settings, *sources])).hexdigest()

    def new(self) -> Path:
        """An unused file name in `work`."""
        return self._work / f"{next(self._numbers)}.parquet"

    def records(self, lines: Iterable[LocatedLine]) -> Path:
        """Write a file of these archive lines."""
        file = self.new()
        parquet.write(file, lines, self._currency)
        return self._once(file, stored_types(), by="customer_id, arrived_at")

    def quarantine(self, lines: Iterable[LocatedLine]) -> Path:
        """Write a file of these quarantine lines."""
        file = self.new()
        parquet.write_rows(file, (_row(one.line) for one in lines), QUARANTINED, by="arrived_at, event_id")
        return self._once(file, QUARANTINED, by="arrived_at, event_id")

    def compacted(self, file: Path) -> Path:
        """A file with the records of the compacted object `file`. Raises parquet.UnreadableValue."""
        import duckdb

        try:
            found = self._sql.execute(f"DESCRIBE SELECT * FROM read_parquet({quoted(file)})").fetchall()
            meant = self._sql.execute(f"DESCRIBE {nothing(stored_types() | PLACES)}").fetchall()
            if [column[:2] for column in found] != [column[:2] for column in meant]:
                # Compacted when orders had other fields, or there were no events.
                return self.records(parquet.by_place(file))
            return self._once(file, stored_types(), by="customer_id, arrived_at")
        except duckdb.Error as error:
            raise UnreadableValue(str(error)) from error

    def _once(self, file: Path, types: dict[str, str], *, by: str) -> Path:
        """The file itself if it has each event once, as nearly all do; otherwise a deduplicated one."""
        events = f"SELECT count(*) - count(DISTINCT event_id) FROM read_parquet({quoted(file)})"
        [(again,)] = self._sql.execute(events).fetchall()
        if not again:
            return file
        new = self.new()
        self._sql.execute(
            f"COPY ({once(file, types)} ORDER BY {by}) TO {quoted(new)} (FORMAT parquet, COMPRESSION zstd)"
        )
        file.unlink()
        return new


def _row(line: ArchiveLine) -> dict[str, Any]:
    data = original_bytes(line)
    return {
        "event_id": line.event_id,
        "order_id": line.order_id,
        "partition_key": line.partition_key,
        "arrived_at": line.arrived_at,
        "reasons": line.reasons,
        "attempted_at": line.attempt.get("at"),
        "request_id": line.attempt.get("request_id"),
        # Its numbers are already text in the line, so they stay exact.
        "stored": None if line.stored is None else msgspec.json.encode(line.stored).decode(),
        **raw_columns(data, decode(data).json),
    }
