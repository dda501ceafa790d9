"""An archive of a few hours on MiniStack, and its maintenance."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orderstream.archive.audit import Audit, audit
from orderstream.archive.maintenance import MaintenanceResult, maintain
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import COMPACTED, LEASE_KEY, ORDERS, hour_prefix
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.records import Record
from orderstream.storage import bucket, parquet, reader
from orderstream.storage.bucket import ALL_TIME, TimeRange
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import order

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(number: int, text: str | bytes, *, at: datetime = NOON, shard: str = "shardId-1") -> Record:
    data = text.encode() if isinstance(text, str) else text
    arrived_at = at + timedelta(seconds=number)
    return Record(f"{shard}:{number}", shard, str(number), f"key-{number}", arrived_at, data)


def records() -> list[Record]:
    """Two hours, two shards: orders with and without id, repeats, a conflict, bad and compressed records."""
    texts: list[str | bytes] = [
        order(f"A-{number}", f"{number + 1}.50", f"c{number % 3}") for number in range(20)
    ]
    texts += [
        order("A-3", "4.50", "c0"),
        order("A-4", "99"),
        "bad",
        b"\xff\xfe",
        b"",
        '{"customer_id": "c1", "amount": 7}',
        gzip.compress(b'{"customer_id": "zip", "amount": 1.20, "order_id": "zip-1"}'),
        '{"customer_id": "c\\u00e9", "amount": 1e2, "order_id": "many \\" quotes"}\n',
    ]
    some = [record(number, text) for number, text in enumerate(texts, start=1)]
    some += [record(number, order(f"B-{number}"), shard="shardId-2") for number in range(1, 6)]
    return some + [record(number, order(f"C-{number}"), at=NOON + HOUR) for number in range(41, 47)]


def filled(cloud: AwsClients, layout: str = "batch") -> Pipe:
    """Batches of few records, some delivered twice, in other batches."""
    pipe = Pipe(cloud, layout=layout)
    pipe.make_function()
    every = records()
    for shard in ("shardId-1", "shardId-2"):
        mine = [one for one in every if one.shard_id == shard]
        for begin in range(0, len(mine), 4):
            pipe.process(mine[begin : begin + 4])
        pipe.process(mine[2:9])
    return pipe


def keep(
    pipe: Pipe, *, compacting: bool = True, accept: bool = False, span: TimeRange = ALL_TIME
) -> MaintenanceResult:
    return maintain(pipe.deployment, span, compacting=compacting, currency="EUR", accept=accept)


def audited(pipe: Pipe, span: TimeRange = ALL_TIME) -> Audit:
    return audit(pipe.deployment, span)


def kinds(pipe: Pipe) -> list[tuple[str, str]]:
    return [(finding.kind, finding.key) for finding in audited(pipe).findings]


class Crash(BaseException):
    """The process is gone."""


class Crashing:
    """S3, until the process ends in place of its n-th write; nothing comes through after that."""

    def __init__(self, s3: Any, writes: int) -> None:
        self._s3 = s3
        self.left = writes

    def __getattr__(self, name: str) -> Any:
        if self.left < 0:
            raise Crash
        call = getattr(self._s3, name)
        return self.counted(call) if name in ("put_object", "delete_object", "delete_objects") else call

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(**parameters: Any) -> Any:
            # Whose heart beats is no step of the work.
            if parameters.get("Key") != LEASE_KEY:
                self.left -= 1
                if self.left < 0:
                    raise Crash
            return call(**parameters)

        return counted


def with_s3(cloud: AwsClients, s3: Any) -> AwsClients:
    """The same account through another client of S3."""
    there = replace(cloud)
    # What the cloud would make on first use.
    there.__dict__["s3"] = s3
    return there


def crashing(pipe: Pipe, writes: int) -> Deployment:
    """The deployment for a process that ends after so many writes to S3."""
    return replace(pipe.deployment, cloud=with_s3(pipe.cloud, Crashing(pipe.cloud.s3, writes)))


def lines_of(pipe: Pipe) -> set[tuple[str, bytes]]:
    deployment = pipe.deployment
    found = reader.lines(deployment, bucket.archive(deployment))
    return {(one.line.event_id, original_bytes(one.line)) for one in found}


def compact(pipe: Pipe, hour: datetime, tmp_path: Path, *, keep: bool = False) -> str:
    """Put all that lies in an hour into one object, as compaction does; returns its key."""
    prefix = hour_prefix(ORDERS, hour)
    compacted = hour_prefix(COMPACTED, hour)
    listed = [
        entry for of_one in (prefix, compacted) for entry in bucket.list_prefix(pipe.deployment, of_one)
    ]
    opened = reader.objects(pipe.deployment, listed)
    file = tmp_path / "compacted.parquet"
    count = parquet.write(file, (line for one in opened for line in one.lines), pipe.settings.currency)
    key = f"{compacted}{count}-{uuid.uuid4().hex[:16]}.parquet"
    pipe.write(key, file.read_bytes())
    for entry in listed:
        if not keep:
            pipe.cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=entry.key)
    return key
