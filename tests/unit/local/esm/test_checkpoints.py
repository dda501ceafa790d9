"""Checkpoints survive: a stop, a crash while they are written, and other mappings in the same file."""

from pathlib import Path

import pytest

from orderstream.errors import CloudError
from orderstream.local.esm.checkpoints import CheckpointFile


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "not yet there" / "checkpoints.json"
    CheckpointFile(path, "mapping").save({"shard-0": "000123", "shard-1": "TRIM_HORIZON"})
    assert CheckpointFile(path, "mapping").load() == {"shard-0": "000123", "shard-1": "TRIM_HORIZON"}


def test_a_mapping_that_never_ran_has_none(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.json"
    assert CheckpointFile(path, "mapping").load() is None
    CheckpointFile(path, "other").save({})
    assert CheckpointFile(path, "mapping").load() is None
    assert CheckpointFile(path, "other").load() == {}


def test_mappings_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.json"
    one, two = CheckpointFile(path, "one"), CheckpointFile(path, "two")
    one.save({"shard-0": "1"})
    two.save({"shard-0": "2"})
    one.save({"shard-0": "3"})
    assert (one.load(), two.load()) == ({"shard-0": "3"}, {"shard-0": "2"})


def test_a_crash_while_saving_leaves_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.json"
    CheckpointFile(path, "mapping").save({"shard-0": "1"})
    path.with_name("checkpoints.json.x.new").write_text('{"mapping": {"shard')
    assert CheckpointFile(path, "mapping").load() == {"shard-0": "1"}
    CheckpointFile(path, "mapping").save({"shard-0": "2"})
    assert CheckpointFile(path, "mapping").load() == {"shard-0": "2"}


@pytest.mark.parametrize("text", ["", "[]", '{"mapping": 1}', '{"mapping": {"shard-0": 1}}'])
def test_an_unreadable_file_is_an_error_that_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "checkpoints.json"
    path.write_text(text)
    with pytest.raises(CloudError, match="holds no checkpoints") as caught:
        CheckpointFile(path, "mapping").load()
    assert "delete it" in caught.value.hint
