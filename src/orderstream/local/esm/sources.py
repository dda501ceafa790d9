"""Lists the shards of a mapping's stream, and opens their readers: what differs by the kind of stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from orderstream.aws.clients import AwsClients
from orderstream.aws.kinesis_event import EventOrigin
from orderstream.local.esm.dynamodb_reader import DynamoDBReader, keep_records_as_json
from orderstream.local.esm.mapping import Mapping
from orderstream.local.esm.shard_reader import RecordsPage, ShardReader, parse_records_fast
from orderstream.local.esm.shards import Position, Shard
from orderstream.local.esm.subscription import Subscription


class Reader(Protocol):
    """A position in a shard, advanced by `read`.

    `most_a_call` is the highest limit of a call, `waits` whether a call itself waits for records.
    """

    most_a_call: int
    waits: bool

    def read(self, limit: int, now: float) -> RecordsPage: ...

    def close(self) -> None: ...


def open_reader(cloud: AwsClients, mapping: Mapping, shard_id: str, start: Position) -> Reader:
    """A reader of a shard of the mapping's stream."""
    if mapping.table_name:
        keep_records_as_json(cloud.dynamodb_streams)
        return DynamoDBReader(cloud.dynamodb_streams, mapping.stream_arn, shard_id, start)
    origin = EventOrigin(mapping.stream_arn, shard_id, mapping.role_arn)
    if mapping.consumer_arn:
        return Subscription(cloud.kinesis, origin, mapping.consumer_arn, start)
    parse_records_fast(cloud.kinesis)
    return ShardReader(cloud.kinesis, origin, start)


def list_shards(cloud: AwsClients, mapping: Mapping) -> list[Shard]:
    """The shards of the mapping's stream. SDK errors propagate."""
    listed = _of_table(cloud, mapping) if mapping.table_name else _of_stream(cloud, mapping)
    return [
        Shard(
            shard["ShardId"],
            tuple(
                parent
                for parent in (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                if parent
            ),
        )
        for shard in listed
    ]


def _of_stream(cloud: AwsClients, mapping: Mapping) -> Iterator[Any]:
    for page in cloud.kinesis.get_paginator("list_shards").paginate(StreamARN=mapping.stream_arn):
        yield from page["Shards"]


def _of_table(cloud: AwsClients, mapping: Mapping) -> Iterator[Any]:
    following: dict[str, str] = {}
    while True:
        found = cloud.dynamodb_streams.describe_stream(StreamArn=mapping.stream_arn, **following)
        yield from found["StreamDescription"]["Shards"]
        if not (last := found["StreamDescription"].get("LastEvaluatedShardId")):
            return
        following = {"ExclusiveStartShardId": last}
