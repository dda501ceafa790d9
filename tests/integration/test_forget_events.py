"""An erasure takes the events of the customer's orders, which do not say whose they are, and no others."""

from __future__ import annotations

import gzip
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from orderstream.archive.erasure import plan
from orderstream.archive.receipt import ErasureReceipt
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import COMPACTED, LEASE_KEY, QUARANTINE
from orderstream.errors import NotFoundError
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.records import Record
from orderstream.progress import no_progress
from orderstream.recovery.dead_letters import event_records, pending_objects, records_in
from orderstream.storage import bucket, parquet, reader
from tests.integration.archive_harness import (
    HOUR,
    NOON,
    Crash,
    Crashing,
    keep,
    kinds,
    lines_of,
    record,
    with_s3,
)
from tests.integration.erasure import HER, SECRET, erase, her
from tests.integration.pipeline_harness import Pipe, give_up
from tests.integration.reconciliation import drop_table, event, event_rows, items, order

# Those of her orders, and of one that has not arrived and says whose it is.
HERS = (1, 3, 4, 5, 8, 13, 20, 21)


def records() -> list[Record]:
    """Her orders and their events in three hours, between those of others."""
    secret = {"note": SECRET}
    first = [
        # Before its order.
        event("H-1", "paid", amount=1, **secret),
        event("A-1", "paid", amount=2),
        event("W-1", "paid", customer_id=HER, **secret),
        event("H-1", "amended", amount=1, **secret),
    ]
    second: list[str | bytes] = [
        her(1, "H-1"),
        order("A-1", "2"),
        # Somebody else's event that mentions her, and one of which nobody knows the order.
        event("A-1", "packed", customer_id=HER),
        gzip.compress(event("H-1", "packed", **secret).encode()),
        event("X-9", "paid"),
        # Her conflict does not make A-1 hers.
        her(9, "A-1"),
        event("A-1", "shipped"),
        order("B-1"),
        # In quarantine.
        event("H-1", "lost", **secret),
        event("A-1", "lost"),
    ]
    last = [event("H-1", "shipped", **secret), her(7, "H-2"), event("A-1", "delivered")]
    return [
        *(record(number, text) for number, text in enumerate(first, start=1)),
        *(record(number, text, at=NOON + HOUR) for number, text in enumerate(second, start=5)),
        *(record(number, text, at=NOON + 2 * HOUR) for number, text in enumerate(last, start=20)),
    ]


def filled(cloud: AwsClients, *, layout: str = "batch", compacting: bool = False) -> Pipe:
    pipe = Pipe(cloud, layout=layout)
    pipe.make_function()
    pipe.keep_versions()
    every = records()
    for begin in range(0, len(every), 4):
        pipe.process(every[begin : begin + 4])
    give_up(pipe.deployment, [record(50, event("H-1", "returned", note=SECRET)), record(51, order("G-1"))])
    keep(pipe, compacting=compacting)
    return pipe


def secrets(pipe: Pipe) -> list[str]:
    """Where something of hers is left, in every version of every object and in the tables."""
    client = pipe.cloud.s3
    found = {"items": repr(items(pipe)), "events": repr(event_rows(pipe))}
    for name in pipe.buckets:
        for one in client.list_object_versions(Bucket=name).get("Versions", []):
            answer = client.get_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
            body = answer["Body"].read()
            text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
            if one["Key"].startswith(COMPACTED):
                with TemporaryDirectory() as folder:
                    file = Path(folder) / "a.parquet"
                    file.write_bytes(body)
                    text = b" ".join(original_bytes(line.line) for line in parquet.by_arrival(file))
            found[f"{one['Key']} {one['VersionId']}"] = text.decode(errors="replace")
    return [where for where, text in found.items() if SECRET in text]


def others(pipe: Pipe) -> tuple[Any, ...]:
    """What of others there is: lines, items, events and what of theirs was discarded."""
    gone = {f"shardId-1:{number}" for number in (*HERS, 10)}
    left = {
        "A-1": items(pipe).get("A-1"),
        "B-1": items(pipe).get("B-1"),
        "X-9": items(pipe).get("X-9"),
    }
    rows = {key: row for key, row in event_rows(pipe).items() if key[0] in left}
    (failure,) = pending_objects(pipe.deployment)
    records = [
        one.data for one in records_in(failure, event_records(failure)) if SECRET.encode() not in one.data
    ]
    return {line for line in lines_of(pipe) if line[0] not in gone}, left, rows, records


def is_done(pipe: Pipe) -> bool:
    lines = {event_id for event_id, _ in lines_of(pipe)}
    gone = {f"shardId-1:{number}" for number in HERS}
    rows = {order_id for order_id, _ in event_rows(pipe)}
    return not secrets(pipe) and not lines & gone and rows == {"A-1", "X-9"}


