"""SQL that a user writes, in DuckDB: restrict what it can reach, and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def lock(sql: DuckDBPyConnection, files: Iterable[Path] = ()) -> None:
    """Restrict the database to reading these files and writing none."""
    sql.execute(f"SET allowed_paths = [{', '.join(map(quoted, files))}]")
    # Otherwise a missing table would be looked up among this program's variables.
    sql.execute("SET python_enable_replacements = false")
    sql.execute("SET enable_external_access = false")
    sql.execute("SET lock_configuration = true")


def readable(error: Exception) -> str:
    """DuckDB's message in one line: the error, the suggestion and the position."""
    what, _, place = str(error).partition("\nLINE ")
    message = " ".join(what.split())
    if not place:
        return message
    text, _, caret = place.partition("\n")
    number, _, code = text.partition(": ")
    at = code[max(0, caret.find("^") - len(f"LINE {number}: ")) :]
    return f"{message} (line {number}, at {at[:40]!r})"


def quoted(text: str | Path) -> str:
    """A string as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"
