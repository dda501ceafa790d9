"""MiniStack starts, answers, and ends when its parent ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from orderstream.errors import CloudError
from orderstream.local.ministack import MiniStack, free_port, port_is_free
from tests.integration.conftest import awaited

pytestmark = pytest.mark.system

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
