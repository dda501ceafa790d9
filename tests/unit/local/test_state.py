"""A state folder is read as it was at one moment, whatever a kill left in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orderstream.errors import DamagedError
from orderstream.local.state import StateFolder


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path)
    folder.folder.mkdir()
    return folder


def test_a_snapshot_that_fails_leaves_the_last_one(folder: StateFolder) -> None:
    folder.save(1, "{}", {"sqs": {"queues": {}}})

    class Unwritable:
        pass

    with pytest.raises(TypeError):
        folder.save(2, "{}", {"sqs": {"queues": Unwritable()}})
    assert (folder.load().number, folder.load().services) == (1, {"sqs": {"queues": {}}})
    assert not list(folder.folder.glob("*.new"))


def test_a_line_that_a_kill_cut_off_was_not_acknowledged(folder: StateFolder) -> None:
    journal = folder.journal(1)
    journal.append([{"record": b"one"}, {"record": b"two"}])
    journal.close()
    with journal.path.open("ab") as file:
        file.write(b'{"record": {"__byt')
    assert [entry["record"] for entry in folder.acknowledged_since(folder.load())] == [b"one", b"two"]


def test_journals_before_a_snapshot_are_in_it_and_those_after_are_read_in_order(folder: StateFolder) -> None:
    for number in (2, 10, 1):
        folder.journal(number).append([{"number": number}])
    folder.save(2, None, {})
    assert [entry["number"] for entry in folder.acknowledged_since(folder.load())] == [2, 10]
    folder.drop_journals(10)
    assert folder.journal_numbers() == [10]


def test_files_beside_the_journals_are_left_alone(folder: StateFolder) -> None:
    for name in ("records-x.ndjson", "records-1.ndjson.bak"):
        (folder.folder / name).write_text("x")
    folder.drop_journals(100)
    assert sorted(os.listdir(folder.folder)) == ["records-1.ndjson.bak", "records-x.ndjson"]


@pytest.mark.parametrize(
    "document",
    [
        '{"format": 1, "number": 3, "checkpoints": null, "serv',
        '{"format": 2, "number": 3, "checkpoints": null, "services": {}}',
        '{"format": 1, "number": 3, "checkpoints": null,'
        ' "services": {"kinesis": {"__ministack_format__": 999, "payload": {}}}}',
        '{"format": 1, "number": 3, "checkpoints": null,'
        ' "services": {"s3": {"__ministack_format__": 1, "payload": 5}}}',
    ],
    ids=["cut off", "of another release", "of a newer MiniStack", "a service of another kind"],
)
def test_a_snapshot_that_cannot_be_used_is_named(folder: StateFolder, document: str) -> None:
    (folder.folder / "snapshot.json").write_text(document)
    with pytest.raises(DamagedError, match="cannot be read"):
        folder.load()
