"""`reshard`: shards are split and merged while orders come, and every order is stored all the same."""

from __future__ import annotations

import pytest

from orderstream.acceptance import delivery
from orderstream.errors import CheckFailedError
from tests.fakes import Clock
from tests.unit.acceptance.fakes import aws_of, context_on
from tests.unit.acceptance.stream import Shard, Stream


def test_orders_come_before_while_and_after_the_shards_are_split_and_merged() -> None:
    stream, clock = Stream(), Clock()
    context = context_on(clock, kinesis=stream, dynamodb=stream.table)
    assert delivery.split_and_merge(context) == [1, 2, 1]
    assert len(stream.table.items) == delivery.RESHARDED
    first, *split, merged = stream.shards
    assert len(first.orders) == 10 and len(merged.orders) == 30
    assert len(split) == 2 and sum(len(one.orders) for one in split) == 20
    # Each change is awaited until the stream is no longer at it.
    assert clock.now == 2 * context.place.poll_seconds
    assert aws_of(context).asked["update_shard_count"] == 2


def test_orders_that_nobody_reads_from_the_new_shards_fail_the_check() -> None:
    def is_of_the_split(shard: Shard) -> bool:
        return shard.id in {"shardId-000000000001", "shardId-000000000002"}

    stream = Stream(forgets=is_of_the_split)
    with pytest.raises(CheckFailedError, match="after 180 s: 20 of 60 orders are not stored"):
        delivery.split_and_merge(context_on(Clock(), kinesis=stream, dynamodb=stream.table))
