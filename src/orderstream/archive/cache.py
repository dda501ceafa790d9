"""A local cache of the bucket's objects as Parquet files: one folder per bucket, shared by queries.

A file is named KIND-HOUR-WHICH.parquet, where WHICH identifies its sources, so changed sources have another
name. Files are moved into the folder once complete. A query holds a shared lock on the folder while it reads,
and the last one to finish removes stale files.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from orderstream.aws.deployment import Deployment
from orderstream.errors import CloudError
from orderstream.files import private
from orderstream.files.folders import cache_home

# At both ends of a Parquet file. A file may be incomplete after a power failure.
_MAGIC = b"PAR1"
_SUFFIX = ".parquet"

# Returns whether a file (its kind, hour and name) is stale.
Stale = Callable[[str, str, str], bool]


class Cache:
    """The files of one bucket in `folder`. `work` is a folder for this process only."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.work = work

    def find(self, name: str) -> Path | None:
        """The file with this name, if it exists and is complete."""
        file = self.folder / (name + _SUFFIX)
        if _is_whole(file):
            return file
        file.unlink(missing_ok=True)
        return None

    def put(self, file: Path, name: str) -> Path:
        """Move a file out of `work` into the cache; return its path."""
        file.chmod(0o600)
        return file.replace(self.folder / (name + _SUFFIX))


def folder_of(deployment: Deployment) -> Path:
    """The folder for a bucket's files; local clouds share a bucket name, so it includes the endpoint."""
    where = hashlib.blake2b(deployment.cloud.s3.meta.endpoint_url.encode(), digest_size=4).hexdigest()
    return cache_home() / f"{deployment.bucket}-{where}"


@contextmanager
def open_cache(deployment: Deployment) -> Iterator[tuple[Cache, Callable[[Stale], None]]]:
    """The cache of a bucket, and a function that takes rules for removing files at the end.

    Raises CloudError if the disk prevents it.
    """
    folder = folder_of(deployment)
    rules: list[Stale] = []
    begun = time.time()
    with ExitStack() as held:
        with disk_errors(folder):
            # Customer data is private to the user.
            private.make_folder(folder.parent)
            private.make_folder(folder)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            work = TemporaryDirectory(prefix="run-", dir=folder, ignore_cleanup_errors=True)
        with work as own:
            yield Cache(folder, Path(own)), rules.append
        with disk_errors(folder):
            _evict(folder, descriptor, rules, begun)


def clear(deployment: Deployment) -> bool:
    """Remove everything cached for a bucket; return whether there was anything.

    A running query must be repeated: nothing that it fetched before can reappear.
    """
    folder = folder_of(deployment)
    with disk_errors(folder):
        try:
            # Move the folder away first, so that a process still writing finds no folder and leaves no file
            # behind.
            gone = Path(mkdtemp(prefix="forgotten-", dir=folder.parent))
            folder.replace(gone / folder.name)
        except FileNotFoundError:
            found = False
        else:
            found = True
        # Also remove what an interrupted process left.
        for old in folder.parent.glob("forgotten-*"):
            shutil.rmtree(old, ignore_errors=True)
    return found


def _evict(folder: Path, descriptor: int, rules: list[Stale], begun: float) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        # Another process is reading: the next query does this.
        return
    try:
        if folder.stat().st_ino != os.fstat(descriptor).st_ino:
            return
    except FileNotFoundError:
        return
    for file in folder.iterdir():
        kind, _, rest = file.name.partition("-")
        if kind == "run":
            # Left by a process that was killed: no other is running here.
            shutil.rmtree(file, ignore_errors=True)
        elif file.stat().st_mtime >= begun:
            # From this query, or another one that listed the bucket later.
            continue
        elif any(stale(kind, rest.partition("-")[0], file.stem) for stale in rules):
            file.unlink(missing_ok=True)


def _is_whole(file: Path) -> bool:
    try:
        with file.open("rb") as data:
            begin = data.read(len(_MAGIC))
            data.seek(-len(_MAGIC), os.SEEK_END)
            return begin == data.read() == _MAGIC
    except OSError:
        return False


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a disk error inside the block into a CloudError."""
    try:
        yield
    except OSError as error:
        raise CloudError(
            f"cannot keep the archive's files in {folder}: {error.strerror or error}",
            hint="XDG_CACHE_HOME names another place for them",
        ) from error
