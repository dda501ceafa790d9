"""After an erasure no byte of the customer is left, those of all others are, and the audit is content."""

from __future__ import annotations

import gzip
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from orderstream.archive.audit import audit
from orderstream.archive.erasure import plan
from orderstream.archive.receipt import StampedReceipt, stamped_in
from orderstream.aws.clients import AwsClients
from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import (
    COMPACTED,
    DISCARDED,
    LEASE_KEY,
    ORDERS,
    QUARANTINE,
    REDRIVEN,
    RESUBMITTED,
    hour_of_key,
    marker_key,
)
from orderstream.errors import InputError, NotFoundError
from orderstream.lookup.trace import trace
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.records import Record
from orderstream.progress import no_progress
from orderstream.recovery.dead_letters import event_records, pending_objects, records_in
from orderstream.recovery.resubmissions import ResubmissionNote, write_notes
from orderstream.recovery.verify import verify, verify_and_repair
from orderstream.storage import bucket, reader
from tests.integration.archive_harness import HOUR, NOON, Crash, crashing, keep, kinds, lines_of, record
from tests.integration.erasure import HER, SECRET, erase, her
from tests.integration.pipeline_harness import Pipe, give_up
from tests.integration.reconciliation import LATER, items, order


def records() -> list[Record]:
    """Hers in every form, between those of others."""
    texts: list[str | bytes] = [
        order("A-1"),
        her(1, "H-1"),
        order("A-2"),
        her(2),
        # A conflict of hers, and one of somebody else with an order of hers.
        her(3, "A-1"),
        order("H-1", "99"),
        f'{{"customer_id": "{HER}", "address": "{SECRET}"}}',
        f'{{"customer_id": "{HER}", "amount": 12, "address": "{SECRET}',
        "bad",
        gzip.compress(her(4, "H-zip").encode()),
        her(5, "H-5").replace(HER, "".join(f"\\u{ord(letter):04x}" for letter in HER)),
        f'{{"customer_id": "other", "amount": 3, "note": "not {HER} herself"}}',
    ]
    some = [record(number, text) for number, text in enumerate(texts, start=1)]
    return some + [record(40, her(6, "H-later"), at=NOON + HOUR), record(41, order("A-9"), at=NOON + HOUR)]


def filled(cloud: AwsClients, layout: str = "batch", *, versions: bool = False) -> Pipe:
    pipe = Pipe(cloud, layout=layout)
    pipe.make_function()
    if versions:
        pipe.keep_versions()
    every = records()
    for begin in range(0, len(every), 4):
        pipe.process(every[begin : begin + 4])
    pipe.process(every[1:6])
    return pipe


def everything(pipe: Pipe) -> dict[str, bytes]:
    """Every version of every object, uncompressed as far as that goes, and the items."""
    client = pipe.cloud.s3
    found = {}
    for name in pipe.buckets:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            for one in page.get("Versions", []):
                answer = client.get_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
                body = answer["Body"].read()
                found[f"{one['Key']} {one['VersionId']}"] = (
                    gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
                )
    compacted = reader.lines(pipe.deployment, bucket.list_by_hour(pipe.deployment, COMPACTED))
    found["compacted"] = b"\n".join(
        b" ".join(((one.line.partition_key or "").encode(), original_bytes(one.line))) for one in compacted
    )
    return found | {"items": repr(items(pipe)).encode()}


def traces(pipe: Pipe) -> list[str]:
    """Where something of hers is left. (Somebody else's note that names her is that one's.)"""
    left = []
    for where, body in everything(pipe).items():
        text = body.replace(f"not {HER} herself".encode(), b"")
        if any(planted.encode() in text for planted in (HER, SECRET, "\\\\u0068", "\\u0068")):
            left.append(where)
    return left


def others(pipe: Pipe) -> set[tuple[str, bytes]]:
    hers = {f"shardId-1:{number}" for number in (2, 4, 5, 7, 8, 10, 11, 40)}
    return {line for line in lines_of(pipe) if line[0] not in hers}


