"""Compiles bytecode next to a folder's sources: reproducible, and by the Python version that will run it."""

import os
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

from orderstream.errors import OrderstreamError


def compile_all(folder: Path) -> None:
    """Compile everything in `folder` for this machine's Python. Raises OrderstreamError with its output."""
    done = _run([sys.executable], folder)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise OrderstreamError(f"the function's modules cannot be compiled: {said}")


def compile_for(version: str, folder: Path) -> str:
    """Compile everything in `folder` for Python `version` ("3.14"), which uv fetches if necessary.

    Returns the reason for a failure, in one line, or "".
    """
    python = [
        find_uv_bin(),
        "run",
        "--no-project",
        "--no-config",
        "--quiet",
        "--python",
        version,
        "--",
        "python",
    ]
    # Without a network, fail immediately.
    done = _run(python, folder, {"UV_HTTP_RETRIES": "0"})
    if done.returncode == 0:
        return ""
    said = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
    return f"no Python {version} is here or can be fetched: {said[-1].strip().removeprefix('cause: ')}"


def _run(
    python: list[str], folder: Path, more: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    # Not checked against the sources, whose timestamps change when they are unpacked. A separate process,
    # with a fixed seed and without the folder's name: otherwise the bytes would differ between builds.
    command = [*python, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    return subprocess.run(
        [*command, "-s", str(folder), str(folder)],
        env=os.environ | {"PYTHONHASHSEED": "0"} | (more or {}),
        capture_output=True,
        text=True,
        check=False,
    )
