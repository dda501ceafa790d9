"""Whatever is put into the bucket by hand is named by the audit, and makes no command of the archive fail."""

from __future__ import annotations

import gzip
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from orderstream.archive.audit import audit
from orderstream.archive.erasure import erase_customer, plan
from orderstream.archive.manifests import Chain, Manifest, digest
from orderstream.aws.clients import AwsClients
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import (
    COMPACTED,
    DISCARDED,
    ERASURES,
    MANIFESTS,
    ORDERS,
    QUARANTINE,
    REDRIVEN,
    RESUBMITTED,
    batch_key,
    compacted_key,
    discarded_key,
    hour_prefix,
    marker_key,
    notes_key,
    order_key,
    tombstone_key,
    years_prefix,
)
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.archive_codec import compress, encode
from orderstream.pipeline.services import S3Store
from orderstream.progress import no_progress
from orderstream.recovery.dead_letters import failed_objects, mark_redriven
from orderstream.recovery.resubmissions import ResubmissionNote, write_notes
from orderstream.recovery.verify import verify
from tests.integration.archive_harness import HOUR, NOON, filled, keep, kinds, lines_of, record
from tests.integration.conftest import OrdersHere
from tests.integration.pipeline_harness import Pipe, give_up
from tests.integration.reconciliation import order

FOLDER = hour_prefix("", NOON)
GOOD_LINE = encode(record(900, order("F")), json=order("F").encode(), order_id="F")


def batch_of(prefix: str, number: int) -> str:
    return batch_key(prefix, NOON, "shardId-1", [str(number)], [])


def line(**changed: object) -> bytes:
    return json.dumps(json.loads(GOOD_LINE) | changed).encode() + b"\n"


# No keys of an hour, or of one order.
FOREIGN = [
    ORDERS,
    f"{ORDERS}readme",
    f"{ORDERS}folder/",
    f"{ORDERS}folder/A-1.json",
    years_prefix(ORDERS) + "2026",
    f"{ORDERS}{FOLDER.replace('11', '13')}shardId-1-1-4-00000000.ndjson.gz",
    f"{ORDERS}{FOLDER.replace('2026', '9999')}shardId-1-1-4-00000000.ndjson.gz",
    f"{ORDERS}{FOLDER.removesuffix('hour=12/')}shardId-1-1-4-00000000.ndjson.gz",
    f"{ORDERS}{FOLDER}",
    f"{ORDERS}{FOLDER}evil.gz",
    f"{ORDERS}{FOLDER}deeper/shardId-1-1-4-00000000.ndjson.gz",
    f"{ORDERS}{FOLDER}shardId-1-one-four-00000000.ndjson.gz",
    f"{QUARANTINE}{FOLDER}notes.txt",
    f"{QUARANTINE}x",
    f"{COMPACTED}{FOLDER}many-0123456789abcdef.parquet",
    f"{COMPACTED}x.parquet",
    f"{RESUBMITTED}{FOLDER}x.ndjson",
    f"{RESUBMITTED}x",
    f"{ERASURES}{FOLDER}x.txt",
    f"{ERASURES}x",
    f"{MANIFESTS}readme",
    f"{MANIFESTS}0000000003-2026-99-99T99-sealed.json",
]
# Under keys that there are, what nothing here writes.
DAMAGED = {
    batch_of(ORDERS, 901): b"no gzip",
    batch_of(ORDERS, 902): b"",
    batch_of(ORDERS, 903): compress([line(arrived_at="soon")]),
    batch_of(ORDERS, 904): compress([line(event_id="no place")]),
    batch_of(ORDERS, 905): compress([line(raw_base64="A")]),
    batch_of(ORDERS, 906): compress([b'{"raw": {}}\n']),
    batch_of(ORDERS, 907): gzip.compress(GOOD_LINE)[:-9],
    batch_of(QUARANTINE, 908): compress([line(reasons=[{}])]),
    batch_of(QUARANTINE, 909): compress([line(event_id="shardId-1:909")]),
    compacted_key(NOON, 3, "0123456789abcdef"): b"PAR1 and no more PAR1",
    order_key("X-1"): b"[]",
    order_key("X-2"): line(arrived_at="9999-12-31T23:59:59.999999Z"),
}
OTHER = {
    notes_key(NOON, "0" * 32): b"\xff\nno note",
    tombstone_key(NOON, "0" * 32): b"\xff\xfe",
    f"{DISCARDED}x": b"{}",
    discarded_key("m", "shardId-1", NOON, str(uuid.UUID(int=0))): b"\xff",
    marker_key(f"{DISCARDED}none"): b"{}",
    f"{REDRIVEN}x": b"",
}