@pytest.mark.parametrize(("layout", "compacted"), [("batch", True), ("order", False)])
def test_nothing_of_the_customer_is_left_and_all_of_the_others_is(
    cloud: AwsClients, layout: str, compacted: bool
) -> None:
    pipe = filled(cloud, layout, versions=True)
    keep(pipe, compacting=compacted)
    assert len(traces(pipe)) > 5
    left = others(pipe)
    their_items = {name: item for name, item in items(pipe).items() if item["CustomerID"] != {"S": HER}}
    before = everything(pipe)
    planned = plan(pipe.deployment, HER, currency="EUR", progress=no_progress)
    assert everything(pipe) == before
    stamped = erase(pipe)
    receipt = stamped.receipt
    assert traces(pipe) == []
    assert lines_of(pipe) == left
    assert items(pipe) == their_items
    # Somebody else's conflict with an order of hers stays, without what was hers.
    quarantine = reader.lines(pipe.deployment, bucket.list_by_hour(pipe.deployment, QUARANTINE))
    kept = {one.line.event_id: one.line for one in quarantine}
    assert sorted(kept) == ["shardId-1:6", "shardId-1:9"]
    assert original_bytes(kept["shardId-1:6"]) == order("H-1", "99").encode()
    # But for the key of the object with that order, which has an object of its own.
    assert kept["shardId-1:6"].stored == (None if layout == "batch" else {"ArchiveKey": f"{ORDERS}H-1.json"})
    assert receipt.problems == [] and receipt.is_complete
    assert (receipt.items, receipt.records) == (planned.items, planned.records)
    assert receipt.records == 8
    assert kinds(pipe) == []
    assert audit(pipe.deployment, receipt=stamped).findings == []
    report = verify(pipe.deployment)
    assert report.discrepancies == ()
    keep(pipe, compacting=True)
    assert (lines_of(pipe), kinds(pipe), traces(pipe)) == (left, [], [])


@pytest.mark.parametrize("compacted", [False, True])
def test_wherever_an_erasure_is_broken_off_it_is_done_the_next_time(
    cloud: AwsClients, compacted: bool
) -> None:
    pipe = filled(cloud, versions=True)
    keep(pipe, compacting=compacted)
    left = others(pipe)
    # Each time it gets further: the note of what is erased, the manifest, the objects; of a compacted one the
    # new and the old.
    for writes in range(8):
        with pytest.raises(Crash):
            erase(pipe, crashing(pipe, writes))
        assert lines_of(pipe) >= left
        pipe.delete(LEASE_KEY)
    assert erase(pipe).receipt.is_complete
    assert (traces(pipe), lines_of(pipe)) == ([], left)
    assert verify(pipe.deployment).discrepancies == ()
    keep(pipe)
    assert (kinds(pipe), lines_of(pipe)) == ([], left)


def test_batches_that_aws_gave_up_go_on_without_her(cloud: AwsClients) -> None:
    pipe = filled(cloud, versions=True)
    maker = RecordAggregator()
    for data in (order("G-1"), her(1, "G-2"), order("G-3")):
        maker.add_user_record(HER if HER in data else "k", data)
    aggregate = maker.clear_and_get().get_contents()[2]
    mixed = [record(50, order("F-1")), record(51, her(1, "F-2")), record(52, aggregate)]
    key = give_up(pipe.deployment, mixed)
    give_up(pipe.deployment, [record(60, her(2)), record(61, her(3))])
    receipt = erase(pipe).receipt
    assert receipt.failed == 4
    assert traces(pipe) == [], "in no old version either"
    (failure,) = pending_objects(pipe.deployment)
    assert (failure.place, failure.records) == (f"s3://{pipe.deployment.discarded_bucket}/{key}", 2)
    found = {one.event_id: one.data for one in records_in(failure, event_records(failure))}
    assert found == {
        "shardId-1:50": order("F-1").encode(),
        "shardId-1:52:0": order("G-1").encode(),
        "shardId-1:52:1": b"",
        "shardId-1:52:2": order("G-3").encode(),
    }


