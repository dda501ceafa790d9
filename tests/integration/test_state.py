"""The state of the local cloud survives a kill: what is saved is whole, and nothing is ahead of it."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.errors import DamagedError
from orderstream.local.ministack import MiniStack, free_port
from tests.integration.conftest import awaited

pytestmark = pytest.mark.system


def cloud_of(ministack: MiniStack) -> AwsClients:
    return AwsClients(
        ministack.endpoint_url,
        region="us-east-1",
        access_key="000000000001",
        secret_key="test",
        session_token=ministack.token,
    )


class Place:
    """A state folder, and what its MiniStacks said of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "ministack"
        self.snapshot = self.state / "snapshot.json"
        self.checkpoints = folder / "checkpoints.json"
        self.problems: list[str] = []
        self.progress: list[str] = []

    def ministack(self) -> MiniStack:
        return MiniStack(
            port=free_port(),
            token="token",
            work_dir=self.folder / "work",
            state_dir=self.folder,
            problem=self.problems.append,
            progress=self.progress.append,
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def kill(ministack: MiniStack) -> None:
    assert ministack.pid
    os.kill(ministack.pid, signal.SIGKILL)
    ministack.stop()


def sequence_numbers(cloud: AwsClients) -> Iterator[str]:
    for shard in cloud.kinesis.list_shards(StreamName="S")["Shards"]:
        iterator = cloud.kinesis.get_shard_iterator(
            StreamName="S", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for record in cloud.kinesis.get_records(ShardIterator=iterator)["Records"]:
            yield record["SequenceNumber"]


def put_some(cloud: AwsClients, count: int) -> list[str]:
    """Records in one call of each kind; their sequence numbers."""
    one = cloud.kinesis.put_record(StreamName="S", PartitionKey="one", Data=b"alone")
    if not count:
        return [one["SequenceNumber"]]
    entries = [{"PartitionKey": str(number), "Data": b"x"} for number in range(count)]
    answer = cloud.kinesis.put_records(StreamName="S", Records=entries)  # type: ignore[arg-type]
    return [one["SequenceNumber"], *(record["SequenceNumber"] for record in answer["Records"])]


def test_a_kill_loses_no_acknowledged_record(place: Place) -> None:
    with place.ministack() as first:
        cloud_of(first).kinesis.create_stream(StreamName="S", ShardCount=2)
        first.save()
        acknowledged = put_some(cloud_of(first), 200)
        for path in [place.state, *place.state.rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, "it is the user's own"
        kill(first)
    with place.ministack() as second:
        assert sorted(sequence_numbers(cloud_of(second))) == sorted(acknowledged)
        acknowledged += put_some(cloud_of(second), 5)
        kill(second)
    with place.ministack() as third:
        assert sorted(sequence_numbers(cloud_of(third))) == sorted(acknowledged)
    assert not list(place.state.glob("records-*")), "a stop saves all, and needs no journal"


def test_a_kill_loses_no_acknowledged_write_to_a_table_with_a_stream_and_no_record_of_it(
    place: Place,
) -> None:
    with place.ministack() as first:
        dynamodb = cloud_of(first).dynamodb
        dynamodb.create_table(
            TableName="Orders",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        change(first, "INSERT INTO \"Orders\" VALUE {'id': 'a', 'n': 1}")
        change(first, "INSERT INTO \"Orders\" VALUE {'id': 'b', 'n': 1}")
        first.save()
        change(first, "UPDATE \"Orders\" SET n = 2 WHERE id = 'a'")
        change(first, "DELETE FROM \"Orders\" WHERE id = 'b'")
        dynamodb.put_item(TableName="Orders", Item={"id": {"S": "c"}, "n": {"N": "1"}})
        before = changes(first)
        kill(first)
    with place.ministack() as second:
        items = cloud_of(second).dynamodb.scan(TableName="Orders")["Items"]
        assert sorted((item["id"]["S"], item["n"]["N"]) for item in items) == [("a", "2"), ("c", "1")]
        assert changes(second) == before
        assert [name for name, _ in before] == ["INSERT", "INSERT", "MODIFY", "REMOVE", "INSERT"]
        change(second, "UPDATE \"Orders\" SET n = 3 WHERE id = 'a'")
        after = changes(second)
    numbers = [number for _, number in after]
    assert len(numbers) == 6 and numbers == sorted(set(numbers))
    with place.ministack() as third:
        assert changes(third) == after


def change(ministack: MiniStack, statement: str) -> None:
    cloud_of(ministack).dynamodb.execute_statement(Statement=statement)


def changes(ministack: MiniStack) -> list[tuple[str, int]]:
    """The event names and sequence numbers of the table's stream."""
    streams = cloud_of(ministack).client("dynamodbstreams")
    ((arn, shard),) = (
        (stream["StreamArn"], shard["ShardId"])
        for stream in streams.list_streams()["Streams"]
        for shard in streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    )
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    return [(one["eventName"], int(one["dynamodb"]["SequenceNumber"])) for one in records]


def test_what_was_saved_comes_back_as_it_was_at_one_moment(place: Place) -> None:
    with place.ministack() as first:
        cloud = cloud_of(first)
        cloud.s3.create_bucket(Bucket="before")
        cloud.s3.put_object(Bucket="before", Key="a", Body=b"x")
        place.checkpoints.write_text('{"mapping": {"shard": "1"}}')
        first.save()
        # Later than what is saved: the checkpoints, and a bucket whose stack nobody would know.
        place.checkpoints.write_text('{"mapping": {"shard": "2"}}')
        saved = place.snapshot.read_bytes()
        cloud.s3.create_bucket(Bucket="after")
        cloud.s3.put_object(Bucket="after", Key="a", Body=b"x")
        kill(first)
        # As if it had been killed before the next snapshot, however slow this test is.
        place.snapshot.write_bytes(saved)
    with place.ministack() as second:
        assert [one["Name"] for one in cloud_of(second).s3.list_buckets()["Buckets"]] == ["before"]
        assert place.checkpoints.read_text() == '{"mapping": {"shard": "1"}}'
        kill(second)
    assert place.problems == ["bucket after was made after the last save, and is removed"]


def test_changes_are_saved_by_themselves_and_a_kill_before_that_leaves_an_empty_state(place: Place) -> None:
    with place.ministack() as first:
        cloud_of(first).s3.create_bucket(Bucket="orders")
        cloud_of(first).s3.put_object(Bucket="orders", Key="a", Body=b"x")
        place.checkpoints.write_text('{"mapping": {"shard": "1"}}')
        awaited(lambda: place.snapshot.exists() and b"'orders'" in place.snapshot.read_bytes())
        kill(first)
        place.snapshot.unlink()
    with place.ministack() as second:
        assert cloud_of(second).s3.list_buckets()["Buckets"] == []
        assert not place.checkpoints.exists()
        kill(second)


def test_a_full_disk_is_one_line_and_keeps_the_last_snapshot_until_there_is_room_again(place: Place) -> None:
    with place.ministack() as first:
        cloud = cloud_of(first)
        cloud.kinesis.create_stream(StreamName="S", ShardCount=1)
        cloud.s3.create_bucket(Bucket="orders")
        first.save()
        assert first.pid
        unlimited = resource.prlimit(first.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(first.pid, resource.RLIMIT_FSIZE, (4096, unlimited[1]))
        acknowledged = put_some(cloud, 100)
        cloud.s3.put_object(Bucket="orders", Key="large", Body=bytes(10_000))
        awaited(lambda: place.problems)
        acknowledged += put_some(cloud, 100)
        assert cloud.s3.get_object(Bucket="orders", Key="large")["Body"].read() == bytes(10_000)
        resource.prlimit(first.pid, resource.RLIMIT_FSIZE, unlimited)
        awaited(lambda: place.progress)
        kill(first)
    (problem,) = place.problems
    assert problem.startswith(f"the state cannot be saved in {place.folder}: File too large. Orders go on")
    assert place.progress == ["the state is saved again, all of it"]
    with place.ministack() as second:
        assert sorted(sequence_numbers(cloud_of(second))) == sorted(acknowledged)
        body = cloud_of(second).s3.get_object(Bucket="orders", Key="large")["Body"].read()
        assert body == bytes(10_000)
        # Full again, and stopped: what was saved last stays.
        second.save()
        saved = place.snapshot.read_bytes()
        assert second.pid
        resource.prlimit(second.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    assert place.snapshot.read_bytes() == saved
    assert [file.name for file in place.state.glob("*.new")] == []
    assert any("the last save failed" in problem and " UTC" in problem for problem in place.problems)


@pytest.mark.parametrize(
    "services",
    # What the state folder refuses, and what a service of MiniStack does.
    [None, {"lambda": {"__ministack_format__": 1, "payload": {"functions": {"f": 5}}}}],
)
def test_a_snapshot_that_cannot_be_used_is_one_line_and_a_hint_and_is_left_alone(
    place: Place, services: object
) -> None:
    place.state.mkdir()
    damaged = json.dumps({"format": 1, "number": 3, "checkpoints": None, "services": services})
    place.snapshot.write_text(damaged)
    with pytest.raises(DamagedError, match="cannot be read") as caught:
        place.ministack().start()
    assert "\n" not in caught.value.message and str(place.state) in caught.value.message
    assert "--state-dir" in caught.value.hint
    assert place.snapshot.read_text() == damaged


def test_sequence_numbers_go_on_from_those_restored_also_when_the_clock_was_set_back(place: Place) -> None:
    with place.ministack() as first:
        cloud_of(first).kinesis.create_stream(StreamName="S", ShardCount=1)
        (number, *_) = put_some(cloud_of(first), 0)
    ahead = f"{int(number[:20]) + 86_400_000:020d}{number[20:]}"
    place.snapshot.write_text(place.snapshot.read_text().replace(number, ahead))
    with place.ministack() as second:
        (later, *_) = put_some(cloud_of(second), 0)
        assert later > ahead
        assert list(sequence_numbers(cloud_of(second))) == [ahead, later]
        kill(second)
