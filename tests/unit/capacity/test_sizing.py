"""The formulas of a plan, against examples calculated by hand; the arithmetic is beside each."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from orderstream.capacity.bill import baseline
from orderstream.capacity.demand import Layout, Mode
from orderstream.capacity.function import event_bytes, orders_that_fit, seconds_of
from orderstream.capacity.line_items import Bill, LineItem, bill_of
from orderstream.capacity.plan import CatchUp, catch_up, customer
from orderstream.capacity.prices import CloudWatchPrices, LambdaPrices, tiered
from orderstream.capacity.quotas import Quota, quotas
from orderstream.capacity.reference_data import FunctionFigures, ReferenceData
from orderstream.capacity.sizing import bill_in, compute_sizing
from orderstream.capacity.stream import stream_dollars
from orderstream.capacity.stream_mode import cheaper, compare
from orderstream.errors import InputError
from tests.unit.capacity.examples import plan_input, sizing


def recovery(rate: int, factor: int, **options: Any) -> CatchUp:
    return catch_up(sizing(rate, factor, **options), plan_input(rate, factor, **options))


def needed(rate: int, factor: int = 5, size: int = 800, **options: Any) -> dict[str, Quota]:
    """The quotas by the part of their names that tells them apart; the first to be exceeded comes first."""
    found = quotas(sizing(rate, factor, size, **options), plan_input(rate, factor, size, **options))
    return {one.name.removeprefix("Lambda: time for the ").split(":")[0]: one for one in found}


def paid(bill: Bill, service: str, what: str) -> Decimal:
    (entry,) = [one for one in bill.entries if one.service == service and one.what.startswith(what)]
    return entry.dollars


def near(value: Decimal, expected: str, places: int = 4) -> bool:
    return round(value, places) == round(Decimal(expected), places)


@pytest.mark.parametrize(
    ("rate", "factor", "size", "shards", "limited_by"),
    [
        # 2,000 × 5 × 1.25 / 1,000 = 12.5
        (2000, 5, 800, 13, "records"),
        # 1 × 1.25 / 1,000: there is no half a shard.
        (1, 1, 800, 1, "records"),
        # (3,000 + 16) × 1,000 × 1.25 / 1,000,000 = 3.77
        (1000, 1, 3000, 4, "bytes"),
        # (984 + 16) bytes fill a shard by both: 1,000 × 1.25 / 1,000
        (800, 1, 984, 1, "records"),
    ],
)
def test_shards_carry_the_peak_with_headroom_by_records_or_bytes(
    rate: int, factor: int, size: int, shards: int, limited_by: str
) -> None:
    stream = sizing(rate, factor, size).stream
    assert (stream.shards, stream.limited_by) == (shards, limited_by)


def test_on_demand_is_expected_to_have_twice_the_peak_and_four_shards_at_least() -> None:
    # 10,000 records/s at the peak × 2 / 1,000; 10/s need one shard, a new stream has four.
    assert sizing(2000, 5, mode="on-demand").stream.shards == 20
    assert sizing(10, mode="on-demand").stream.shards == 4


def test_shards_are_paid_by_the_hour_and_by_put_units() -> None:
    # 13 × ($0.015 + $0.02 for more than a day) × 730 h = $332.15; 2,000/s × 2,628,000 s × $0.014 a million =
    # $73.584
    given = plan_input(2000)
    assert near(stream_dollars("shards", 13, given), "405.734")
    # A day is in the price: 13 × $0.015 × 730 = $142.35. An order of 30,000 bytes is two units of 25 KB.
    day = plan_input(2000, size=30_000, retention_hours=24)
    assert near(stream_dollars("shards", 13, day), "289.518")
    # 30 days: 23 of them in long-term storage, 816 bytes × 2,000/s × 552 h × 3,600 s / 2^30 × $0.023 =
    # $69.4691
    month = plan_input(2000, retention_hours=720)
    assert near(stream_dollars("shards", 13, month), "475.2031", 2)


def test_on_demand_is_paid_by_whole_kilobytes_in_and_bytes_out() -> None:
    # $0.04 × 730 h = $29.20. 2,000/s × 2,628,000 s are 5.256e9 orders: in, of 1 KB, 5,012.512 GB × $0.08 =
    # $401.001; out, of 816 bytes, 3,994.345 GB × $0.04 = $159.774. Two more days: 816 × 2,000 × 172,800 /
    # 2^30 = 262.642 GB × $0.10 = $26.264.
    assert near(stream_dollars("on-demand", 99, plan_input(2000)), "616.2390", 2)


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        # 13 × $0.015 × 730 h = $142.35, and 3,994.345 GB × $0.013 = $51.9265
        ("shards", "194.2765"),
        # $0.05 in place of $0.04 for 3,994.345 GB
        ("on-demand", "39.9435"),
    ],
)
def test_enhanced_fan_out_has_its_price_in_either_mode(mode: Mode, more: str) -> None:
    stream = sizing(2000, 5, mode=mode).stream
    assert near(stream.fan_out_dollars, more, 2)
    fanned = sizing(2000, 5, fan_out=True, mode=mode).stream
    assert fanned.dollars - stream.dollars == stream.fan_out_dollars == fanned.fan_out_dollars


def test_an_event_holds_six_megabytes_with_base64_and_metadata() -> None:
    # 574 bytes of metadata, a comma, and 267 × 4 of base64; (6 × 1,024² - 14) / 1,643 = 3,829.2
    assert event_bytes(plan_input(1)) == 1643
    assert orders_that_fit(plan_input(1)) == 3829
    assert orders_that_fit(plan_input(1, size=409_600)) == 11


@pytest.mark.parametrize(
    ("layout", "seconds", "lanes"),
    [
        # Processor: 4 + 1,000 × (46.7 + 0.066 × 800) µs = 103.5 ms, × 1,769 / 1,024 = 178.800; a PUT of 20
        # ms; 40 calls, 5 at a time, are 8 × 5 ms. A lane does 1,000 / (0.2388 + 0.02) s = 3,864 orders/s, a
        # shard takes in 1,000: one is enough.
        ("batch", "0.2388003", 1),
        # And 1,000 × 0.9 ms more: 1,003.5 × 1.727539 = 1,733.585; 200 × 20 ms of PUTs in 5 threads. A lane
        # does 1,000 / 5.7936 s = 172.6: six.
        ("order", "5.7735854", 6),
    ],
)
def test_a_batch_takes_its_processor_time_and_its_waits_and_lanes_are_as_many_as_a_shard_needs(
    layout: Layout, seconds: str, lanes: int
) -> None:
    assert near(seconds_of(Decimal(1000), plan_input(1, layout=layout)), seconds, 6)
    assert sizing(2000, 5, layout=layout).function.parallelization_factor == lanes


def test_a_batch_has_what_comes_within_the_window_and_half_a_poll() -> None:
    # 2,000/s on 13 lanes are 153.846 a second: 1 + 153.846 × (1 + 0.5)
    function = sizing(2000, 5).function
    assert near(function.average.orders, "231.7692")
    # 8.629 batches/s of 0.07672 s each
    assert near(function.average.batches_per_second, "8.6293")
    assert near(function.average.running, "0.6620", 3)
    # Without a window it is what a poll brings: 1 + 153.846; at the peak no more than BatchSize.
    at_once = sizing(2000, 5, window_seconds=0).function
    assert near(at_once.average.orders, "154.8462")
    assert function.peak.orders == function.batch_size == 1000


def test_where_ten_lanes_do_less_than_a_shard_takes_in_there_are_more_shards() -> None:
    slow = ReferenceData(function=FunctionFigures(table_ms=Decimal(2000)))
    found = compute_sizing("shards", replace(plan_input(2000, 5), figures=slow))
    assert found.stream.limited_by == "lanes"
    assert found.function.lanes * found.function.lane_rate >= 10_000 * Decimal("1.25")


def test_the_table_takes_a_unit_a_kilobyte_the_index_as_many_and_is_warmed_beyond_a_new_one() -> None:
    # 495 + 0.18 × 800 = 639 bytes: one unit, two billed; 1,025 bytes: two and four.
    table = sizing(2000, 5).table
    assert (table.item_bytes, table.units_per_order, table.billed_units_per_order) == (639, 1, 2)
    large = sizing(2000, 5, item_size=1025).table
    assert (large.units_per_order, large.billed_units_per_order) == (2, 4)
    assert sizing(2000, 5, has_index=False).table.billed_units_per_order == 1
    # 10,000 units/s × 1.25; (12,500 - 4,000) × 3 × $0.00065: the table of events is warmed too
    assert (table.warm_units, table.partitions) == (12_500, 10)
    assert table.warm_dollars == Decimal("16.575")
    assert sizing(800, 5).table.warm_units == 0


@pytest.mark.parametrize(
    ("rate", "factor", "options", "most", "limited_by"),
    [
        # 1,000 records/s of a shard, 1,000 units/s of a partition; with items of two units 500.
        (2000, 5, {}, "1000", "shard"),
        (2000, 5, {"item_size": 1025}, "500", "partition of the index"),
        # 1,000,000 / (100,000 + 16) bytes
        (10, 1, {"size": 100_000}, "9.9984", "shard"),
    ],
)
def test_one_customer_has_what_a_shard_a_lane_and_a_partition_of_the_index_take(
    rate: int, factor: int, options: dict[str, Any], most: str, limited_by: str
) -> None:
    found = customer(sizing(rate, factor, **options), plan_input(rate, factor, **options))
    assert near(found.orders_per_second, most) and found.limited_by == limited_by
    assert found.share == min(1, found.orders_per_second / (rate * factor))


def test_catching_up_takes_the_backlog_by_what_is_to_spare() -> None:
    # 3,600 s × 2,000 = 7.2 million; 13 lanes do 50,232/s, 13 shards give 26,000/s, the table takes twice the
    # peak: 7.2e6 / (20,000 - 2,000) = 400 s
    after = recovery(2000, 5)
    assert (after.backlog, after.seconds) == (Decimal(7_200_000), Decimal(400))
    assert after.limited_by == "table"
    # One shard gives 2,000/s (its 2 MB/s would be 2,450): 360,000 / 1,900
    small = recovery(100, 5)
    assert small.limited_by == "shard reads"
    assert near(small.seconds or Decimal(0), "189.4737")
    # 2,000 / 4 = 500/s of one shard, unless with fan-out
    assert recovery(100, 5, consumers=4).reads == 500
    assert recovery(100, 5, consumers=4, fan_out=True).reads == 2000
    # Three shards give 2,000 records/s each to five readers: 1,200 are more than 1,000, but not with two.
    assert recovery(1000, 2, consumers=5).reads == 1200
    assert recovery(1000, 1, consumers=5, headroom=Decimal(0)).seconds is None


def test_the_archive_has_an_object_a_batch_or_an_order() -> None:
    # 8.6293 batches/s × 2,628,000; of 400 + 231.769 × (17 + 0.236 × 800) bytes
    archive = sizing(2000, 5).archive
    assert near(archive.objects / 1_000_000, "22.6777", 2)
    assert near(archive.object_bytes, "48098.1", 0)
    one_each = sizing(2000, 5, layout="order").archive
    assert one_each.objects == 2000 * 2_628_000
    assert one_each.object_bytes == 992


def test_the_bill_has_every_service() -> None:
    bill = sizing(2000, 5).bill
    # 5.256e9 orders × 2 units × $0.625 a million
    assert paid(bill, "DynamoDB", "writes") == Decimal("6570.00")
    # (639 + 100) bytes × 5.256e9 / 2^30 = 3,617.428 GB; twice with the index × $0.25, once × $0.20
    assert paid(bill, "DynamoDB", "storage") == Decimal("1808.71")
    assert paid(bill, "DynamoDB", "point-in-time") == Decimal("723.49")
    # 22,677,730 × $0.005 a thousand
    assert abs(paid(bill, "S3", "PUT") - Decimal("113.39")) < Decimal("0.02")
    # 22,677,730 × (1,850 + 400) bytes / 2^30 = 47.521 GB × ($0.50 + 0.15 × $0.03)
    assert abs(paid(bill, "CloudWatch", "logs") - Decimal("23.97")) < Decimal("0.02")
    # 10 of the function and 6 of the mapping × $0.30; 2 of each of 13 shards
    assert paid(bill, "CloudWatch", "metrics") == Decimal("4.80")
    # 34 × $0.10, 2 × $0.50, $3
    assert paid(bill, "CloudWatch", "alarms") == Decimal("7.40")
    assert paid(bill, "CloudWatch", "shard metrics") == Decimal("7.80")
    # 0.6620 at a time × 2,628,000 s × 1 GB × $0.0000133334
    assert abs(paid(bill, "Lambda", "duration") - Decimal("23.20")) < Decimal("0.03")
    assert bill.total == sum(entry.dollars for entry in bill.entries) == sum(bill.services.values())
    # Months that are kept are paid again.
    year = bill_in(12, sizing(2000, 5), plan_input(2000, 5))
    assert abs(paid(year, "DynamoDB", "storage") - 12 * paid(bill, "DynamoDB", "storage")) < Decimal("0.1")
    assert paid(year, "S3", "PUT") == paid(bill, "S3", "PUT")


def test_the_tutorials_way_pays_a_put_and_a_wait_for_every_order() -> None:
    found = sizing(2000, 5)
    bill = baseline(found.stream, found.table, plan_input(2000, 5))
    # 5.256e9 × $0.005 a thousand
    assert paid(bill, "S3", "PUT") == Decimal("26280.00")
    # 5 + 20 + 3.9 × 1,769 / 1,024 = 31.7374 ms an order × 5.256e9 × 1 GB × $0.0000133334
    assert abs(paid(bill, "Lambda", "duration") - Decimal("2224.17")) < Decimal("0.05")
    # 100 / (3.17374 + 0.02) s = 31.311/s a lane, 12,500 / 313.11 = 39.92: forty shards instead of thirteen
    # 40 × $0.035 × 730 + $73.584
    assert paid(bill, "Kinesis", "stream") == Decimal("1095.58")


def test_large_amounts_cost_less_by_tier() -> None:
    # 7.5e9 × $0.0000133334 + 11.25e9 × $0.0000120001 + 1.25e9 × $0.0000106667
    assert near(tiered(Decimal(20_000_000_000), LambdaPrices().gb_second_tiers), "248335.0", 0)
    # What Duckbill reckoned for 60 TB of Lambda's logs: $5,000 + $5,000 + $2,000 + $500, of thousands of GB
    # each.
    tiers = tuple((begin / 1024 * 1000, each) for begin, each in CloudWatchPrices().log_gb_tiers)
    assert tiered(Decimal(60_000), tiers) == 12_500
    assert tiered(Decimal(0), tiers) == 0


def test_the_maintenance_of_the_archive_and_what_it_replaced_have_their_price() -> None:
    plain, sealed, kept = (sizing(2000, 5, maintenance=kind) for kind in ("none", "seal", "compact"))
    assert not [one for one in plain.bill.entries if "maintenance" in one.what or "old versions" in one.what]
    # 31,065 objects an hour × 4.9 ms + 7,200,000 orders × 43 µs + 3 s = 464.8 s × 730 × 2 GB × $0.0000133334
    assert abs(kept.archive.maintenance_seconds - Decimal("464.8")) < Decimal("0.5")
    assert abs(paid(kept.bill, "Lambda", "maintenance") - Decimal("9.05")) < Decimal("0.02")
    # 22,677,730 objects × 2 × $0.0004 a thousand
    assert abs(paid(kept.bill, "S3", "GET") - Decimal("18.14")) < Decimal("0.02")
    # A month's archive for 30 of 30.4 days, beside the Parquet instead of the objects.
    old = plain.archive.gb * 720 / 730 * Decimal("0.023")
    assert abs(paid(kept.bill, "S3", "old versions, 30 days") - old) < Decimal("0.01")
    assert paid(kept.bill, "S3", "storage") < paid(plain.bill, "S3", "storage")
    # To seal replaces nothing.
    assert sealed.archive.old_gb == 0 < sealed.archive.maintenance_seconds
    assert not [one for one in sealed.bill.entries if "old versions" in one.what]


def test_a_bill_adds_up_to_the_cent_of_what_is_shown() -> None:
    bill = bill_of([LineItem("S3", "a", Decimal("0.005")), LineItem("S3", "b", Decimal("0.005"))])
    assert bill.total == bill.services["S3"] == Decimal("0.02")
    assert not bill_of([LineItem("S3", "nothing", Decimal(0))]).entries


def test_the_table_breaks_first_and_at_which_rate() -> None:
    name, first = next(iter(needed(2000).items()))
    # 40,000 units/s / 5 times the average
    assert name == "DynamoDB" and near(first.breaks_at or Decimal(0), "8000", 1)
    assert (first.is_exceeded, first.ask) == (False, 0)


def test_a_million_orders_a_second_name_all_that_is_to_ask_for() -> None:
    found = needed(1_000_000, mode="shards", maintenance="compact")
    # 5,000,000 × 1.25 units/s; 5,000,000 × 1.25 / 1,000 shards with a lane each
    assert (found["DynamoDB"].ask, found["Lambda"].ask) == (6_250_000, 6250)
    assert (found["Kinesis"].needed, found["Kinesis"].ask) == (Decimal(6250), 0)
    # 6,250 lanes with a PUT in somewhat less than a second at the peak: no quota, so a remedy.
    assert found["S3"].is_exceeded and not found["S3"].can_be_raised and found["S3"].ask == 0
    assert "BatchWindowSeconds" in found["S3"].remedy
    # Maintenance that takes longer than it may is a limit, where there is any.
    maintenance = "maintenance of an hour"
    assert found[maintenance].is_exceeded and not needed(100, maintenance="compact")[maintenance].is_exceeded
    assert maintenance not in needed(100)


def test_ten_gigabytes_a_second_are_planned_and_more_is_too_much_for_one_on_demand_stream() -> None:
    # 99,000 orders/s of (100,000 + 16) bytes, and 101,000
    for rate, is_exceeded in ((99_000, False), (101_000, True)):
        kinesis = needed(rate, 1, 100_000, mode="on-demand")["Kinesis"]
        assert kinesis.is_exceeded == is_exceeded
        assert not kinesis.can_be_raised
    # 100,000 / s × 100,016 bytes × 1.25 / 1,000,000
    assert sizing(100_000, 1, 100_000).stream.shards == 12_502


def test_the_crossover_is_where_the_cheaper_mode_changes() -> None:
    def mode_at(rate: Decimal, factor: Decimal = Decimal(20)) -> Mode:
        return cheaper(plan_input(rate, factor))

    found = compare(plan_input(2000, 20))
    assert found.first and found.last and found.peak_factor
    assert mode_at(found.first * Decimal("0.9999")) == found.low != mode_at(found.first * Decimal("1.0001"))
    assert mode_at(found.last * Decimal("0.9999")) != found.high == mode_at(found.last * Decimal("1.0001"))
    assert {mode_at(found.last * times) for times in (2, 10, 1000)} == {found.high}
    assert {mode_at(found.first / times) for times in (2, 10, 1000)} == {found.low}
    rate = Decimal(2000)
    assert mode_at(rate, found.peak_factor * Decimal("0.999")) == "shards"
    assert mode_at(rate, found.peak_factor * Decimal("1.001")) == "on-demand"


def test_where_one_mode_is_always_cheaper_there_is_no_crossover() -> None:
    found = compare(plan_input(2000, 5))
    assert found.first is found.last is None
    assert (
        {cheaper(plan_input(rate, 5)) for rate in (1, 10, 100, 5000, 100_000)} == {found.low} == {found.high}
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"rate": 0},
        {"rate": 100_000_001},
        {"factor": "0.999"},
        {"factor": 100_000_000},
        {"size": 0},
        {"size": 409_601},
        {"item_size": 0},
        {"item_size": 409_601},
        {"retention_hours": 100},
        {"window_seconds": -1},
        {"window_seconds": 301},
        {"consumers": 0},
        {"consumers": 6},
        {"months": 0},
        {"outage_hours": Decimal(-1)},
        {"headroom": Decimal("-0.01")},
    ],
    ids=str,
)
def test_what_cannot_be_planned_is_refused_with_a_hint(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="cannot be planned") as caught:
        plan_input(**({"rate": 10} | changes))
    assert caught.value.hint