def test_wherever_the_erasure_of_a_batch_is_broken_off_no_mark_is_left_without_it(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    # The note of what is erased, its manifest, the mark, the batch, the manifest of the receipt.
    for writes in range(5):
        key = give_up(pipe.deployment, [record(60, her(2))])
        pipe.write(marker_key(key), b"{}")
        with pytest.raises(Crash):
            erase(pipe, crashing(pipe, writes))
        pipe.delete(LEASE_KEY)
        with suppress(NotFoundError):
            erase(pipe)
        assert (pipe.keys(REDRIVEN), list(pending_objects(pipe.deployment)), kinds(pipe)) == ([], [], [])


def test_what_cannot_be_read_and_names_her_is_told(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    pipe.write(f"{DISCARDED}mapping/shard/broken", f'{{"payload": "{HER}'.encode())
    pipe.write(f"{DISCARDED}mapping/shard/named", f'{{"payload": "{HER}"}}'.encode())
    pipe.write(f"{DISCARDED}mapping/shard/other", b"{}")
    (key, *_) = pipe.keys(ORDERS)
    pipe.write(key, b"damaged")
    receipt = erase(pipe).receipt
    assert not receipt.is_complete
    names = (key, "broken", "named")
    assert [any(name in problem for name in names) for problem in receipt.problems] == [True] * 3


def test_notes_about_what_she_had_put_back_go_too(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    notes = [
        (NOON, ResubmissionNote("shardId-1:7", "H-corrected", "2026-11-22T13:00:00.000000Z", "shardId-1:99")),
        (NOON, ResubmissionNote("shardId-1:9", "kept", "2026-11-22T13:00:00.000000Z", "shardId-1:98")),
    ]
    write_notes(pipe.deployment, notes)
    assert erase(pipe).receipt.notes == 1
    (key,) = pipe.keys(RESUBMITTED)
    assert b"kept" in pipe.body(key) and b"H-corrected" not in pipe.body(key)
    # As if the erasure had been broken off before it came to them.
    write_notes(pipe.deployment, notes[:1])
    assert erase(pipe).receipt.notes == 1
    assert pipe.keys(RESUBMITTED) == [key]


def test_an_erasure_hides_nothing_that_was_removed_or_altered_before(cloud: AwsClients) -> None:
    pipe = filled(cloud, versions=True)
    keep(pipe, compacting=False)
    removed, altered, *_ = sorted(key for key in pipe.keys(ORDERS) if hour_of_key(key) == NOON)
    pipe.delete(removed)
    pipe.write(altered, gzip.compress(gzip.decompress(pipe.body(altered)).replace(b"99", b"98")))
    (problem,) = erase(pipe).receipt.problems
    assert removed in problem and "only copy" in problem, "a version with it is not removed"
    assert sorted(kinds(pipe)) == [("removed", removed), ("tampered", altered)]


def test_object_lock_is_said_to_keep_what_it_keeps(cloud: AwsClients) -> None:
    pipe = filled(cloud, versions=True)
    cloud.s3.put_object_lock_configuration(
        Bucket=pipe.deployment.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
    )
    left = others(pipe)
    until = datetime.now(UTC) + timedelta(days=30)
    key = next(key for key in pipe.keys(ORDERS) if "shardId-1-1-4" in key)
    cloud.s3.put_object_retention(
        Bucket=pipe.deployment.bucket, Key=key, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until}
    )
    receipt = erase(pipe).receipt
    assert (receipt.locked, receipt.problems, receipt.is_complete) == (1, [], False)
    assert receipt.locked_until and receipt.locked_until[:19] == utc_text(until)[:19]
    (place,) = traces(pipe)
    assert place.startswith(key)
    assert lines_of(pipe) == left, "readers do not see it any more"


def test_what_the_stream_still_has_is_not_taken_for_lost_and_not_brought_back(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.put(order("A"), her(1, "H-1"), f'{{"customer_id": "{HER}"}}', her(2, "H-discarded-batches"))
    *processed, given_up = pipe.records()
    pipe.process(processed)
    give_up(pipe.deployment, [given_up])
    receipt = erase(pipe).receipt
    assert receipt.on_stream_until > utc_text(datetime.now(UTC) + timedelta(hours=23))
    done, report = verify_and_repair(pipe.deployment, clock=lambda: datetime.now(UTC) + LATER)
    assert (done.records, report.discrepancies, report.counts.erased) == (0, (), 3)
    assert list(items(pipe)) == ["A"]
    assert [step.what for step in trace(pipe.deployment, "H-1").steps] == ["arrived", "erased"]


def test_a_receipt_that_was_changed_or_never_made_is_not_taken(cloud: AwsClients, tmp_path: Path) -> None:
    pipe = filled(cloud)
    stamped = erase(pipe)
    changed = StampedReceipt(
        msgspec.structs.replace(stamped.receipt, records=0), stamped.manifest, stamped.sha256
    )
    for receipt in (changed, StampedReceipt(stamped.receipt, 7, stamped.sha256)):
        (finding,) = audit(pipe.deployment, receipt=receipt).findings
        assert finding.kind == "no_receipt"
    printed = msgspec.json.encode(stamped)
    assert HER.encode() not in printed
    file = tmp_path / "receipt.json"
    file.write_bytes(printed)
    assert stamped_in(file) == stamped
    file.write_bytes(b"{}")
    for wrong in (file, tmp_path / "none"):
        with pytest.raises(InputError, match="not a valid receipt"):
            stamped_in(wrong)


def test_of_a_customer_whom_nobody_knows_nothing_is_erased(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe, compacting=False)
    before = everything(pipe)
    with pytest.raises(NotFoundError, match="nothing found of customer nobody; nothing was changed"):
        erase(pipe, customer="nobody")
    assert everything(pipe) == before, "no manifest, no note and no lease is left either"
    assert audit(pipe.deployment).findings == []
    # It is said if something cannot be read.
    pipe.write(pipe.keys(ORDERS)[0], b"damaged")
    before = everything(pipe)
    with pytest.raises(NotFoundError, match="as far as it can be read: 1 problems") as caught:
        erase(pipe, customer="nobody")
    assert "--dry-run" in caught.value.hint
    assert everything(pipe) == before
