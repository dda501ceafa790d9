"""Files and folders that nobody but their user can read or write, whatever the umask is."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp


def make_folder(path: Path) -> Path:
    """Make the folder, or close one that is there to other users; returns it. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def write(path: Path, data: bytes) -> None:
    """Replace the file as a whole, and make its folder if need be. Raises OSError."""
    make_folder(path.parent)
    # A file that somebody else put there must not be written to: it stays theirs.
    descriptor, new = mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


def read(path: Path) -> bytes:
    """The file, if it is this user's and nobody else can write it; raises OSError."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PermissionError(f"{path} belongs to another user, or others can write it")
        return file.read()


def opener(path: str, flags: int) -> int:
    """For `open(…, opener=opener)`: the file is this user's alone, also one that was there."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
