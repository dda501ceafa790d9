"""Temporary folders without leftovers: creating one removes those of killed processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_PREFIX = "orderstream-"
_LOCK = "in-use"


class ScratchFolder(tempfile.TemporaryDirectory[str]):
    """A temporary folder, 0700, for the duration of a `with` block. `purpose` is part of its name.

    A process that has `lock` open is using the folder. It is removed when none does, even after a kill -9.
    """

    def __init__(self, purpose: str) -> None:
        remove_abandoned(Path(tempfile.gettempdir()))
        super().__init__(prefix=f"{_PREFIX}{purpose}-", ignore_cleanup_errors=True)
        new = Path(self.name, _LOCK + ".new")
        self.lock = os.open(new, os.O_WRONLY | os.O_CREAT, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        # Renamed only once it is locked: other processes ignore a folder without a lock file.
        new.rename(new.with_name(_LOCK))

    def cleanup(self) -> None:
        """Remove the folder, and release the lock."""
        super().cleanup()
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def remove_abandoned(folder: Path, user: int | None = None) -> None:
    """Remove what killed processes of the user (by id, default the current one) left in `folder`."""
    user = os.geteuid() if user is None else user
    for left in folder.glob(f"{_PREFIX}*/{_LOCK}"):
        try:
            if left.parent.is_symlink() or left.parent.stat().st_uid != user:
                continue
            lock = os.open(left, os.O_WRONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left.parent, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)
