"""A temporary folder goes with its process, however that ends, and nobody else's does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderstream.files.scratch import ScratchFolder, remove_abandoned

_MAKES_ONE_AND_IS_KILLED = """
import os, sys
from pathlib import Path
from orderstream.files.scratch import ScratchFolder
folder = ScratchFolder("test")
Path(folder.name, "large").write_text("x")
if sys.argv[1:] == ["child"]:
    import subprocess
    subprocess.Popen(["sleep", "60"], pass_fds=[folder.lock])
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """A folder for temporary files, of this test alone."""
    import tempfile

    before, tempfile.tempdir = tempfile.tempdir, str(tmp_path)
    yield tmp_path
    tempfile.tempdir = before


def killed(temporary: Path) -> Path:
    """What a process left that was killed."""
    environment = os.environ | {"TMPDIR": str(temporary)}
    subprocess.run([sys.executable, "-c", _MAKES_ONE_AND_IS_KILLED], env=environment, check=False)
    (left,) = temporary.glob("orderstream-test-*")
    return left


def test_the_next_one_removes_what_a_killed_process_left(temporary: Path) -> None:
    left = killed(temporary)
    assert (left / "large").exists()
    with ScratchFolder("next") as name:
        assert not left.exists()
        assert Path(name).stat().st_mode & 0o777 == 0o700
    assert list(temporary.iterdir()) == []


def test_what_is_in_use_stays(temporary: Path) -> None:
    with ScratchFolder("one") as one, ScratchFolder("two"):
        assert Path(one).is_dir()
        remove_abandoned(temporary)
        assert Path(one).is_dir()


def test_folders_of_others_and_without_a_lock_stay(temporary: Path) -> None:
    (temporary / "orderstream-in-the-making").mkdir()
    (temporary / "somebody").mkdir()
    (temporary / "somebody" / "in-use").touch()
    real = temporary / "elsewhere"
    real.mkdir()
    (real / "in-use").touch()
    (temporary / "orderstream-link").symlink_to(real)
    remove_abandoned(temporary)
    assert sorted(path.name for path in temporary.iterdir()) == [
        "elsewhere",
        "orderstream-in-the-making",
        "orderstream-link",
        "somebody",
    ]
    assert real.is_dir() and (real / "in-use").exists()


def test_the_folder_of_another_user_stays(temporary: Path) -> None:
    left = killed(temporary)
    remove_abandoned(temporary, user=os.geteuid() + 1)
    assert left.is_dir()
    remove_abandoned(temporary)
    assert not left.exists()
