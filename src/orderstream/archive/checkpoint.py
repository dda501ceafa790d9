"""The progress of long work, in a file: after an interruption the same command resumes from there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from orderstream.errors import CloudError, InputError
from orderstream.files import private
from orderstream.files.folders import state_home
from orderstream.storage.bucket import TimeRange


class _State(msgspec.Struct):
    """The span when the work began, and the position before which everything is done."""

    since: datetime | None
    until: datetime | None
    after: str = ""


class Checkpoint:
    """The checkpoint of the work that `words` identify.

    `span` and `after` are those of the interrupted work if there is one, unless `restart` is set: "2h" still
    means the two hours before it first began. `folder` is for tests and defaults to the user's state folder.
    """

    def __init__(
        self, words: Sequence[str], span: TimeRange, *, restart: bool = False, folder: Path | None = None
    ) -> None:
        name = hashlib.blake2b("\0".join(words).encode(), digest_size=8).hexdigest()
        self._file = (folder or state_home()) / f"{words[0]}-{name}.json"
        self._state = _State(span.since, span.until)
        self.is_resumed = False
        if restart:
            return
        try:
            self._state = msgspec.json.decode(self._file.read_bytes(), type=_State)
            self.is_resumed = True
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError) as error:
            raise CloudError(f"cannot read {self._file}: {error}", hint="--restart starts over") from None

    @property
    def span(self) -> TimeRange:
        """The span of the work."""
        return TimeRange(self._state.since, self._state.until)

    @property
    def after(self) -> str:
        """The position before which everything is done; empty at the beginning."""
        return self._state.after

    def save(self, place: str) -> None:
        """Record that everything before `place` is done. Raises InputError if the file cannot be written."""
        self._state.after = place
        try:
            private.write(self._file, msgspec.json.encode(self._state))
        except OSError as error:
            raise InputError(
                f"cannot write in {self._file.parent}: {error.strerror or error}",
                hint="XDG_STATE_HOME names another folder for it",
            ) from error

    def clear(self) -> None:
        """Remove the checkpoint when the work is done."""
        self._file.unlink(missing_ok=True)
