"""The files of a state folder: the last complete snapshot, and what was acknowledged since.

Read before MiniStack's own modules are imported: its S3 loads its folder at import.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ministack.core import persistence

from orderstream.errors import DamagedError
from orderstream.files import private
from orderstream.local.patches import require_attr

FORMAT = 1
_JOURNAL = re.compile(r"records-(\d+)\.ndjson")
_default = require_attr(persistence, "_json_default")
_object_hook = require_attr(persistence, "_json_object_hook")
_format_version = require_attr(persistence, "_state_format_version")


@dataclass(frozen=True, slots=True)
class StateSnapshot:
    """All services' state at one moment, by MiniStack's name for the service.

    `number` increases with each snapshot; the journals from that number on are not in it. `checkpoints` is
    the text of the event source's file, None without one.
    """

    number: int = 0
    checkpoints: str | None = None
    services: Mapping[str, Any] = field(default_factory=dict)


class StateFolder:
    """A state folder, used by one process at a time: MiniStack's files, and that of the event source."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / "ministack"
        self._s3_folder = self.folder / "s3"
        self._file = self.folder / "snapshot.json"
        self._checkpoints = state_dir / "checkpoints.json"

    def load(self) -> StateSnapshot:
        """The last complete snapshot, empty without one. Raises DamagedError if its file cannot be used."""
        if not self._file.exists():
            return StateSnapshot()
        try:
            document = json.loads(self._file.read_bytes(), object_hook=_object_hook)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is {document['format']}, not {FORMAT}")
            services = {name: _payload(name, one) for name, one in document["services"].items()}
            return StateSnapshot(int(document["number"]), document["checkpoints"], services)
        except (LookupError, TypeError, AttributeError, ValueError, OSError, RecursionError) as error:
            raise damaged(self._file, str(error)) from error

    def make_consistent(self, snapshot: StateSnapshot) -> list[str]:
        """Restore everything else in the folder to `snapshot`; return the names of removed buckets.

        A bucket that is not in the snapshot belongs to no stack and would conflict with the next one. The
        checkpoints must not be ahead of the table, so the snapshot's replace later ones.
        """
        for file in (self._file, self._checkpoints):
            private.remove_unfinished(file)
        if snapshot.checkpoints is None:
            self._checkpoints.unlink(missing_ok=True)
        else:
            private.write(self._checkpoints, snapshot.checkpoints.encode())
        buckets = snapshot.services.get("s3", {}).get("buckets_meta", {})
        known = set(getattr(buckets, "_data", {}))
        removed = []
        for account in self._s3_folder.glob("[0-9]" * 12):
            for bucket in account.iterdir():
                if (account.name, bucket.name) not in known:
                    removed.append(bucket.name)
                    shutil.rmtree(bucket)
                    shutil.rmtree(
                        self._s3_folder / ".versions" / account.name / bucket.name, ignore_errors=True
                    )
        return removed

    def read_checkpoints(self) -> str | None:
        """The current text of the event source's file, None if there is none."""
        with suppress(FileNotFoundError):
            return self._checkpoints.read_text()
        return None

    def save(self, number: int, checkpoints: str | None, services: Mapping[str, Any]) -> None:
        """Replace the snapshot atomically and durably; raises OSError and leaves the old one."""
        head = {"format": FORMAT, "number": number, "checkpoints": checkpoints}
        private.write_pieces(self._file, map(str.encode, _pieces(head, services)))

    def journal(self, number: int) -> Journal:
        """A new journal, for what is not in snapshot `number`."""
        return Journal(self.folder / f"records-{number:08d}.ndjson")

    def journal_numbers(self) -> list[int]:
        """The numbers of the existing journals, ascending."""
        found = (_JOURNAL.fullmatch(file.name) for file in self.folder.glob("records-*"))
        return sorted(int(one[1]) for one in found if one)

    def drop_journals(self, before: int) -> None:
        """Remove the journals whose entries are in snapshot `before`."""
        for number in self.journal_numbers():
            if number < before:
                self.journal(number).path.unlink(missing_ok=True)

    def acknowledged_since(self, snapshot: StateSnapshot) -> Iterator[dict[str, Any]]:
        """The entries given to `Journal.append` that are not in `snapshot`, in order."""
        for number in self.journal_numbers():
            if number >= snapshot.number:
                for line in self.journal(number).path.read_bytes().splitlines():
                    try:
                        yield json.loads(line, object_hook=_object_hook)
                    except ValueError:
                        # Killed while it was written: it was never acknowledged.
                        break


def damaged(place: Path, why: str) -> DamagedError:
    """The error for unusable saved state."""
    return DamagedError(
        f"the saved state in {place} cannot be read: {why}",
        hint="restore the folder from a copy, or begin anew with another --state-dir",
    )


class Journal:
    """A file of JSON lines. A line is written before it is acknowledged, so a killed process loses none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Write one line for each; raises OSError, after which the journal takes no more."""
        lines = [json.dumps(entry, default=_default, separators=(",", ":")) for entry in entries]
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        rest = "".join(line + "\n" for line in lines).encode()
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _payload(name: str, saved: Any) -> Any:
    """A service's state, from the format that MiniStack writes; raises ValueError for a newer format."""
    if saved["__ministack_format__"] > _format_version(name):
        raise ValueError(f"a newer release of MiniStack wrote the state of {name}")
    if not isinstance(saved["payload"], dict):
        raise ValueError(f"the state of {name} is not an object")
    return saved["payload"]


def _pieces(head: Mapping[str, Any], services: Mapping[str, Any]) -> Iterator[str]:
    # One service at a time: all at once would double the memory.
    yield json.dumps(head)[:-1] + ', "services": {'
    for position, (name, payload) in enumerate(services.items()):
        wrapped = {"__ministack_format__": _format_version(name), "payload": payload}
        yield (", " if position else "") + json.dumps(name) + ": "
        yield json.dumps(wrapped, default=_default)
    yield "}}"
