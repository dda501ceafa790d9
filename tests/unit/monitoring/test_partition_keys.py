"""Customers spread evenly over shards by Kinesis' ranges; one that dominates is named, and can be spread."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from orderstream.client.serialization import default_partition_key
from orderstream.monitoring.figures import Minutes
from orderstream.monitoring.shards import ShardLoads, shards_of
from tests.unit.monitoring.shards import shard_of

CUSTOMERS, SHARDS = 100_000, 32
# What chi-squared with 31 degrees of freedom exceeds once in a thousand times.
RARE = 61.1
UNTIL = 1_795_000_020


def spread(keys: Iterable[str], shards: int = SHARDS) -> list[int]:
    counts = Counter(shard_of(key, shards) for key in keys)
    return [counts[number] for number in range(shards)]


def status(counts: list[int], per_second: int) -> ShardLoads:
    """What a status says when so many records a second come, in these proportions."""
    of_all = sum(counts)
    minutes = range(UNTIL - 360, UNTIL, 60)
    figures: dict[str, tuple[Minutes, Minutes]] = {
        f"shardId-{number:012}": ({at: 60 * per_second * count / of_all for at in minutes}, {})
        for number, count in enumerate(counts)
    }
    return shards_of(list(figures), "PROVISIONED", figures, UNTIL, (1_000, 1_000_000))


@pytest.mark.parametrize("how", ["counted up", "drawn by lot"])
def test_the_default_keys_of_customers_spread_evenly(how: str) -> None:
    lot = random.Random(2026)
    ids = [f"C{n:06}" if how == "counted up" else f"{lot.getrandbits(64):x}" for n in range(CUSTOMERS)]
    counts = spread(default_partition_key(one) for one in ids)
    even = CUSTOMERS / SHARDS
    assert sum((count - even) ** 2 / even for count in counts) < RARE
    assert status(counts, 20_000).hot is None


def test_a_customer_that_dominates_is_named_by_its_shard_and_spread_by_its_order_ids() -> None:
    lot = random.Random(2026)
    customers = [
        "the large one" if lot.random() < 0.4 else f"C{lot.randrange(CUSTOMERS)}" for _ in range(50_000)
    ]
    found = status(spread(customers), 2_000)
    assert found.hot == f"shardId-{shard_of('the large one', SHARDS):012}"
    assert found.hottest[0].share > 0.4
    order_ids = (f"{lot.getrandbits(128):032x}" for _ in customers)
    assert status(spread(order_ids), 2_000).hot is None


def test_a_split_moves_no_key_of_another_shard() -> None:
    keys = [f"C{number}" for number in range(1_000)]
    assert all(shard_of(key, 4) == shard_of(key, 8) // 2 for key in keys)
