"""Files and folders that only their user can read or write, whatever the umask."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp


def make_folder(path: Path) -> Path:
    """Create the folder, or remove other users' access to an existing one; return it. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def write(path: Path, data: bytes) -> None:
    """Replace the file atomically, and create its folder if needed. Raises OSError."""
    make_folder(path.parent)
    # Never write to an existing file: if another user created it, it would stay theirs.
    descriptor, new = mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


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
