"""The laptop's AWS starts, answers, and goes when its parent goes."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.errors import CloudError
from orderstream.local.cloud import local_cloud
from orderstream.local.ministack import MiniStack, free_port, port_is_free

TOKEN = "a secret"

_STARTS_AND_DIES = """
import os, sys
from pathlib import Path
from orderstream.local.ministack import MiniStack
MiniStack(port=int(sys.argv[1]), token='t', work_dir=Path(sys.argv[2])).start()
os.kill(os.getpid(), 9)
"""


def _await_free(port: int) -> bool:
    deadline = time.monotonic() + 20
    while not port_is_free(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    return port_is_free(port)


def test_accounts_do_not_see_each_other(ministack: MiniStack, cloud: AwsClients) -> None:
    other = replace(cloud, access_key="999999999999")
    cloud.s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert [bucket["Name"] for bucket in cloud.s3.list_buckets()["Buckets"]] == ["mine"]
    assert other.s3.list_buckets()["Buckets"] == []


def test_it_stops_when_its_parent_is_killed(tmp_path: Path) -> None:
    port = free_port()
    subprocess.run([sys.executable, "-c", _STARTS_AND_DIES, str(port), str(tmp_path)], check=False)
    assert _await_free(port)


def test_state_dir_brings_everything_back_after_a_stop(tmp_path: Path) -> None:
    def run() -> AwsClients:
        return local_cloud(stack.endpoint_url, TOKEN)

    state = tmp_path / "state"
    with MiniStack(port=free_port(), token=TOKEN, work_dir=tmp_path / "one", state_dir=state) as stack:
        run().kinesis.create_stream(StreamName="OrderStream", ShardCount=1)
        run().kinesis.put_record(StreamName="OrderStream", PartitionKey="k", Data=b"still here")
    with MiniStack(port=free_port(), token=TOKEN, work_dir=tmp_path / "two", state_dir=state) as stack:
        kinesis = run().kinesis
        shard = kinesis.list_shards(StreamName="OrderStream")["Shards"][0]["ShardId"]
        iterator = kinesis.get_shard_iterator(
            StreamName="OrderStream", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        assert [r["Data"] for r in kinesis.get_records(ShardIterator=iterator)["Records"]] == [b"still here"]


def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path, ministack: MiniStack) -> None:
    with pytest.raises(CloudError, match="already in use") as caught:
        MiniStack(port=ministack.port, token=TOKEN, work_dir=tmp_path).start()
    assert "--port" in caught.value.hint
