"""Checks that an artifact can run in Lambda: every import resolves, and it is not too large."""

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from orderstream.errors import OrderstreamError
from orderstream.project.imports import OURS, unresolved

# Of a function, unpacked. (The 50 MB zipped limit is for uploads without S3, which are not used here.)
MOST_BYTES = 250 * 2**20


def ensure_fit(
    folder: Path, entries: Collection[str], *, runs_here: bool, ours: Collection[str] = OURS
) -> None:
    """Raise OrderstreamError if Lambda could not import `entries` from `folder`, or would reject its size.

    `ours` are the top-level modules whose imports are checked.

    An artifact for this machine is imported in isolation. Code for another platform cannot run here, so its
    imports are followed through the sources.
    """
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise OrderstreamError(
            f"{folder.name} takes {size / 2**20:,.0f} MB with its libraries; Lambda takes 250 MB",
            hint="which library has grown? compare the lock file with the last one",
        )
    missing = unresolved(folder, entries, ours)
    if missing:
        raise OrderstreamError(
            f"{folder.name} could not be imported in Lambda: {'; '.join(missing)}",
            hint="is the library in the lock file?",
        )
    if runs_here:
        _import_alone(folder, entries)


def _import_alone(folder: Path, entries: Collection[str]) -> None:
    program = f"import sys; sys.path[:0] = [{str(folder)!r}]; import {', '.join(entries)}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OrderstreamError(f"{folder.name} cannot be imported: {done.stderr.strip().splitlines()[-1]}")
