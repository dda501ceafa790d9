"""The layout of the buckets, spelled out: every key that is built, and how it is read again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from orderstream.domain import object_keys as keys

HOUR = datetime(2026, 11, 22, 18, tzinfo=UTC)
FOLDER = "year=2026/month=11/day=22/hour=18/"
LATE = datetime(2026, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-1)))

KEYS = {
    keys.batch_key(keys.QUARANTINE, HOUR, "shardId-1", ["10", "11", "29"], ["a", "b", "c"]): (
        f"quarantine/{FOLDER}shardId-1-10-29-080492c2.ndjson.gz"
    ),
    keys.order_key("A/1 #2"): "orders/A%2F1%20%232.json",
    keys.compacted_key(HOUR, 12, "0123456789abcdef" * 4): f"compacted/{FOLDER}12-0123456789abcdef.parquet",
    keys.notes_key(HOUR, "0" * 32): f"resubmitted/{FOLDER}{'0' * 32}.ndjson",
    keys.tombstone_key(HOUR, f"{'0' * 32}-1"): f"erasures/{FOLDER}{'0' * 32}-1.txt",
    keys.manifest_key(7, "2026-11-22T18", "sealed"): "manifests/0000000007-2026-11-22T18-sealed.json",
    keys.manifest_key(8, "", "erasure"): "manifests/0000000008-erasure.json",
    keys.discarded_key("mapping", "shardId-1", HOUR, "uuid"): (
        "aws/lambda/mapping/shardId-1/2026/11/22/2026-11-22T18.00.00-uuid"
    ),
    keys.marker_key("aws/lambda/x"): "redriven/aws/lambda/x",
    keys.LEASE_KEY: "locks/archive.json",
}


@pytest.mark.parametrize(("key", "expected"), KEYS.items(), ids=KEYS.values())
def test_every_object_has_the_key_that_the_documentation_gives_it(key: str, expected: str) -> None:
    assert key == expected


def test_objects_are_filed_by_the_hour_of_arrival_in_utc() -> None:
    assert keys.hour_of(LATE) == datetime(2027, 1, 1, 0, tzinfo=UTC)
    key = keys.batch_key(keys.ORDERS, LATE, "shardId-000000000001", ["10", "11", "29"], ["a", "b", "c"])
    folder, name = key.rsplit("/", 1)
    assert folder == "orders/year=2027/month=01/day=01/hour=00"
    assert re.fullmatch(r"shardId-000000000001-10-29-[0-9a-f]{8}\.ndjson\.gz", name)


def test_the_same_records_are_one_object_and_others_between_the_same_two_are_another() -> None:
    def key(*numbers: str) -> str:
        return keys.batch_key(keys.ORDERS, HOUR, "s", numbers, numbers)

    assert key("10", "11", "29") == key("10", "11", "29") != key("10", "29")


@pytest.mark.parametrize("prefix", keys.HOURLY)
def test_the_hours_of_a_prefix_sort_by_time_below_the_years(prefix: str) -> None:
    hours = [HOUR + timedelta(hours=number) for number in (0, 1, 6, 200, 2000)]
    prefixes = [keys.hour_prefix(prefix, hour) for hour in hours]
    assert prefixes == sorted(prefixes)
    assert all(one.startswith(keys.years_prefix(prefix)) for one in prefixes)


def test_an_hour_is_read_from_the_key_of_every_object_that_has_one() -> None:
    hourly = [key for key in KEYS if FOLDER in key]
    assert {keys.prefix_of(key) for key in hourly} == set(keys.HOURLY) - {keys.ORDERS}
    assert {keys.hour_of_key(key) for key in hourly} == {HOUR}
    assert [key for key in KEYS if keys.is_hourly(key)] == hourly
    with pytest.raises(ValueError, match="not an object of an hour"):
        keys.hour_of_key(keys.order_key("A"))


@pytest.mark.parametrize(
    "key",
    [
        f"orders/{FOLDER}evil.gz",
        f"orders/{FOLDER}deeper/s-1-4-00000000.ndjson.gz",
        f"orders/{FOLDER}s-one-four-00000000.ndjson.gz",
        f"else/{FOLDER}s-1-4-00000000.ndjson.gz",
        "orders/year=9999/month=12/day=31/hour=23/s-1-4-00000000.ndjson.gz",
        "orders/year=2026/month=13/day=22/hour=12/s-1-4-00000000.ndjson.gz",
        "orders/year=2026/month=11/day=22/s-1-4-00000000.ndjson.gz",
        "orders",
        "",
    ],
)
def test_a_key_that_is_not_written_has_no_hour(key: str) -> None:
    assert not keys.is_hourly(key)


def test_a_key_leads_to_its_hour_and_to_the_same_hour_under_another_prefix() -> None:
    batch = keys.batch_key(keys.ORDERS, HOUR, "shardId-1", ["10", "29"], [])
    assert keys.hour_prefix_of(batch) == keys.hour_prefix(keys.ORDERS, HOUR)
    assert keys.hour_prefix_of(batch, keys.COMPACTED) == keys.hour_prefix(keys.COMPACTED, HOUR)


def test_what_a_key_says_is_read_from_it() -> None:
    batch = keys.batch_key(keys.ORDERS, HOUR, "shardId-1", ["10", "11", "29"], [])
    compacted = keys.compacted_key(HOUR, 12, "0" * 64)
    assert keys.shard_range(batch) == ("shardId-1", "10", "29")
    assert keys.lines_in(compacted) == 12
    kinds = [(keys.is_single(key), keys.is_batch(key), keys.is_compacted(key)) for key in (batch, compacted)]
    assert kinds == [(False, True, False), (False, False, True)]
    assert keys.is_single(keys.order_key("A")) and not keys.is_batch(keys.order_key("A"))
    assert keys.key_of_marked(keys.marker_key("aws/lambda/x")) == "aws/lambda/x"


@pytest.mark.parametrize("name", [(7, "2026-11-22T18", "sealed"), (8, "", "erasure")])
def test_a_manifest_is_named_by_its_number_hour_and_act(name: tuple[int, str, str]) -> None:
    assert keys.manifest_of_key(keys.manifest_key(*name)) == name


def test_no_other_object_is_a_manifest() -> None:
    for key in ("manifests/readme", "manifests/7-sealed.json", "manifests/0000000007-2026-sealed.json"):
        assert keys.manifest_of_key(key) is None


def test_the_shard_and_the_time_of_a_discarded_batch_are_in_its_key() -> None:
    at = datetime(2026, 11, 22, 18, 30, 7, tzinfo=UTC)
    unique = "0f4bc5b0-2b4a-4d6e-8a4e-1d0f3d5a9c11"
    key = keys.discarded_key("mapping", "shardId-1", at, unique)
    assert keys.discarded(key) == ("shardId-1", at)
    assert keys.discarded(key.replace("T18.", "T99.")) is None
    assert keys.discarded(keys.DISCARDED + "x") is None


@pytest.mark.parametrize("order_id", ["A-1", "a/b?c#d", "100%", "%41"])
def test_the_key_of_an_order_has_its_id(order_id: str) -> None:
    assert keys.order_id_in(keys.order_key(order_id)) == order_id
