"""The state counts as saved only when a kill would lose no acknowledged change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own, because it patches MiniStack, forks, and limits its files. The writer of the first
# snapshot waits until a change after its fork could not be written. The writer itself can write.
_FAILS_WHILE_A_SNAPSHOT_IS_WRITTEN = """
import base64, json, os, resource, sys, threading
from pathlib import Path
from ministack import app
from ministack.services import kinesis, s3
from orderstream.local.snapshots import Snapshots
from orderstream.local.state import StateFolder, StateSnapshot

folder = StateFolder(Path(sys.argv[1]))
folder.folder.mkdir()
reports = []
Snapshots(folder, StateSnapshot(), reports.append).install()
kinesis._create_stream({"StreamName": "s", "ShardCount": 1})
s3._buckets["b"] = {"objects": {"k": {"body": b"x"}}}

def put_record():
    data = base64.b64encode(b"x").decode()
    assert kinesis._put_record({"StreamName": "s", "PartitionKey": "k", "Data": data})[0] == 200

def put_object():
    s3._persist_object("b", "k", s3._buckets["b"]["objects"]["k"])

limits = resource.getrlimit(resource.RLIMIT_FSIZE)

def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))

def unlimit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)

objects = Path(os.environ["S3_DATA_DIR"])
fail, change, mend = {
    "a record": (limit_files, put_record, unlimit_files),
    "an object": (limit_files, put_object, unlimit_files),
    "an object's folder": (objects.touch, put_object, objects.unlink),
}[sys.argv[2]]

def saved_records():
    state = folder.load().services["kinesis"]["streams"]
    ((_, stream),) = state.all_items()
    return sum(len(shard["records"]) for shard in stream["shards"].values())

forked, tell_forked = os.pipe()
may_write, let_write = os.pipe()

def state_when_allowed():
    os.write(tell_forked, b"x")
    os.read(may_write, 1)
    return kinesis.get_state()

saving = threading.Thread(target=app.save_all, args=({"kinesis": state_when_allowed},))
saving.start()
os.read(forked, 1)
fail()
change()
os.write(let_write, b"x")
saving.join()
during, records = list(reports), saved_records()
mend()
app.save_all({"kinesis": kinesis.get_state})
print(json.dumps([during, records, reports[len(during):], saved_records()]))
"""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("a record", "File too large"),
        ("an object", "File too large"),
        ("an object's folder", "an object cannot be written"),
    ],
)
def test_a_snapshot_does_not_report_success_while_a_later_change_is_not_on_disk(
    change: str, why: str, tmp_path: Path
) -> None:
    play = [sys.executable, "-c", _FAILS_WHILE_A_SNAPSHOT_IS_WRITTEN, str(tmp_path / "state"), change]
    (tmp_path / "state").mkdir()
    environment = os.environ | {"S3_PERSIST": "1", "S3_DATA_DIR": str(tmp_path / "s3")}
    played = subprocess.run(play, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    during, records_in_first, after, records_in_second = json.loads(played.stdout.splitlines()[-1])
    assert records_in_first == 0, "the first snapshot is from before the change"
    assert during and all(report == {"failed": why} for report in during)
    assert after == [{"saved": 0}]
    assert records_in_second == (change == "a record")
