"""`reshard`: shards are split and merged while orders come, and every order is stored all the same."""

from __future__ import annotations

import pytest

from orderstream.acceptance import delivery
from orderstream.errors import CheckFailedError
from tests.fakes import Clock
from tests.unit.acceptance.fakes import aws_of, context_on
from tests.unit.acceptance.pipeline import Pipeline, Shard

ORDERS = delivery.RESHARDED


def test_orders_come_before_while_and_after_the_shards_are_split_and_merged() -> None:
    pipeline, clock = Pipeline(), Clock()
    context = context_on(clock, **pipeline.services)
    found = delivery.reshard(context)
    assert found == {"shards": [1, 2, 1], "orders": ORDERS, "records": ORDERS, "discrepancies": 0}
    assert len(pipeline.table.items) == ORDERS
    first, *split, merged = pipeline.shards
    assert len(first.records) == 10 and len(merged.records) == 30
    assert len(split) == 2 and sum(len(one.records) for one in split) == 20
    # Each change is awaited until the stream is no longer at it.
    assert clock.now == 2 * context.place.poll_seconds
    assert aws_of(context).asked["update_shard_count"] == 2


def test_orders_that_nobody_reads_from_the_new_shards_fail_the_check() -> None:
    def is_of_the_split(shard: Shard) -> bool:
        return shard.id in {"shardId-000000000001", "shardId-000000000002"}

    clock = Clock()
    with pytest.raises(CheckFailedError, match="after 180 s: 20 of 60 orders are not stored"):
        delivery.reshard(context_on(clock, **Pipeline(forgets=is_of_the_split).services))


def test_a_stream_whose_shards_do_not_change_is_awaited_and_then_fails_the_check() -> None:
    clock = Clock()
    with pytest.raises(CheckFailedError, match="after 300 s: 1 shards are open, not 2"):
        delivery.reshard(context_on(clock, **Pipeline(stays=True).services))
    assert clock.now == 300
