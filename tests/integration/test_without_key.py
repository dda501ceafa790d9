"""A record without a partition key, as a stream that distributes records itself has it, is like any other."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from orderstream.archive.audit import audit
from orderstream.archive.replay import Selection, replay
from orderstream.archive.sql import run_query
from orderstream.archive.targets import StreamTarget, TableTarget
from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS
from orderstream.local.cloud import LocalCloud
from orderstream.lookup.trace import trace
from orderstream.pipeline.archive_codec import ArchiveLine
from orderstream.pipeline.records import Record
from orderstream.recovery import quarantine
from orderstream.recovery.dead_letters import event_records, pending_objects
from orderstream.recovery.patch import parse_patch
from orderstream.storage import bucket, reader, stream
from orderstream.storage.bucket import ALL_TIME
from orderstream.storage.orders import get_order
from tests.integration.archive_harness import keep, record
from tests.integration.conftest import Orders, awaited
from tests.integration.discarded import failures_by_place, given_up, given_up_at
from tests.integration.erasure import HER, erase, her
from tests.integration.local_orders import found_order, quarantined
from tests.integration.pipeline_harness import Pipe, give_up
from tests.integration.reconciliation import LATER, found, items, order, verified


def put(cloud: AwsClients, stream_name: str, *records: str | bytes) -> list[str]:
    """Put records without a key on a stream; returns their event ids."""
    sent = [{"Data": one if isinstance(one, bytes) else one.encode()} for one in records]
    answer = cloud.kinesis.put_records(StreamName=stream_name, Records=sent)  # type: ignore[arg-type]
    return [f"{one['ShardId']}:{one['SequenceNumber']}" for one in answer["Records"]]


def keyless(records: Sequence[Record]) -> list[Record]:
    return [msgspec.structs.replace(one, partition_key=None) for one in records]


def archived(pipe: Pipe) -> dict[str, ArchiveLine]:
    entries = bucket.archive(pipe.deployment)
    return {one.line.event_id: one.line for one in reader.lines(pipe.deployment, entries)}


def test_the_local_cloud_stores_archives_and_quarantines_it(local: LocalCloud, orders: Orders) -> None:
    customer = uuid.uuid4().hex
    good, bad = put(
        local.cloud,
        local.deployment.stream,
        order("", customer=customer).replace('"order_id": "", ', ""),
        f'{{"customer_id": "{customer}", "amount": -1}}',
    )
    awaited(lambda: found_order(local, good))
    line = awaited(lambda: quarantined(local).get(bad))
    assert line.partition_key is None
    item = get_order(local.deployment, good)
    (kept,) = (
        one
        for one in reader.read_object(local.deployment, item["ArchiveKey"], item["ReceivedAt"])
        if one.event_id == good
    )
    assert kept.partition_key is None
    assert "no partition key" in orders("trace", good).stdout
    shown = orders("quarantine", "show", bad).stdout
    assert "partition key" in shown and "(none)" in shown
    assert json.loads(orders("quarantine", "show", bad, "--json").stdout)["partition_key"] is None
    orders("quarantine", "resubmit", bad, "--set", "amount=1")
    assert awaited(lambda: found_order(local, bad))["CustomerID"] == customer


def test_put_back_on_the_stream_it_has_the_orders_id_as_its_key(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    maker = RecordAggregator()
    maker.add_user_record("inside", order("G"))
    aggregate = maker.clear_and_get().get_contents()[2]
    *_, bad = put(cloud, "S", order("A"), aggregate, '{"customer_id": "c", "amount": -1}')
    assert [one.partition_key for one in pipe.records()] == [None, "inside", None]
    pipe.process()
    entry = quarantine.find(pipe.deployment, bad)
    (done,) = quarantine.resubmit(pipe.deployment, [entry], settings=[parse_patch("amount=1")])
    assert (done.sent, done.problem) == (True, "")
    replayed = replay(pipe.deployment, Selection(), StreamTarget(pipe.deployment))
    assert (replayed.sent, replayed.failed) == (2, 0)
    keys = [one.partition_key for one in stream.records(pipe.deployment)]
    assert keys[3:] == [bad, "A", "inside"], "one that has a key keeps it"
    pipe.process()
    report = verified(pipe, later=LATER)
    assert report.discrepancies == ()
    assert sorted(items(pipe)) == sorted(["A", "G", bad])


def test_compaction_sql_replay_trace_and_audit_take_it(
    cloud: AwsClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pipe = Pipe(cloud)
    pipe.make_function()
    records = keyless([record(number, order(f"A-{number}")) for number in range(1, 5)])
    records.append(record(5, order("A-5")))
    pipe.process(records[:2])
    pipe.process(records[2:])
    before = archived(pipe)
    assert [line.partition_key for line in before.values()] == [None] * 4 + ["key-5"]
    query = "SELECT order_id, partition_key FROM records ORDER BY order_id"
    with run_query(pipe.deployment, query, ALL_TIME) as answer:
        small = [tuple(row) for row in answer.rows()[1]]
    assert keep(pipe).compacted[0].lines == 5
    assert pipe.keys(ORDERS) == []
    assert {event: line.partition_key for event, line in archived(pipe).items()} == {
        event: line.partition_key for event, line in before.items()
    }
    with run_query(pipe.deployment, query, ALL_TIME) as answer:
        assert [tuple(row) for row in answer.rows()[1]] == small
    assert small[0] == ("A-1", None) and small[4] == ("A-5", "key-5")
    assert audit(pipe.deployment, ALL_TIME).findings == []
    cloud.dynamodb.delete_item(TableName="Orders", Key={"OrderID": {"S": "A-1"}})
    assert replay(pipe.deployment, Selection(), TableTarget(pipe.deployment)).stored == 1
    assert "no partition key" in [step.detail for step in trace(pipe.deployment, "A-1").steps]
    assert found(verified(pipe, later=LATER)) == set()


def test_a_batch_of_such_records_that_aws_gave_up_is_redriven(local: LocalCloud, orders: Orders) -> None:
    order_id = uuid.uuid4().hex
    records = keyless(given_up([order_id], b"bad"))
    place = given_up_at(local, records)
    assert f"done: {place}" in orders("dead-letters", "redrive").stdout
    assert found_order(local, order_id)
    assert quarantined(local)[records[1].event_id].partition_key is None
    assert failures_by_place(orders, "--include-done")[place]["done"]


def test_an_erasure_in_an_aggregate_without_a_key_gives_it_none(cloud: AwsClients) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    maker = RecordAggregator()
    for data in (order("G-1"), her(1, "G-2")):
        maker.add_user_record(HER if HER in data else "k", data)
    aggregate = record(1, maker.clear_and_get().get_contents()[2], at=datetime.now(UTC))
    give_up(pipe.deployment, keyless([aggregate]))
    assert erase(pipe).receipt.failed == 1
    (failure,) = pending_objects(pipe.deployment)
    assert [one["kinesis"]["partitionKey"] for one in event_records(failure)] == [None]
