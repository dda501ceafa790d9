"""OrderProducer against MiniStack: orders arrive, in order for each customer, and errors are plain."""

import json
import os
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.client import DeliveryError, OrderProducer
from orderstream.local.ministack import free_port


def records_by_shard(cloud: AwsClients, stream: str) -> dict[str, list[tuple[str, str, bytes]]]:
    """Partition key, sequence number and data of every record, in the order of its shard."""
    found: dict[str, list[tuple[str, str, bytes]]] = {}
    for shard in cloud.kinesis.list_shards(StreamName=stream)["Shards"]:
        shard_id = shard["ShardId"]
        found[shard_id] = []
        iterator = cloud.kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while batch := (answer := cloud.kinesis.get_records(ShardIterator=iterator))["Records"]:
            found[shard_id] += [(r["PartitionKey"], r["SequenceNumber"], r["Data"]) for r in batch]
            iterator = answer["NextShardIterator"]
    return found


def test_thousands_of_orders_arrive_in_order_for_each_customer(cloud: AwsClients) -> None:
    cloud.kinesis.create_stream(StreamName="OrderStream", ShardCount=4)
    with OrderProducer("OrderStream", cloud.kinesis) as producer:
        futures = [
            producer.send({"customer_id": f"c{number % 137}", "amount": Decimal("250.00"), "number": number})
            for number in range(4000)
        ]
        producer.flush()
        receipts = [future.result(timeout=0) for future in futures]
    assert (producer.sent, producer.failed) == (4000, 0)
    shards = records_by_shard(cloud, "OrderStream")
    assert all(shards.values())
    numbers = defaultdict(list)
    for shard_id, records in shards.items():
        for key, sequence_number, data in records:
            assert data.startswith(b'{"customer_id":"') and b'"amount":250.00,' in data
            order = json.loads(data)
            receipt = receipts[order["number"]]
            assert (receipt.shard_id, receipt.sequence_number) == (shard_id, sequence_number)
            assert receipt.order_id == order["order_id"]
            numbers[key].append(order["number"])
    assert numbers == {f"c{customer}": list(range(customer, 4000, 137)) for customer in range(137)}


def test_large_records_fit_the_calls_that_this_cloud_takes(cloud: AwsClients) -> None:
    cloud.kinesis.create_stream(StreamName="OrderStream", ShardCount=1)
    with OrderProducer("OrderStream", cloud.kinesis) as producer:
        for number in range(15):
            producer.send_bytes(b"x" * 1_000_000, partition_key=f"{number}")
    assert producer.sent == 15


def test_an_unknown_stream_is_said_in_one_line_with_a_hint(cloud: AwsClients) -> None:
    with OrderProducer("NoSuchStream", cloud.kinesis) as producer:
        with pytest.raises(DeliveryError) as caught:
            producer.send({"customer_id": "12345", "amount": "250.00"}).result(timeout=30)
    assert "ResourceNotFoundException" in caught.value.message
    assert "NoSuchStream" in caught.value.message
    assert "\n" not in caught.value.message
    assert "name of the stream" in caught.value.hint
    assert caught.value.attempts == 1


@pytest.fixture
def environment(cloud: AwsClients, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment says where the cloud is, as in a shop's own program."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(cloud.endpoint_url))
    monkeypatch.setenv("AWS_REGION", str(cloud.region))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(cloud.access_key))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_SESSION_TOKEN", str(cloud.session_token))
    return monkeypatch


def test_without_a_client_it_makes_one_from_the_environment(
    cloud: AwsClients, environment: pytest.MonkeyPatch
) -> None:
    cloud.kinesis.create_stream(StreamName="OrderStream", ShardCount=1)
    with OrderProducer("OrderStream") as producer:
        producer.send_json(b'{"customer_id":"12345","amount":250.00}')
    assert producer.sent == 1
    ((_, _, data),) = records_by_shard(cloud, "OrderStream")["shardId-000000000000"]
    assert data.endswith(b',"customer_id":"12345","amount":250.00}')


def test_a_cloud_that_is_not_there_is_said_with_a_hint(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with OrderProducer("OrderStream", give_up_after_seconds=5) as producer:
        with pytest.raises(DeliveryError, match="Could not connect") as caught:
            producer.send({"customer_id": "12345", "amount": "250.00"}).result(timeout=30)
    assert caught.value.attempts > 1
    assert "orders up" in caught.value.hint


def test_an_environment_without_a_region_is_said_with_a_hint(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.delenv("AWS_REGION")
    environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with OrderProducer("OrderStream") as producer:
        with pytest.raises(DeliveryError, match="region") as caught:
            producer.send({"customer_id": "12345", "amount": "250.00"}).result(timeout=30)
    assert "AWS_REGION" in caught.value.hint and "region_name" in caught.value.hint
