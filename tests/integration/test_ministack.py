"""MiniStack starts, answers, and ends when its parent ends."""

import io
import json
import os
import resource
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orderstream.errors import CloudError
from orderstream.local.ministack import MiniStack, free_port, port_is_free
from tests.integration.conftest import awaited, new_account

pytestmark = pytest.mark.system

_WAITS = """
import os, pathlib

def handle(event, context):
    if event:
        pathlib.Path(event["started"]).touch()
        pathlib.Path(event["go_on"]).read_text()
    return os.getpid()
"""
_STARTS_AND_DIES = """
import os, sys
from pathlib import Path
from orderstream.local.ministack import MiniStack
MiniStack(port=int(sys.argv[1]), token='t', work_dir=Path(sys.argv[2])).start()
os.kill(os.getpid(), 9)
"""


def test_it_stops_when_its_parent_is_killed(tmp_path: Path) -> None:
    port = free_port()
    subprocess.run([sys.executable, "-c", _STARTS_AND_DIES, str(port), str(tmp_path)], check=False)
    awaited(lambda: port_is_free(port))


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path, ministack: MiniStack) -> None:
    with pytest.raises(CloudError, match="already in use") as caught:
        MiniStack(port=ministack.port, token="a secret", work_dir=tmp_path).start()
    assert "--port" in caught.value.hint


def test_a_function_that_cannot_start_one_more_process_is_throttled_and_keeps_those_that_it_has(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "go_on")
    held = json.dumps({name: str(tmp_path / name) for name in ("started", "go_on")}).encode()
    with (
        MiniStack(port=free_port(), token="t", work_dir=tmp_path / "work") as running,
        ThreadPoolExecutor(1) as threads,
    ):
        functions = new_account(running).lambda_
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("waits.py", _WAITS)
        functions.create_function(
            FunctionName="waits",
            Runtime="python3.14",
            Role="arn:aws:iam::000000000001:role/waits",
            Handler="waits.handle",
            Timeout=60,
            Code={"ZipFile": code.getvalue()},
        )

        def invoke(event: bytes) -> int:
            answer = functions.invoke(FunctionName="waits", Payload=event)
            return int(answer["Payload"].read())

        first = threads.submit(invoke, held)
        awaited((tmp_path / "started").exists)
        assert running.pid
        # As on a full disk: the files of one more process cannot be written.
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        with pytest.raises(functions.exceptions.TooManyRequestsException):
            invoke(b"{}")
        (tmp_path / "go_on").write_text("")
        process = first.result()
        assert invoke(b"{}") == process
