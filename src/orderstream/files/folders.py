"""The user's folders, and checks before they are used: whether they are writable and have enough space."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path, user_state_path

from orderstream.errors import InputError


def state_home() -> Path:
    """The user's state folder for this project. Raises InputError if there is no home folder."""
    with _home_is_known("XDG_STATE_HOME"):
        return user_state_path("orderstream")


def cache_home() -> Path:
    """The user's cache folder for this project. Raises InputError if there is no home folder."""
    with _home_is_known("XDG_CACHE_HOME"):
        return user_cache_path("orderstream")


@contextmanager
def _home_is_known(variable: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise InputError("this user has no home folder", hint=f"set HOME, or {variable}") from error


def ensure_writable(folder: Path, *, hint: str) -> None:
    """Create `folder` (0700) if needed, and test that files can be written; raises InputError if not."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
    except OSError as error:
        raise InputError(f"cannot write in {folder}: {error.strerror or error}", hint=hint) from error


def ensure_room(folder: Path, size: int, *, hint: str) -> None:
    """Raise InputError unless `size` bytes are free on the file system of `folder`."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise InputError(
            f"{free / 1e6:,.0f} MB are free in {folder}, and {size / 1e6:,.0f} MB are needed", hint=hint
        )


def temporary_folder() -> Path:
    """The folder for temporary files; raises InputError if none is writable."""
    hint = "TMPDIR names another folder for temporary files"
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise InputError(f"there is no folder for temporary files: {error.strerror}", hint=hint) from error
    wanted = os.environ.get("TMPDIR")
    if wanted and Path(wanted).resolve() != folder.resolve():
        # Python silently falls back to another folder.
        ensure_writable(Path(wanted), hint=hint)
    ensure_writable(folder, hint=hint)
    return folder
