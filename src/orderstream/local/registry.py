"""Registers the local clouds that run on this machine, one file each, for `orders stack env`."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from orderstream.errors import CloudError
from orderstream.files import private
from orderstream.files.folders import state_home
from orderstream.local.ministack import free_port, health_of, port_is_free


@dataclass(frozen=True)
class LocalInstance:
    """A local cloud: the ports of AWS and of the HTTP API, the process that runs it, and its secret."""

    port: int
    http_port: int
    pid: int
    token: str

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"


def registry_dir() -> Path:
    """The folder of the registry files, in the user's state folder (XDG_STATE_HOME)."""
    return state_home()


def running_instances(notes: Path) -> list[LocalInstance]:
    """The local clouds that respond now, by port; the files of dead ones are removed.

    A file that another user could have written is ignored: it could send orders to that user.
    """
    found = []
    for note in sorted(notes.glob("local-cloud-*.json")):
        try:
            cloud = msgspec.json.decode(private.read(note), type=LocalInstance)
        except (OSError, msgspec.MsgspecError):
            continue
        if _is_alive(cloud):
            found.append(cloud)
        else:
            note.unlink(missing_ok=True)
    return sorted(found, key=lambda cloud: cloud.port)


def choose(clouds: list[LocalInstance], port: int | None) -> LocalInstance:
    """The cloud on `port`, or the only one running. Raises CloudError unless there is exactly one."""
    wanted = [cloud for cloud in clouds if port in (None, cloud.port)]
    if not wanted:
        where = "" if port is None else f" on port {port}"
        raise CloudError(f"no local cloud runs{where}", hint="start one: orders up")
    if len(wanted) > 1:
        ports = ", ".join(str(cloud.port) for cloud in wanted)
        raise CloudError(f"local clouds run on ports {ports}", hint=f"say which: --port {wanted[0].port}")
    return wanted[0]


def ensure_port(port: int, clouds: list[LocalInstance]) -> None:
    """Raise CloudError, with a remedy, unless `port` is free."""
    if port_is_free(port):
        return
    another = f"orders up --port {free_port()}"
    if any(cloud.port == port for cloud in clouds):
        raise CloudError(
            f"a local cloud runs on port {port} already",
            hint=f'use it: eval "$(orders stack env --port {port})", or start another: {another}',
        )
    raise CloudError(f"port {port} is in use by another program", hint=f"take another: {another}")


def ensure_http_port(port: int, cloud_port: int) -> None:
    """Raise CloudError, with a remedy, unless `port` is free for the API and differs from the cloud's."""
    if port == cloud_port or not port_is_free(port):
        by = "the local cloud itself" if port == cloud_port else "another program"
        hint = f"take another: orders up --http-port {free_port()}, or leave it out"
        raise CloudError(f"port {port} is in use by {by}", hint=hint)


@contextmanager
def registered(port: int, http_port: int, token: str, notes: Path) -> Iterator[None]:
    """Register this process's local cloud on `port` while the block runs."""
    note = notes / f"local-cloud-{port}.json"
    private.write(note, msgspec.json.encode(LocalInstance(port, http_port, os.getpid(), token)))
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _is_alive(cloud: LocalInstance) -> bool:
    try:
        os.kill(cloud.pid, 0)
        with urllib.request.urlopen(health_of(cloud.endpoint_url, cloud.token), timeout=2):
            return True
    except OSError:
        return False
