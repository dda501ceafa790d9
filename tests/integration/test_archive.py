"""The archive is compacted without any reader's seeing a difference; what is tampered with is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderstream.archive.audit import audit
from orderstream.archive.lease import Lease
from orderstream.archive.maintenance import maintain, waiting
from orderstream.archive.manifests import Chain
from orderstream.archive.replay import ArchivedRecord, ReplayResult, Selection, replay
from orderstream.archive.sql import run_query
from orderstream.aws.clients import AwsClients
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import (
    COMPACTED,
    LEASE_KEY,
    MANIFESTS,
    ORDERS,
    QUARANTINE,
    hour_of_key,
    hour_prefix,
    is_single,
)
from orderstream.errors import CloudError
from orderstream.lookup.trace import OrderTrace, TraceEvent, trace
from orderstream.pipeline.archive import BatchArchive
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.services import S3Store
from orderstream.recovery.verify import verify
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.orders import raw_order
from tests.integration.archive_harness import (
    HOUR,
    NOON,
    Crash,
    audited,
    crashing,
    filled,
    keep,
    kinds,
    lines_of,
    record,
    records,
    with_s3,
)
from tests.integration.conftest import awaited
from tests.integration.pipeline_harness import Pipe, give_up
from tests.integration.reconciliation import items, order


@dataclass
class Collected:
    """A target of `replay` that remembers what it gets."""

    events: list[tuple[str, bytes, str]]

    def take(self, events: Sequence[ArchivedRecord], done: ReplayResult) -> None:
        self.events += [(event.line.event_id, original_bytes(event.line), event.key) for event in events]

    def close(self) -> None:
        pass


def told(order_trace: OrderTrace) -> list[TraceEvent]:
    """The steps to the second: AWS lists no more of the time at which an object was written."""
    steps = [
        msgspec.structs.replace(step, at=step.at and step.at[:19] if step.what == "archived" else step.at)
        for step in order_trace.steps
    ]
    return sorted(steps, key=str)


QUERIES = (
    "SELECT * FROM records ORDER BY event_id",
    "SELECT * FROM orders ORDER BY order_id",
    "SELECT * FROM quarantine ORDER BY event_id",
)


def asked(pipe: Pipe, query: str) -> list[dict[str, Any]]:
    with run_query(pipe.deployment, query) as answer:
        names, rows = answer.rows()
        return [dict(zip(names, row, strict=True)) for row in rows]


def seen(pipe: Pipe) -> dict[str, object]:
    """All that the readers of the archive say of it."""
    deployment = pipe.deployment
    every = {
        (
            one.key,
            one.number,
            one.line.event_id,
            one.line.partition_key,
            one.line.arrived_at,
            original_bytes(one.line),
        )
        for one in reader.lines(deployment, bucket.archive(deployment))
    }
    target = Collected([])
    replay(deployment, Selection(), target)
    an_hour = Collected([])
    replay(
        deployment, Selection(TimeRange(NOON + timedelta(seconds=9), NOON + timedelta(seconds=13))), an_hour
    )
    report = verify(deployment)
    return {
        "lines": every,
        "replay": sorted(target.events),
        "a span": sorted(an_hour.events),
        "verify": (report.counts, report.discrepancies),
        "raw": {order_id: raw_order(deployment, order_id) for order_id in items(pipe)},
        "SQL": [asked(pipe, query) for query in QUERIES],
        "trace": [told(trace(deployment, name)) for name in ("A-3", "A-4", "zip-1", "shardId-1:26")],
    }


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_no_reader_sees_a_difference_after_compaction(
    cloud: AwsClients, layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pipe = filled(cloud, layout)
    before = seen(pipe)
    in_sql = {
        row["order_id"]: (row["customer_id"], row["amount"], row["event_id"])
        for row in asked(pipe, QUERIES[1])
    }
    assert in_sql == {
        name: (item["CustomerID"]["S"], Decimal(item["OrderAmount"]["N"]), item["EventID"]["S"])
        for name, item in items(pipe).items()
    }
    kept = keep(pipe)
    assert (kept.problems, kept.late) == ([], [])
    assert [one.hour for one in kept.compacted] == ["2026-11-22T12", "2026-11-22T13"]
    assert pipe.keys(ORDERS) == []
    assert len(pipe.keys(COMPACTED)) == 2
    assert seen(pipe) == before
    assert keep(pipe).compacted == [], "there is nothing more to do"
    assert audited(pipe).findings == []
    # As it is in the middle of a compaction: a small object and the large one at once.
    pipe.process(records()[:1])
    assert [asked(pipe, query) for query in QUERIES] == before["SQL"]


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_wherever_compaction_is_broken_off_nothing_is_lost_and_it_is_done_the_next_time(
    cloud: AwsClients, layout: str
) -> None:
    pipe = filled(cloud, layout)
    before = lines_of(pipe)
    report = verify(pipe.deployment)
    an_hour = TimeRange(NOON, NOON + HOUR)
    # Each time it gets further: a manifest that seals the hour, the new object, a manifest that names it, the
    # old ones gone.
    for writes in (0, 1, 1, 2):
        with pytest.raises(Crash):
            maintain(crashing(pipe, writes), an_hour, compacting=True, currency="EUR")
        assert lines_of(pipe) == before
        assert audited(pipe).findings == []
        assert verify(pipe.deployment) == report
        # The lease of a dead process ends by itself; here at once.
        cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=LEASE_KEY)
    kept = keep(pipe, span=an_hour)
    assert (kept.problems, kept.late) == ([], [])
    assert len(pipe.keys(COMPACTED)) == 1
    hours = {hour_of_key(key) for key in pipe.keys(ORDERS) if not is_single(key)}
    assert hours <= {NOON + HOUR}, "the next hour's alone"
    assert lines_of(pipe) == before
    assert verify(pipe.deployment) == report
    assert audited(pipe).findings == []


def test_an_hour_is_left_alone_until_it_is_over_and_nothing_is_on_its_way_to_it(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    now = datetime(2026, 11, 22, 13, 4, tzinfo=UTC)
    pipe.process([record(1, order("A"))])
    pipe.process([record(2, order("B"))])
    assert maintain(pipe.deployment, ALL_TIME, compacting=True, currency="EUR", now=now).sealed == []
    later = now + timedelta(minutes=1)
    kept = maintain(pipe.deployment, ALL_TIME, compacting=True, currency="EUR", now=later)
    assert (kept.sealed, len(kept.compacted)) == (["2026-11-22T12"], 1)


def test_without_compaction_hours_are_sealed_once_and_what_waits_for_it_is_told(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    objects = pipe.keys(ORDERS)
    of_noon = [key for key in objects if hour_prefix(ORDERS, NOON) in key]

    def told_to_wait() -> list[tuple[str, int]]:
        told = waiting(pipe.deployment, ALL_TIME)
        assert all(size > 0 for _, _, size in told)
        return [(hour, count) for hour, count, _ in told]

    expected = [("2026-11-22T12", len(of_noon)), ("2026-11-22T13", len(objects) - len(of_noon))]
    assert told_to_wait() == expected
    kept = keep(pipe, compacting=False)
    assert (kept.sealed, kept.compacted) == (["2026-11-22T12", "2026-11-22T13"], [])
    assert pipe.keys(ORDERS) == objects
    found = audited(pipe)
    assert (found.findings, found.hours) == ([], 2)
    assert found.objects == len(objects) + len(pipe.keys(QUARANTINE))
    assert keep(pipe, compacting=False).sealed == []
    assert told_to_wait() == expected
    keep(pipe)
    assert told_to_wait() == []


def test_an_object_that_is_altered_or_removed_or_inserted_is_named(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe, compacting=False)
    keep(pipe, span=TimeRange(NOON, NOON + HOUR))
    for prefix in (COMPACTED, ORDERS, QUARANTINE):
        key, *_ = pipe.keys(prefix)
        body = pipe.body(key)
        pipe.write(key, body[:-1] + bytes([body[-1] ^ 1]))
        assert kinds(pipe) == [("tampered", key)]
        pipe.delete(key)
        assert kinds(pipe) == [("removed", key)]
        pipe.write(key, body)
        assert kinds(pipe) == []

    # Into an hour that is compacted, into one that is sealed, and before both.
    for at in (NOON, NOON + HOUR, NOON - 5 * HOUR):
        forged = BatchArchive(S3Store(cloud.s3, pipe.deployment.bucket))
        false = record(900, order("forged"), at=at)
        key = forged.write([false], [decode(false.data)])[false.event_id].key
        assert kinds(pipe) == [("inserted", key)]
        kept = keep(pipe, compacting=False)
        assert kept.late == [key], "it is not sealed by itself"
        assert kinds(pipe) == [("inserted", key)]
        pipe.delete(key)
    assert kinds(pipe) == []


def test_what_comes_late_is_sealed_if_it_is_known_and_compacted_with_the_rest(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe)
    again = [one for one in records() if one.shard_id == "shardId-1"][5:11]
    pipe.process(again)
    assert audited(pipe).repeated == 1
    given_up = [record(60, order("late-1")), record(61, order("late-2"))]
    give_up(pipe.deployment, given_up)
    pipe.process(given_up)
    before = lines_of(pipe)
    assert kinds(pipe) == [], "AWS left them in a bucket when it gave up"
    kept = keep(pipe)
    assert (kept.late, [one.hour for one in kept.compacted]) == ([], ["2026-11-22T12"])
    assert pipe.keys(ORDERS) == []
    assert lines_of(pipe) == before
    assert raw_order(pipe.deployment, "late-1") == given_up[0].data
    assert audited(pipe).findings == []

    # What is not known is sealed if it is accepted, and the manifest says so.
    pipe.process([record(70, order("found again"))])
    assert len(keep(pipe).late) == 1
    assert keep(pipe, accept=True, compacting=False).late == []
    assert audited(pipe).findings == []
    manifest = Chain(pipe.deployment).of_hour("2026-11-22T12")
    assert manifest and manifest.act == "accepted"


def test_a_manifest_that_is_altered_or_removed_breaks_the_chain(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe, span=TimeRange(until=NOON + HOUR))
    early = audited(pipe).head
    keep(pipe)
    assert audit(pipe.deployment, noted=early).findings == [], "the chain has only grown"
    noted = audited(pipe).head
    assert noted and noted.number == 4
    first, second, third, last = pipe.keys(MANIFESTS)
    body = pipe.body(second)
    pipe.write(second, body.replace(b'"lines": ', b'"lines": 1'))
    assert kinds(pipe) == [("broken_chain", third)]
    pipe.write(second, body)
    end = pipe.body(last)
    pipe.delete(last)
    cut_off = audit(pipe.deployment, noted=noted).findings
    assert "broken_chain" in [finding.kind for finding in cut_off]
    pipe.write(last, end)
    pipe.delete(first)
    assert ("broken_chain", second) in kinds(pipe)
    pipe.write(first, b"{}")
    assert ("broken_chain", first) in kinds(pipe)


def test_a_span_is_audited_alone_and_what_lifecycle_rules_have_removed_is_not_missed(
    cloud: AwsClients,
) -> None:
    pipe = filled(cloud)
    keep(pipe)
    first, second = pipe.keys(COMPACTED)
    pipe.write(first, b"altered")
    from_noon = audited(pipe, TimeRange(NOON + timedelta(minutes=59)))
    assert [finding.kind for finding in from_noon.findings] == ["tampered"]
    later = audited(pipe, TimeRange(NOON + HOUR))
    assert (later.findings, later.hours) == ([], 1)

    for key in (first, second):
        pipe.delete(key)
    assert [kind for kind, _ in kinds(pipe)] == ["removed", "removed"]
    tagged = {"Prefix": COMPACTED, "Tags": [{"Key": "temporary", "Value": "yes"}]}
    for filter, missed, expired in (({"And": tagged}, 2, 0), ({"Prefix": COMPACTED}, 0, 2)):
        rule = {"ID": "expiry", "Status": "Enabled", "Filter": filter, "Expiration": {"Days": 1}}
        cloud.s3.put_bucket_lifecycle_configuration(
            Bucket=pipe.deployment.bucket,
            LifecycleConfiguration={"Rules": [rule]},  # type: ignore[list-item]
        )
        found = audited(pipe)
        assert (len(found.findings), found.expired) == (missed, expired)


def test_the_archive_is_worked_on_by_one_at_a_time_and_a_dead_ones_lease_ends(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    with Lease(pipe.deployment, "test") as lease:
        lease.check()
        with pytest.raises(CloudError, match="in use: test"):
            keep(pipe)
    assert pipe.keys(LEASE_KEY) == []
    dead = b'{"who": "dead", "until": "2026-11-22T12:00:00.000000Z"}'
    pipe.write(LEASE_KEY, dead)
    assert len(keep(pipe).compacted) == 2
    assert pipe.keys(LEASE_KEY) == []


def test_a_lease_is_renewed_until_another_takes_it_which_is_noticed_at_once(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    others = b'{"who": "another", "until": "2999-11-22T12:00:00.000000Z", "id": "other"}'
    with Lease(pipe.deployment, "long work", valid_for=timedelta(seconds=3)) as lease:
        first = pipe.body(LEASE_KEY)
        awaited(lambda: pipe.body(LEASE_KEY) != first)
        lease.check()
        pipe.write(LEASE_KEY, others)
        ends = lease._until
        awaited(lambda: not lease.is_held)
        assert datetime.now(UTC) < ends, "it did not run out: its renewal could tell"
        with pytest.raises(CloudError, match="lost"):
            lease.check()
    assert pipe.body(LEASE_KEY) == others, "it is not given back by who has it no more"
    with pytest.raises(CloudError, match="in use: another"), Lease(pipe.deployment, "next"):
        pass
    pipe.delete(LEASE_KEY)
    with Lease(pipe.deployment, "slow"):
        pipe.write(LEASE_KEY, others)
    assert pipe.body(LEASE_KEY) == others, "nor if it was taken over just before it is given back"
    pipe.delete(LEASE_KEY)
    with Lease(pipe.deployment, "slow"):
        pipe.delete(LEASE_KEY)
    assert pipe.keys(LEASE_KEY) == []


class Repeating:
    """S3, whose answers to PutObject are lost: the SDK sends each again, and that is what is answered."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def put_object(self, **request: Any) -> Any:
        self._s3.put_object(**request)
        return self._s3.put_object(**request)


