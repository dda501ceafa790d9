"""A state folder has one user at a time, and a folder that cannot serve is refused with a hint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orderstream.errors import CloudError, InputError
from orderstream.files.folders import ensure_room, ensure_writable
from orderstream.local.cloud import lock_state_dir

# The child that it leaves has the lock until it is told to end, like a MiniStack that saves its state.
_IS_KILLED_AND_LEAVES_A_CHILD = """
import os, subprocess, sys
from pathlib import Path
from orderstream.local.cloud import lock_state_dir
with lock_state_dir(Path(sys.argv[1])) as lock:
    child = "print('held', flush=True); import sys, time; sys.stdin.readline(); time.sleep(0.2)"
    subprocess.Popen([sys.executable, "-c", child], pass_fds=[lock])
    os.kill(os.getpid(), 9)
"""


def test_a_second_user_is_refused_while_the_first_one_lives(tmp_path: Path) -> None:
    with lock_state_dir(tmp_path / "state"):
        with pytest.raises(CloudError, match="another local cloud uses") as caught:
            lock_state_dir(tmp_path / "state").__enter__()
        assert "--state-dir" in caught.value.hint
    with lock_state_dir(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_what_a_killed_user_left_is_waited_for(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _IS_KILLED_AND_LEAVES_A_CHILD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as left:
        assert left.stdout and left.stdin
        assert left.stdout.readline() == b"held\n"
        assert left.wait() == -9
        left.stdin.close()
        with lock_state_dir(tmp_path):
            assert left.stdout.read() == b"", "the child has ended"


def test_too_little_room_is_said_with_what_is_needed(tmp_path: Path) -> None:
    ensure_room(tmp_path, 1, hint="")
    with pytest.raises(InputError, match=r"MB are free in .*, and 1,000,000,000,000 MB are needed") as caught:
        ensure_room(tmp_path, 10**18, hint="make room")
    assert caught.value.hint == "make room"


def test_a_folder_that_is_made_for_the_user_is_the_users_own(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "new", hint="")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "new").iterdir()) == []
