"""What belongs to the user is closed to all others, whatever was there and whatever the umask is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orderstream.archive.checkpoint import Checkpoint
from orderstream.errors import CloudError
from orderstream.files import private
from orderstream.local.cloud import lock_state_dir, token_of
from orderstream.local.esm.checkpoints import CheckpointFile
from orderstream.local.registry import registered
from orderstream.storage.bucket import TimeRange


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct, autouse=True)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> set[int]:
    """The modes of a folder and of all in it."""
    return {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}


def test_a_file_that_is_written_and_its_folder_are_the_users_alone(tmp_path: Path) -> None:
    private.write(tmp_path / "folder" / "file", b"one")
    assert modes(tmp_path / "folder") == {0o700, 0o600}
    (tmp_path / "folder").chmod(0o777)
    (tmp_path / "folder" / "file").chmod(0o666)
    private.write(tmp_path / "folder" / "file", b"two")
    assert modes(tmp_path / "folder") == {0o700, 0o600}
    assert private.read(tmp_path / "folder" / "file") == b"two"
    assert len(list((tmp_path / "folder").iterdir())) == 1


def test_what_is_written_does_not_go_through_a_link_that_somebody_laid(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / "file").symlink_to(tmp_path / "theirs")
    private.write(tmp_path / "file", b"secret")
    assert (tmp_path / "theirs").read_bytes() == b"theirs"
    assert private.read(tmp_path / "file") == b"secret"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_not_read(tmp_path: Path, mode: int) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "file").chmod(mode)
    with pytest.raises(PermissionError, match="others can write it"):
        private.read(tmp_path / "file")


def test_a_file_that_was_open_to_others_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o666)
    with open(tmp_path / "file", "w", opener=private.opener) as file:
        file.write("x")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_notes_journals_checkpoints_and_secrets_are_the_users_alone(tmp_path: Path) -> None:
    for name in ("notes", "journals", "checkpoints", "secret", "locked"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    with registered(1, 2, "secret", tmp_path / "notes"), lock_state_dir(tmp_path / "locked"):
        Checkpoint(["replay"], TimeRange(datetime.now(UTC), None), folder=tmp_path / "journals").save(
            "a place"
        )
        CheckpointFile(tmp_path / "checkpoints" / "file", "a mapping").save({})
        token_of(tmp_path / "secret")
        for folder in tmp_path.iterdir():
            assert modes(folder) == {0o700, 0o600}, folder


def test_a_secret_stays_with_its_state_and_is_no_other_ones(tmp_path: Path) -> None:
    assert token_of(tmp_path / "one") == token_of(tmp_path / "one") != token_of(tmp_path / "two")
    assert len({token_of(None) for _ in range(10)}) == 10 and len(token_of(None)) > 40


def test_a_secret_that_somebody_else_can_have_written_ends_the_start(tmp_path: Path) -> None:
    token_of(tmp_path)
    (tmp_path / "session-token").chmod(0o666)
    with pytest.raises(CloudError, match="others can write it") as refused:
        token_of(tmp_path)
    assert "--state-dir" in refused.value.hint
