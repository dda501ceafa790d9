"""Files and folders that only their user can read or write, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import mkstemp


def make_folder(path: Path) -> Path:
    """Create the folder, or remove other users' access to an existing one; return it. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def write(path: Path, data: bytes) -> None:
    """Replace the file atomically and durably, and create its folder if needed. Raises OSError."""
    write_pieces(path, [data])


def write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """The same, for content that is not in memory as a whole."""
    make_folder(path.parent)
    # Never write to an existing file: if another user created it, it would stay theirs.
    descriptor, new = mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_unfinished(path: Path) -> None:
    """Remove what killed processes left of writing the file; call while no other process writes it."""
    for left in path.parent.glob(f"{path.name}.*.new"):
        left.unlink(missing_ok=True)


def read(path: Path) -> bytes:
    """The file's content, if it belongs to this user and nobody else can write it; raises OSError."""
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise PermissionError(f"{path} belongs to another user, or others can write it")
        return file.read()


def opener(path: str, flags: int) -> int:
    """For `open(…, opener=opener)`: only the user can access the file, even if it existed before."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor
