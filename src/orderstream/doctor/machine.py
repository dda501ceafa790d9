"""Checks this machine and the project: Python, libraries, ports, disk, uv, order model."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from orderstream import __version__
from orderstream.deploy.artifact import ensure_uv_cache
from orderstream.doctor.checklist import State, Verdict
from orderstream.domain.user_model import order_model
from orderstream.files.folders import cache_home, state_home, temporary_folder
from orderstream.local.ministack import port_is_free
from orderstream.local.registry import registry_dir, running_instances
from orderstream.project.config import find_project

LEAST_PYTHON = (3, 11)
EXTRA = "standard"
INSTALL = f'pip install "orderstream[{EXTRA}]"'
# An environment and the build of the functions take about as much.
ENOUGH_BYTES, LEAST_BYTES = 1_500_000_000, 200_000_000
UV_SECONDS = 10


def python() -> Verdict:
    """Whether this Python is new enough."""
    about = f"{platform.python_version()}, {sys.executable}"
    if sys.version_info < LEAST_PYTHON:
        return Verdict("failed", about, "install Python 3.11 or newer")
    return Verdict("ok", about)


def orderstream() -> Verdict:
    """The version of Orderstream, and whether the libraries of all commands are installed."""
    try:
        required = metadata.requires("orderstream") or []
    except metadata.PackageNotFoundError:
        return Verdict("warning", f"{__version__}, not installed as a package", INSTALL)
    names = [
        re.split(r"[\s<>=!~;\[(]", one)[0] for one in required if re.search(rf"extra\s*==\s*.{EXTRA}\b", one)
    ]
    missing = [name for name in names if not _is_installed(name)]
    if missing:
        return Verdict("warning", f"{__version__}, without {', '.join(missing)}", INSTALL)
    return Verdict("ok", f"{__version__}, with the extra {EXTRA}")


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def ports(wanted: Iterable[int]) -> Verdict:
    """Whether the ports of `orders up` are free, or used by our own local cloud."""
    clouds = running_instances(registry_dir())
    ours = {port: cloud for cloud in clouds for port in (cloud.port, cloud.http_port)}
    parts, taken = [], []
    for port in wanted:
        if port in ours:
            parts.append(f"{port} is used by the local cloud on port {ours[port].port}")
        elif port_is_free(port):
            parts.append(f"{port} is free")
        else:
            parts.append(f"{port} is used by another program")
            taken.append(port)
    hint = "orders up --port chooses another port" if taken else ""
    return Verdict("warning" if taken else "ok", ", ".join(parts), hint)


def disk() -> Verdict:
    """Whether there is enough space for state, cache and temporary files."""
    folders = (temporary_folder(), _existing(state_home()), _existing(cache_home()))
    free = {folder: shutil.disk_usage(folder).free for folder in folders}
    folder = min(free, key=lambda one: free[one])
    about = f"{free[folder] / 1e9:,.1f} GB are free in {folder}"
    if free[folder] < ENOUGH_BYTES:
        state: State = "warning" if free[folder] >= LEAST_BYTES else "failed"
        return Verdict(state, about, f"free {ENOUGH_BYTES / 1e9:.1f} GB, or set TMPDIR, XDG_STATE_HOME")
    return Verdict("ok", about)


def _existing(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.is_dir())


def uv() -> Verdict:
    """Whether uv, which fetches the functions' libraries, runs and has a cache."""
    try:
        from uv import find_uv_bin

        binary = find_uv_bin()
    except (ImportError, FileNotFoundError):
        return Verdict("failed", "uv is not installed; orders deploy needs it", INSTALL)
    command = [binary, "--version"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=UV_SECONDS)
    if asked.returncode:
        return Verdict("failed", f"{binary} does not run: {asked.stderr.strip()}", INSTALL)
    ensure_uv_cache()
    return Verdict("ok", asked.stdout.strip())


def project() -> Verdict:
    """Whether the project's orderstream.toml and its order model have no mistake."""
    found = find_project(Path.cwd(), os.environ)
    if found is None:
        return Verdict("ok", "no orderstream.toml here: the order model is Orderstream's")
    model = order_model()
    environments = ", ".join(found.file.env) or "none"
    return Verdict("ok", f"{found.root}, model {model.__name__}, environments: {environments}")
