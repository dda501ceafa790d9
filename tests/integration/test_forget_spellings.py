"""An erasure finds every spelling in every place, or names what it cannot read; others keep every byte."""

from __future__ import annotations

from io import BytesIO

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import COMPACTED, DISCARDED, LINES, LOCKS, MANIFESTS, ORDERS, QUARANTINE
from orderstream.errors import NotFoundError
from orderstream.pipeline.archive_codec import original_bytes, read_lines
from orderstream.recovery.dead_letters import event_records, failed_objects, read_failure, records_in
from orderstream.recovery.verify import verify
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import TimeRange
from orderstream.storage.tombstones import erased_event_ids
from tests.integration.archive_harness import HOUR, NOON, keep, kinds, record
from tests.integration.erasure import erase
from tests.integration.pipeline_harness import Pipe, give_up
from tests.integration.reconciliation import order
from tests.unit.archive.spellings import HER, OTHERS, SPELLINGS, UNREADABLE

# Where she is in each spelling, where nobody can tell, and what is somebody else's.
HERS, UNSURE, THEIRS = 100, 300, 500


# What takes long to look into is looked into once, in test_texts.py.
TOO_MUCH = {name: data for name, data in UNREADABLE.items() if name != "more text than is read"}


def numbered(first: int, texts: dict[str, bytes]) -> dict[int, bytes]:
    return dict(enumerate(texts.values(), start=first))


RECORDS = numbered(HERS, SPELLINGS) | numbered(UNSURE, TOO_MUCH) | numbered(THEIRS, OTHERS)


# The first of the archive's two hours is compacted, the other is not.
ARCHIVED = {"shardId-1": NOON, "shardId-2": NOON + HOUR}
SHARDS = (*ARCHIVED, "shardId-9")


def filled(cloud: AwsClients) -> Pipe:
    """Every record in each hour and, if bad, in quarantine; in a discarded batch; in old versions."""
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.keep_versions()
    for shard, at in ARCHIVED.items():
        some = [record(number, data, at=at, shard=shard) for number, data in RECORDS.items()]
        for begin in range(0, len(some), 7):
            # Another order with each batch: of no object all is hers.
            another = record(900 + begin, order(f"A-{begin}"), at=at, shard=shard)
            pipe.process([*some[begin : begin + 7], another])
    give_up(pipe.deployment, [record(number, data, shard="shardId-9") for number, data in RECORDS.items()])
    for prefix in (ORDERS, QUARANTINE, DISCARDED):
        for key in pipe.keys(prefix):
            pipe.write(key, pipe.body(key))
    keep(pipe, compacting=False)
    keep(pipe, span=TimeRange(NOON, NOON + HOUR))
    return pipe


def everywhere(pipe: Pipe) -> dict[str, dict[str, bytes]]:
    """The records by their events in the archive, in quarantine, in the batches and in all old versions."""
    deployment = pipe.deployment
    found: dict[str, dict[str, bytes]] = {"old": {}}
    for prefix in LINES:
        lines = reader.lines(deployment, bucket.list_by_hour(deployment, prefix))
        found[prefix] = {one.line.event_id: original_bytes(one.line) for one in lines}
    for failure in failed_objects(deployment):
        found["discarded"] = {one.event_id: one.data for one in records_in(failure, event_records(failure))}
    for name in pipe.buckets:
        listed = deployment.cloud.s3.list_object_versions(Bucket=name)
        assert not listed["IsTruncated"]
        for one in listed.get("Versions", []):
            if one["IsLatest"] or one["Key"].startswith((MANIFESTS, LOCKS)):
                continue
            answer = deployment.cloud.s3.get_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
            body = answer["Body"].read()
            if one["Key"].startswith(DISCARDED):
                failure = read_failure("", body, deployment.cloud.now())
                found["old"] |= {f"discarded {entry['eventID']}": b"" for entry in event_records(failure)}
            else:
                found["old"] |= {
                    line.event_id: original_bytes(line) for line in read_lines(one["Key"], BytesIO(body))
                }
    return found


def numbers(events: dict[str, bytes]) -> set[int]:
    return {int(event.rpartition(":")[2]) for event in events}


def test_every_spelling_in_every_place_is_erased_or_named_and_others_keep_every_byte(
    cloud: AwsClients,
) -> None:
    pipe = filled(cloud)
    before = everywhere(pipe)
    hers = set(numbered(HERS, SPELLINGS))
    for place in (COMPACTED, ORDERS, QUARANTINE, "discarded", "old"):
        assert hers <= numbers(before[place]), place
    stamped = erase(pipe, customer=HER)
    after = everywhere(pipe)
    left = {
        place: {event: data for event, data in events.items() if numbers({event: b""}).isdisjoint(hers)}
        for place, events in before.items()
    }
    for place in (COMPACTED, ORDERS, QUARANTINE, "discarded"):
        assert after[place] == left[place], place
    assert hers.isdisjoint(numbers(after["old"]))
    # Each of those that nobody can read is named once for each event, with its place.
    problems = stamped.receipt.problems
    assert len(problems) == len(SHARDS) * len(TOO_MUCH)
    for event in (f"{shard}:{number}" for shard in SHARDS for number in numbered(UNSURE, TOO_MUCH)):
        (problem,) = [one for one in problems if f"record {event} in " in one]
        assert problem
    assert not stamped.complete and not stamped.receipt.is_complete
    shared = ("an array with others", "one document after the other", "a later member", "a key twice")
    assert stamped.shared == len(SHARDS) * len(shared)
    assert set(erased_event_ids(pipe.deployment)) == {
        f"{shard}:{number}" for shard in SHARDS for number in hers
    }
    assert (stamped.receipt.records, stamped.receipt.failed) == (len(ARCHIVED) * len(hers), len(hers))
    assert kinds(pipe) == []
    found = verify(pipe.deployment).discrepancies
    assert {one.kind for one in found} <= {"discarded"}
    with pytest.raises(NotFoundError, match=f"as far as it can be read: {len(problems)} problems"):
        erase(pipe, customer=HER)