@pytest.mark.parametrize(("layout", "compacting"), [("batch", False), ("batch", True), ("order", False)])
def test_the_events_of_her_orders_go_wherever_they_are_and_no_others(
    cloud: AwsClients, layout: str, compacting: bool
) -> None:
    pipe = filled(cloud, layout=layout, compacting=compacting)
    left = others(pipe)
    assert len(event_rows(pipe)) == 10 and len(secrets(pipe)) > 4
    planned = plan(pipe.deployment, HER, currency="EUR", progress=no_progress)
    receipt = erase(pipe).receipt
    assert is_done(pipe), secrets(pipe)
    assert others(pipe) == left
    assert sorted(items(pipe)) == ["A-1", "B-1", "X-9"]
    quarantine = reader.lines(pipe.deployment, bucket.list_by_hour(pipe.deployment, QUARANTINE))
    assert [one.line.event_id for one in quarantine] == ["shardId-1:14"]
    counts = (receipt.items, receipt.events, receipt.failed)
    assert counts == (planned.items, planned.events, planned.failed) == (2, 5, 1)
    assert receipt.records == planned.records
    assert receipt.is_complete and receipt.problems == []
    assert kinds(pipe) == []
    with pytest.raises(NotFoundError):
        erase(pipe)


class CrashingTables:
    """DynamoDB, until the process of an S3 client ends: what it deletes counts as a write there."""

    def __init__(self, dynamodb: Any, s3: Crashing) -> None:
        self._dynamodb = dynamodb
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        if self._s3.left < 0:
            raise Crash
        call = getattr(self._dynamodb, name)
        return self._s3.counted(call) if name == "delete_item" else call


def crashing(pipe: Pipe, writes: int) -> Deployment:
    """The deployment for a process that ends after so many writes to S3 and deletions in DynamoDB."""
    s3 = Crashing(pipe.cloud.s3, writes)
    there = with_s3(pipe.cloud, s3)
    there.__dict__["dynamodb"] = CrashingTables(pipe.cloud.dynamodb, s3)
    return replace(pipe.deployment, cloud=there)


@pytest.mark.parametrize("compacting", [False, True])
def test_wherever_an_erasure_is_broken_off_the_next_one_still_knows_whose_the_events_are(
    cloud: AwsClients, compacting: bool
) -> None:
    pipe = filled(cloud, compacting=compacting)
    left = others(pipe)
    crashes = 0
    # Each time it gets further.
    for writes in count(step=2):
        try:
            erase(pipe, crashing(pipe, writes))
        except Crash:
            crashes += 1
            pipe.delete(LEASE_KEY)
        else:
            break
    assert crashes > 4
    assert is_done(pipe), secrets(pipe)
    assert others(pipe) == left
    keep(pipe)
    assert kinds(pipe) == []


def test_when_only_old_versions_are_left_the_next_one_still_knows_whose_the_events_are(
    cloud: AwsClients,
) -> None:
    pipe = filled(cloud)
    left = others(pipe)
    # The old versions are the last that is removed.
    with pytest.raises(Crash):
        erase(pipe, replace(pipe.deployment, cloud=with_s3(pipe.cloud, WithoutVersions(pipe.cloud.s3))))
    assert set(items(pipe)) == {"A-1", "B-1", "X-9"} and len(secrets(pipe)) > 3
    pipe.delete(LEASE_KEY)
    erase(pipe)
    assert is_done(pipe), secrets(pipe)
    assert others(pipe) == left


class WithoutVersions:
    """S3, until the process ends in place of listing old versions."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_paginator(self, name: str) -> Any:
        if name == "list_object_versions":
            raise Crash
        return self._s3.get_paginator(name)


def test_the_events_of_an_order_that_the_table_has_lost_go_too(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    drop_table(pipe)
    receipt = erase(pipe).receipt
    assert (receipt.items, receipt.events) == (0, 0)
    assert secrets(pipe) == []
    assert not {event_id for event_id, _ in lines_of(pipe)} & {f"shardId-1:{number}" for number in HERS}


def test_a_receipt_from_before_there_were_events_is_still_the_one_in_its_manifest() -> None:
    old = ErasureReceipt("id", "2026-11-22T12:00:00.000000Z", "asked", items=1, records=2)
    assert old.sha256 == "11a80ad60412b560a90a8f074b3ea8d74df361f809eb67c5798e6dbba29a3ba1"
    assert old.sha256 != ErasureReceipt(old.id, old.at, old.reason, items=1, events=1, records=2).sha256
