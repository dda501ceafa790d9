"""The archive is compacted without any reader's seeing a difference; what is tampered with is named."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec
import pytest

from orderstream.archive.audit import audit
from orderstream.archive.lease import Lease
from orderstream.archive.maintenance import maintain, waiting
from orderstream.archive.manifests import Chain
from orderstream.archive.replay import Event, ReplayResult, Selection, replay
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
    CrashingCloud,
    audited,
    filled,
    keep,
    kinds,
    lines_of,
    record,
    records,
)
from tests.integration.conftest import awaited
from tests.integration.pipeline_harness import Pipe, give_up
from tests.integration.reconciliation import items, order


@dataclass
class Collected:
    """A target of `replay` that remembers what it gets."""

    events: list[tuple[str, bytes, str]]

    def take(self, events: Sequence[Event], done: ReplayResult) -> None:
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
        "trace": [told(trace(deployment, name)) for name in ("A-3", "A-4", "zip-1", "shardId-1:26")],
    }


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_no_reader_sees_a_difference_after_compaction(cloud: AwsClients, layout: str) -> None:
    pipe = filled(cloud, layout)
    before = seen(pipe)
    kept = keep(pipe)
    assert (kept.problems, kept.late) == ([], [])
    assert [one.hour for one in kept.compacted] == ["2026-11-22T12", "2026-11-22T13"]
    assert pipe.keys(ORDERS) == []
    assert len(pipe.keys(COMPACTED)) == 2
    assert seen(pipe) == before
    assert keep(pipe).compacted == [], "there is nothing more to do"
    assert audited(pipe).findings == []


# A manifest that seals the hour, the new object, a manifest that names it, the old ones gone.
@pytest.mark.parametrize("writes", range(4))
@pytest.mark.parametrize("layout", ["batch", "order"])
def test_wherever_compaction_is_broken_off_nothing_is_lost_and_it_is_done_the_next_time(
    cloud: AwsClients, layout: str, writes: int
) -> None:
    pipe = filled(cloud, layout)
    before = lines_of(pipe)
    report = verify(pipe.deployment)
    an_hour = TimeRange(NOON, NOON + HOUR)
    broken = CrashingCloud(
        cloud.endpoint_url, cloud.region, None, cloud.access_key, "test", cloud.session_token, writes
    )
    with pytest.raises(Crash):
        maintain(replace(pipe.deployment, cloud=broken), an_hour, compacting=True, currency="EUR")
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


def test_without_compaction_hours_are_sealed_and_objects_stay(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    objects = pipe.keys(ORDERS)
    kept = keep(pipe, compacting=False)
    assert (kept.sealed, kept.compacted) == (["2026-11-22T12", "2026-11-22T13"], [])
    assert pipe.keys(ORDERS) == objects
    found = audited(pipe)
    assert (found.findings, found.hours, found.objects) == (
        [],
        2,
        len(objects) + len(pipe.keys(QUARANTINE)),
    )
    assert keep(pipe, compacting=False).sealed == [], "they are sealed once"


@pytest.mark.parametrize("compacting", [False, True])
def test_an_object_that_is_altered_or_removed_or_inserted_is_named(
    cloud: AwsClients, compacting: bool
) -> None:
    pipe = filled(cloud)
    keep(pipe, compacting=compacting)
    first, second, *_ = pipe.keys(COMPACTED if compacting else ORDERS)
    body = pipe.body(first)
    pipe.write(first, body[:-1] + bytes([body[-1] ^ 1]))
    assert kinds(pipe) == [("tampered", first)]
    pipe.write(first, body)
    assert kinds(pipe) == []

    kept_back = pipe.body(second)
    cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=second)
    assert kinds(pipe) == [("removed", second)]
    pipe.write(second, kept_back)

    quarantined, *_ = pipe.keys(QUARANTINE)
    pipe.write(quarantined, pipe.body(quarantined) + b"\0")
    assert kinds(pipe) == [("tampered", quarantined)]
    pipe.write(quarantined, pipe.body(quarantined)[:-1])

    for at in (NOON, NOON - 5 * HOUR):
        forged = BatchArchive(S3Store(cloud.s3, pipe.deployment.bucket))
        false = record(900, order("forged"), at=at)
        key = forged.write([false], [decode(false.data)])[false.event_id].key
        assert kinds(pipe) == [("inserted", key)]
        kept = keep(pipe, compacting=compacting)
        assert kept.late == [key], "it is not sealed by itself"
        assert kinds(pipe) == [("inserted", key)]
        cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=key)
    assert kinds(pipe) == []


def test_an_altered_object_is_not_compacted_and_the_other_hours_are(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe, compacting=False)
    key = next(key for key in pipe.keys(ORDERS) if not is_single(key) and hour_of_key(key) == NOON)
    pipe.write(key, gzip.compress(gzip.decompress(pipe.body(key)).replace(b"1.50", b"9.50")))
    kept = keep(pipe)
    assert [one.hour for one in kept.compacted] == ["2026-11-22T13"]
    (problem,) = kept.problems
    assert key in problem and "altered" in problem
    assert key in pipe.keys(ORDERS)
    assert kinds(pipe) == [("tampered", key)]


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


def test_what_is_accepted_is_sealed_and_the_manifest_says_so(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe)
    pipe.process([record(70, order("found again"))])
    assert len(keep(pipe).late) == 1
    assert keep(pipe, accept=True, compacting=False).late == []
    assert audited(pipe).findings == []
    manifest = Chain(pipe.deployment).of_hour("2026-11-22T12")
    assert manifest and manifest.act == "accepted"


def test_a_manifest_that_is_altered_or_removed_breaks_the_chain(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe)
    noted = audited(pipe).head
    assert noted and noted.number == 4
    first, second, third, last = pipe.keys(MANIFESTS)
    body = pipe.body(second)
    pipe.write(second, body.replace(b'"lines": ', b'"lines": 1'))
    assert kinds(pipe) == [("broken_chain", third)]
    pipe.write(second, body)
    cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=first)
    assert ("broken_chain", second) in kinds(pipe)
    pipe.write(first, b"{}")
    assert ("broken_chain", first) in kinds(pipe)


def test_a_head_that_was_noted_tells_that_the_end_of_the_chain_was_cut_off(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe, span=TimeRange(until=NOON + HOUR))
    noted = audited(pipe).head
    keep(pipe)
    assert audit(pipe.deployment, noted=noted).findings == []
    noted = audited(pipe).head
    *_, last = pipe.keys(MANIFESTS)
    cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=last)
    found = audit(pipe.deployment, noted=noted).findings
    assert "broken_chain" in [finding.kind for finding in found]


def test_a_span_is_audited_alone(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe)
    first, second = pipe.keys(COMPACTED)
    pipe.write(first, b"altered")
    assert [finding.kind for finding in audited(pipe, TimeRange(NOON + timedelta(minutes=59))).findings] == [
        "tampered"
    ]
    found = audited(pipe, TimeRange(NOON + HOUR))
    assert (found.findings, found.hours) == ([], 1)


def test_what_the_lifecycle_rules_have_removed_is_not_missed(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    keep(pipe)
    for key in pipe.keys(COMPACTED):
        cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=key)
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


def test_a_lease_is_kept_for_as_long_as_the_work_takes(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    with Lease(pipe.deployment, "long work", valid_for=timedelta(seconds=0.6)) as lease:
        first = pipe.body(LEASE_KEY)
        awaited(lambda: pipe.body(LEASE_KEY) != first)
        lease.check()
        pipe.write(LEASE_KEY, b"somebody else's")
        awaited(lambda: not lease.is_held)
        with pytest.raises(CloudError, match="lost"):
            lease.check()
    assert pipe.keys(LEASE_KEY) == [LEASE_KEY], "it is not given back by who has it no more"


def test_a_lease_that_was_taken_over_just_before_it_is_given_back_stays(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    others = b'{"who": "another", "until": "2999-11-22T12:00:00.000000Z"}'
    with Lease(pipe.deployment, "slow"):
        pipe.write(LEASE_KEY, others)
    assert pipe.body(LEASE_KEY) == others
    with pytest.raises(CloudError, match="in use: another"), Lease(pipe.deployment, "next"):
        pass
    cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=LEASE_KEY)
    with Lease(pipe.deployment, "slow"):
        cloud.s3.delete_object(Bucket=pipe.deployment.bucket, Key=LEASE_KEY)
    assert pipe.keys(LEASE_KEY) == []


def test_a_lease_that_its_renewal_finds_taken_over_is_lost_at_once(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    others = b'{"who": "another", "until": "2999-11-22T12:00:00.000000Z", "id": "other"}'
    # For longer than anybody waits here: only the renewal, after a third of it, can tell.
    with Lease(pipe.deployment, "long work", valid_for=timedelta(seconds=3)) as lease:
        pipe.write(LEASE_KEY, others)
        began = lease._until
        awaited(lambda: not lease.is_held)
        assert datetime.now(UTC) < began, "it did not run out"
    assert pipe.body(LEASE_KEY) == others


class Repeating:
    """S3, whose answers to PutObject are lost: the SDK sends each again, and that is what is answered."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def put_object(self, **request: Any) -> Any:
        self._s3.put_object(**request)
        return self._s3.put_object(**request)


@dataclass(frozen=True)
class RepeatingCloud(AwsClients):
    """A cloud with that S3."""

    @cached_property
    def s3(self) -> Any:
        return Repeating(AwsClients.s3.func(self))  # type: ignore[attr-defined]


def test_a_lease_whose_answers_are_lost_is_held_renewed_and_given_back(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    there = RepeatingCloud(
        cloud.endpoint_url, cloud.region, None, cloud.access_key, "test", cloud.session_token
    )
    unreliable = replace(pipe.deployment, cloud=there)
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


def test_what_waits_for_compaction_is_told_without_doing_it(cloud: AwsClients) -> None:
    pipe = filled(cloud)
    objects = pipe.keys("")
    ((noon, count, size), (_, _, _)) = waiting(pipe.deployment, ALL_TIME)
    assert (noon, count) == ("2026-11-22T12", sum(hour_prefix(ORDERS, NOON) in key for key in objects))
    assert size > 0
    assert pipe.keys("") == objects
    keep(pipe)
    assert waiting(pipe.deployment, ALL_TIME) == []