COMMANDS = [
    ["archive", "seal", "--json"],
    ["archive", "compact", "--json"],
    ["archive", "compact", "--dry-run"],
    ["archive", "audit", "--json"],
    ["stack", "verify"],
    ["stack", "verify", "--repair"],
    ["archive", "replay", "--dry-run"],
    ["archive", "replay"],
    ["archive", "query", "SELECT count(*) FROM orders, quarantine"],
    ["get", "A-1", "--raw"],
    ["trace", "A-4"],
    ["quarantine", "list"],
    ["quarantine", "show", "shardId-1:22"],
    ["quarantine", "resubmit", "--all", "--dry-run"],
    ["archive", "forget", "--customer", "c1", "--dry-run"],
    ["archive", "forget", "--customer", "c1", "--yes", "--json"],
]


def test_no_command_of_the_archive_fails_over_foreign_objects_and_the_audit_names_each(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = filled(cloud)
    pipe.deploy()
    before = lines_of(pipe)
    for key in FOREIGN:
        pipe.write(key, b"foreign")
    assert lines_of(pipe) == before, "no reader sees them"
    for key, body in (DAMAGED | OTHER).items():
        pipe.write(key, body)
    homes = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    orders = OrdersHere(pipe.environment() | homes)
    for command in COMMANDS:
        # An exception that is none of ours would come out of `main`. Where damage stands in the way of what
        # was asked for, one of ours names the object: status 3.
        done = orders(*command, status=None)
        assert done.returncode in (0, 1, 3), f"{command}: {done.stderr}"
        assert done.returncode != 3 or " is damaged " in done.stderr, f"{command}: {done.stderr}"
    findings = json.loads(orders("archive", "audit", "--json", status=1).stdout)["findings"]
    named = {finding["key"]: finding["kind"] for finding in findings}
    assert {key: named.get(key) for key in FOREIGN} == dict.fromkeys(FOREIGN, "unexpected")
    assert {pipe.named(key) for key in OTHER} <= named.keys()


def forged_batch(pipe: Pipe, **changed: object) -> tuple[str, str]:
    """Insert a record into a sealed hour, and leave a batch that would explain it; returns both keys."""
    at = datetime.now(UTC) - timedelta(minutes=2) if changed.pop("recent", False) else NOON
    false = record(900, order("forged"), at=at)
    store = BatchArchive(S3Store(pipe.cloud.s3, pipe.deployment.bucket))
    inserted = store.write([false], [decode(false.data)])[false.event_id].key
    key = give_up(pipe.deployment, [false])
    document = json.loads(pipe.body(key)) | {name: value for name, value in changed.items() if name != "key"}
    if changed:
        pipe.delete(key)
        key = str(changed.get("key", key))
        pipe.write(key, json.dumps(document).encode())
    return inserted, key


def stamped(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


OLD = datetime(2026, 11, 22, 13, tzinfo=UTC)


FORGED: dict[str, dict[str, object]] = {
    "key": {"key": f"{DISCARDED}anything"},
    "time": {"timestamp": stamped(OLD)},
    "written later": {
        "timestamp": stamped(OLD),
        "key": discarded_key("m", "shardId-1", NOON + HOUR, str(uuid.UUID(int=1))),
    },
    "no records": {"payload": json.dumps({"Records": []})},
    "no event": {"payload": "{}"},
    "no document": {"requestContext": 1},
    "not in the stream": {"recent": True},
}


def test_a_batch_that_lambda_has_not_written_is_named(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe)
    for what, changed in FORGED.items():
        inserted, key = forged_batch(pipe, **changed)
        found = kinds(pipe)
        assert pipe.named(key) in [place for _, place in found], what
        # What it should have explained is named as well, if its hour was sealed. It is not sealed by itself.
        late = [place for kind, place in found if kind == "inserted"]
        assert late == ([] if "recent" in changed else [inserted]), what
        assert keep(pipe).late == late, what
        for one in (inserted, key):
            pipe.delete(one)
        assert kinds(pipe) == [], what


def test_a_batch_of_lambdas_and_what_a_redrive_brought_late_are_no_findings(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.put(order("A"), order("B"))
    records = pipe.records()
    key = give_up(pipe.deployment, records)
    assert kinds(pipe) == []
    pipe.process(records)
    (failure,) = failed_objects(pipe.deployment)
    for number in range(2):
        mark_redriven(pipe.deployment, failure, {"number": number})
    assert pipe.body(marker_key(key)) == b'{"number":0}', "it is marked once"
    assert kinds(pipe) == []


def test_what_nothing_bears_out_is_named(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    key = give_up(pipe.deployment, [record(60, order("never stored"))])
    assert kinds(pipe) == []
    # A mark of a batch whose record is nowhere, and of none.
    pipe.write(marker_key(key), b"{}")
    assert kinds(pipe) == [("contradicted", marker_key(key))]
    pipe.delete(key)
    assert kinds(pipe) == [("contradicted", marker_key(key))]
    pipe.delete(marker_key(key))
    # A batch with other bytes than the archive.
    key = give_up(pipe.deployment, [record(2, order("A-1", "999"))])
    assert kinds(pipe) == [("contradicted", pipe.named(key))]
    pipe.delete(key)
    # A note about a record that was in quarantine, and about one that never was.
    at = "2026-11-22T13:00:00.000000Z"
    write_notes(pipe.deployment, [(NOON, ResubmissionNote("shardId-1:23", "corrected", at, "shardId-1:99"))])
    assert kinds(pipe) == []
    write_notes(pipe.deployment, [(NOON, ResubmissionNote("shardId-1:1", "A-0", at, "shardId-1:99"))])
    ((kind, key),) = kinds(pipe)
    assert kind == "contradicted" and b"shardId-1:1" in pipe.body(key)


def test_a_mark_stays_when_the_rules_of_the_bucket_have_removed_its_batch(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    at = datetime.now(UTC) - timedelta(days=31)
    gone = marker_key(discarded_key("m", "shardId-1", at, str(uuid.uuid4())))
    pipe.write(gone, b"{}")
    assert kinds(pipe) == [("contradicted", gone)]
    rules: Any = [{"ID": "expire", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 30}}]
    for days, found in ((30, []), (60, [("contradicted", gone)])):
        rules[0]["Expiration"]["Days"] = days
        cloud.s3.put_bucket_lifecycle_configuration(
            Bucket=pipe.deployment.discarded_bucket, LifecycleConfiguration={"Rules": rules}
        )
        assert kinds(pipe) == found


def test_a_forged_erasure_hides_no_lost_record_from_the_audit(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    (event,) = pipe.put(order("lost"))
    arrived_at = pipe.records()[0].arrived_at
    key = tombstone_key(arrived_at, uuid.uuid4().hex)
    pipe.write(key, event.encode())
    later = lambda: datetime.now(UTC) + timedelta(hours=1)  # noqa: E731
    assert verify(pipe.deployment, clock=later).discrepancies == ()
    assert kinds(pipe) == [("inserted", key)]
    keep(pipe)
    assert kinds(pipe) == [("inserted", key)]
    keep(pipe, accept=True)
    assert kinds(pipe) == [], "somebody has looked at it"
    pipe.write(key, b"shardId-1:1")
    assert kinds(pipe) == [("tampered", key)]
    pipe.delete(key)
    assert kinds(pipe) == [("removed", key)]


def test_a_manifest_that_leaves_out_what_was_sealed_and_one_under_the_name_of_another_are_named(
    cloud: AwsClients,
) -> None:
    pipe = filled(cloud)
    keep(pipe, compacting=False)
    *_, last = pipe.keys(MANIFESTS)
    body = pipe.body(last)
    manifest = msgspec.json.decode(body, type=Manifest)
    forged = msgspec.structs.replace(manifest, number=manifest.number + 1, previous=digest(body))
    key = re.sub("T1[0-9]", "T11", last).replace(f"{manifest.number:010}", f"{forged.number:010}")
    pipe.write(key, msgspec.json.encode(forged))
    assert kinds(pipe) == [("broken_chain", key)]
    pipe.delete(key)

    chain = Chain(pipe.deployment)
    of_noon = chain.of_hour("2026-11-22T12")
    assert of_noon
    first, *rest = of_noon.objects
    pipe.delete(first.key)
    chain.append(of_noon.hour, "sealed", rest)
    (finding,) = audit(pipe.deployment).findings
    assert finding.kind == "broken_chain" and finding.key.endswith("-sealed.json")
    assert first.key in finding.detail


def test_an_erasure_is_content_with_what_it_wrote(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe)
    mixed = [record(60, order("G-1", "1", "c1")), record(61, order("G-2", "1", "c2"))]
    key = give_up(pipe.deployment, mixed)
    alone = give_up(pipe.deployment, [record(62, order("G-3", "1", "c1"), at=NOON + HOUR)])
    pipe.write(marker_key(alone), b"{}")
    assert plan(pipe.deployment, "c1", currency="EUR", progress=no_progress).failed == 2
    assert erase_customer(pipe.deployment, "c1", reason="", currency="EUR", progress=no_progress).complete
    assert kinds(pipe) == []
    assert pipe.keys(DISCARDED) == [key] and pipe.keys(REDRIVEN) == []
    pipe.write(key, pipe.body(key).replace(b"shardId-1:61", b"shardId-1:62"))
    assert kinds(pipe) == [("tampered", pipe.named(key))]