def test_a_lease_whose_answers_are_lost_is_held_renewed_and_given_back(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    unreliable = replace(pipe.deployment, cloud=with_s3(cloud, Repeating(cloud.s3)))
    with Lease(unreliable, "work", valid_for=timedelta(seconds=3)) as lease:
        first = pipe.body(LEASE_KEY)
        awaited(lambda: pipe.body(LEASE_KEY) != first)
        second = pipe.body(LEASE_KEY)
        awaited(lambda: pipe.body(LEASE_KEY) != second)
        lease.check()
        with pytest.raises(CloudError, match="in use: work"), Lease(unreliable, "another"):
            pass
    assert pipe.keys(LEASE_KEY) == []


def test_with_an_object_for_each_order_a_key_may_be_taken_again_after_compaction(cloud: AwsClients) -> None:
    pipe = filled(cloud, "order")
    keep(pipe)
    other = record(901, order("A-1", "777"), at=NOON + 5 * HOUR)
    report = pipe.process([other])
    assert report.conflicts == 1
    assert pipe.keys(ORDERS) == [f"{ORDERS}A-1.json"]
    assert raw_order(pipe.deployment, "A-1") == order("A-1", "2.50", "c1").encode()
    assert verify(pipe.deployment).discrepancies == ()
    pipe.process([record(902, order("D"), at=NOON + 5 * HOUR)])
    keep(pipe)
    assert pipe.keys(ORDERS) == []
    assert raw_order(pipe.deployment, "A-1") == order("A-1", "2.50", "c1").encode()
    assert verify(pipe.deployment).discrepancies == ()
