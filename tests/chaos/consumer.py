"""A consumer of the change feed with nothing of ours: it reads the stream, notes versions, and is killed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_PAUSE_SECONDS = 0.2


def consume(endpoint_url: str, keys: tuple[str, str, str, str], stream: str, folder: Path) -> None:
    """Read the stream for ever, or until the process that started this one ends.

    For each announcement there is a line in the file `seen`: the order and its version. How far it read is
    saved after these, so a kill between both makes it see some twice.
    """
    parent = os.getppid()
    region, *credentials = keys
    session = botocore.session.Session()
    session.set_credentials(*credentials)
    client: Any = session.create_client(
        "kinesis",
        region_name=region,
        endpoint_url=endpoint_url,
        config=Config(read_timeout=5, connect_timeout=5, retries={"total_max_attempts": 2}),
    )
    places = _Places(folder / "places.json")
    with (folder / "seen").open("ab", buffering=0) as seen:
        # Ends a line that a kill has cut.
        seen.write(b"\n")
        while os.getppid() == parent:
            try:
                shards = [one["ShardId"] for one in client.list_shards(StreamName=stream)["Shards"]]
                records = [(shard, one) for shard in shards for one in _read(client, stream, shard, places)]
            except (BotoCoreError, ClientError):
                # Faults on the wire are what it is for.
                continue
            for _, record in records:
                said = json.loads(record["Data"])
                seen.write(json.dumps([said["subject"], said["data"]["version"]]).encode() + b"\n")
            places.save({shard: record["SequenceNumber"] for shard, record in records})
            if not records:
                time.sleep(_PAUSE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def seen_in(folder: Path) -> list[tuple[str, int]]:
    """The orders and versions that the consumer has seen, in its order. A line cut by a kill was not seen."""
    path = folder / "seen"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    found = []
    for line in lines:
        try:
            order_id, version = json.loads(line)
        except ValueError:
            continue
        found.append((order_id, version))
    return found


class _Places:
    """How far each shard was read, in a file that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.places: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def save(self, new: dict[str, str]) -> None:
        if new:
            self.places |= new
            other = self._path.with_suffix(".new")
            other.write_text(json.dumps(self.places))
            other.replace(self._path)


def _read(client: Any, stream: str, shard: str, places: _Places) -> list[dict[str, Any]]:
    """The next records of a shard."""
    start: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
    if shard in places.places:
        start = {
            "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
            "StartingSequenceNumber": places.places[shard],
        }
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=shard, **start)["ShardIterator"]
    found: list[dict[str, Any]] = client.get_records(ShardIterator=iterator, Limit=500)["Records"]
    return found
