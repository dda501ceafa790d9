"""`orders up` runs until it is told to stop, says what is in its way, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from orderstream.local import child_process
from orderstream.local.ministack import free_port, port_is_free, this_or_free_port
from tests.integration.conftest import Orders, awaited
from tests.integration.up import processes_of, up

pytestmark = pytest.mark.system


def test_it_leaves_no_process_and_no_temporary_file_behind_when_it_is_stopped(tmp_path: Path) -> None:
    with up(tmp_path, "--empty") as running:
        orders = running.await_ready()
        assert len(processes_of(running.mark)) > 1
        assert running.stop(signal.SIGTERM) == 0
        awaited(lambda: not processes_of(running.mark))
        assert port_is_free(running.port)
        assert not list(tmp_path.glob("orderstream-*"))
        assert "no local cloud runs" in orders("stack", "env", status=3).stderr


def test_orders_come_by_simulate_and_by_the_curl_line_and_a_kill_leaves_no_process_behind(
    tmp_path: Path,
) -> None:
    with up(tmp_path, "--simulate", "20") as running:
        orders = running.await_ready()
        (line,) = awaited(lambda: re.findall(r"^  (curl .*)\n", running.log.read_text(), re.MULTILINE))
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, timeout=30)
        order_id = json.loads(done.stdout)["order_id"]
        awaited(lambda: order_id in orders("list", "--customer", "12345", "--json").stdout)
        awaited(lambda: '"OrderID"' in orders("list", "--customer", "C00000", "--json").stdout)
        # The function has processes of its own.
        assert len(processes_of(running.mark)) > 2
        assert running.stop(signal.SIGKILL) == -signal.SIGKILL
        awaited(lambda: not processes_of(running.mark))
        assert port_is_free(running.port)
        assert "no local cloud runs" in orders("stack", "env", status=3).stderr


def test_a_second_one_and_a_foreign_port_are_told_what_to_do(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with up(tmp_path, "--empty", "--state-dir", state) as first:
        orders = first.await_ready()
        error, hint = orders("up", "--port", str(first.port), status=3).stderr.splitlines()
        assert error == f"error: a local cloud runs on port {first.port} already"
        assert f"orders stack env --port {first.port}" in hint and "orders up --port" in hint
        said = orders("up", "--port", str(free_port()), "--state-dir", state, status=3).stderr
        assert "another local cloud uses" in said and "hint:" in said
        assert orders("stack", "env").stdout.splitlines()[1:] == [
            f"export AWS_ENDPOINT_URL=http://127.0.0.1:{first.port}",
            "export AWS_ACCESS_KEY_ID=000000000001",
            "export AWS_SECRET_ACCESS_KEY=local",
            f"export AWS_SESSION_TOKEN={first.token}",
            "export AWS_REGION=us-east-1",
            "export AWS_DEFAULT_REGION=us-east-1",
            f"export ORDERS_API_URL={first.api_url}",
        ]
        first.stop()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        usual = this_or_free_port(int(port))
        assert usual != int(port) and port_is_free(usual)
        here = Orders({"XDG_STATE_HOME": str(tmp_path)})
        for options in (["--port", port], ["--port", str(free_port()), "--http-port", port]):
            # Before anything is started.
            error, hint = here("up", *options, status=3).stderr.splitlines()
            assert error == f"error: port {port} is in use by another program"
            assert f"orders up {options[-2]} " in hint


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({"XDG_STATE_HOME": "/dev/null/state"}, []),
        ({"UV_CACHE_DIR": "/dev/null/uv"}, []),
        ({"TMPDIR": "/dev/null/tmp"}, []),
        ({}, ["--state-dir", "/dev/null/state"]),
    ],
    ids=["notes", "uv", "temporary", "state"],
)
def test_a_folder_that_cannot_be_written_is_one_line_and_a_hint_before_anything_starts(
    tmp_path: Path, variables: dict[str, str], options: list[str]
) -> None:
    here = Orders({"XDG_STATE_HOME": str(tmp_path)} | variables)
    said = here("up", "--port", str(free_port()), *options, status=2).stderr
    error, hint = said.splitlines()
    assert error.startswith("error: cannot write in /dev/null/") and error.endswith("Not a directory")
    assert hint.startswith("hint: ")
    names = [*options[:1], *variables]
    assert any(name in hint for name in ["XDG_STATE_HOME", "UV_CACHE_DIR", "TMPDIR", *names])


def test_a_dead_ministack_ends_it_with_a_reason(tmp_path: Path) -> None:
    with up(tmp_path, "--empty") as running:
        running.await_ready()
        for entry in Path("/proc").iterdir():
            try:
                if (
                    f"ORDERS_TEST={running.mark}\0".encode() in (entry / "environ").read_bytes()
                    and child_process.__name__.encode() in (entry / "cmdline").read_bytes()
                ):
                    os.kill(int(entry.name), signal.SIGKILL)
            except (OSError, ValueError):
                continue
        assert running.process.wait(60) == 3
        # Everybody else who misses it is silent.
        error, hint = running.log.read_text().splitlines()[-2:]
        assert error == "error: MiniStack stopped by itself: killed by SIGKILL"
        assert hint == "hint: what was in it is gone; --state-dir keeps it"
        assert "warning" not in running.log.read_text()
        awaited(lambda: not processes_of(running.mark))
