"""The bucket's objects on this disk, as Parquet files: one folder a bucket, which several queries may share.

A file is called KIND-HOUR-WHICH.parquet, where WHICH says what it was made of: what has changed has another
name. Files are moved into the folder when they are whole. While a query reads, it holds a shared lock on the
folder, so what is stale is removed by the last to leave.
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

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import Stack
from orderstream.errors import CloudError
from orderstream.files import private

# Of a Parquet file, at its beginning and at its end. After a loss of power one may not be whole.
_MAGIC = b"PAR1"
_SUFFIX = ".parquet"

# Says of a file (its kind and hour, and its name) whether it is stale.
Stale = Callable[[str, str, str], bool]


class Cache:
    """The files of one bucket in `folder`. `work` is a folder for the files of this process alone."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.work = work

    def find(self, name: str) -> Path | None:
        """The file called so, if it is there and whole."""
        file = self.folder / (name + _SUFFIX)
        if _is_whole(file):
            return file
        file.unlink(missing_ok=True)
        return None

    def put(self, file: Path, name: str) -> Path:
        """Move a file out of `work` to its place; returns that."""
        file.chmod(0o600)
        return file.replace(self.folder / (name + _SUFFIX))


def folder_of(cloud: AwsClients, stack: Stack) -> Path:
    """Where the files of a bucket lie; the laptop's bucket has the same name on every laptop cloud."""
    where = hashlib.blake2b(cloud.s3.meta.endpoint_url.encode(), digest_size=4).hexdigest()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "orderstream" / f"{stack.bucket}-{where}"


@contextmanager
def open_cache(cloud: AwsClients, stack: Stack) -> Iterator[tuple[Cache, Callable[[Stale], None]]]:
    """The cache of a bucket, and what to call with the rule by which files are removed in the end.

    Raises CloudError when the disk does not allow it.
    """
    folder = folder_of(cloud, stack)
    rules: list[Stale] = []
    begun = time.time()
    with ExitStack() as held:
        with disk_errors(folder):
            # Customers' data is nobody else's business.
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


def clear(cloud: AwsClients, stack: Stack) -> bool:
    """Remove all that is cached of a bucket; says whether there was anything.

    A query that is under way has to be asked again: nothing that it fetched before can come back.
    """
    folder = folder_of(cloud, stack)
    with disk_errors(folder):
        try:
            # Out of the way first: who still writes finds no folder, and cannot leave a file behind.
            gone = Path(mkdtemp(prefix="forgotten-", dir=folder.parent))
            folder.replace(gone / folder.name)
        except FileNotFoundError:
            found = False
        else:
            found = True
        # Also what somebody could not remove to its end.
        for old in folder.parent.glob("forgotten-*"):
            shutil.rmtree(old, ignore_errors=True)
    return found


def _evict(folder: Path, descriptor: int, rules: list[Stale], begun: float) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        # Somebody reads here: the next query does it.
        return
    try:
        if folder.stat().st_ino != os.fstat(descriptor).st_ino:
            return
    except FileNotFoundError:
        return
    for file in folder.iterdir():
        kind, _, rest = file.name.partition("-")
        if kind == "run":
            # Of a process that was killed: nobody else is here.
            shutil.rmtree(file, ignore_errors=True)
        elif file.stat().st_mtime >= begun:
            # Of this query, or of another one that listed the bucket later.
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
    """Turn an error of the disk inside the block into a CloudError."""
    try:
        yield
    except OSError as error:
        raise CloudError(
            f"cannot keep the archive's files in {folder}: {error.strerror or error}",
            hint="XDG_CACHE_HOME names another place for them",
        ) from error
