"""What holds for every plan, whatever the traffic: more is never less."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from orderstream.aws.pricing import reference_data
from orderstream.capacity.demand import MOST_ORDERS_A_SECOND, RETENTION_HOURS, Demand, Mode, Options
from orderstream.capacity.plan import parameters
from orderstream.capacity.quotas import quotas
from orderstream.capacity.recovery import catch_up
from orderstream.capacity.sizing import Sizing, compute_sizing
from orderstream.capacity.stream_mode import cheaper

FIGURES = reference_data()

RATES = st.decimals(min_value="0.01", max_value=200_000, places=2)
FACTORS = st.decimals(min_value=1, max_value=50, places=1)
SIZES = st.integers(1, 409_600)
MODES = st.sampled_from(["shards", "on-demand"])
CHOICES = st.builds(
    Options,
    retention_hours=st.sampled_from(RETENTION_HOURS),
    layout=st.sampled_from(["batch", "order"]),
    has_index=st.booleans(),
    window_seconds=st.integers(0, 300),
    fan_out=st.booleans(),
    maintenance=st.sampled_from(["none", "seal", "compact"]),
    shard_metrics=st.booleans(),
    consumers=st.integers(1, 5),
    headroom=st.sampled_from([Decimal(0), Decimal("0.25"), Decimal(1)]),
)


def of(mode: Mode, rate: Decimal, factor: Decimal, size: int, choices: Options) -> Sizing:
    return compute_sizing(mode, Demand(rate, rate * factor, size), choices, FIGURES)


@settings(deadline=None)
@given(MODES, RATES, FACTORS, SIZES, CHOICES, st.decimals(min_value=1, max_value=10, places=3))
def test_more_orders_never_have_fewer_shards_lanes_or_a_smaller_bill(
    mode: Mode, rate: Decimal, factor: Decimal, size: int, choices: Options, times: Decimal
) -> None:
    less = of(mode, rate, factor, size, choices)
    more = of(mode, rate * times, factor, size, choices)
    assert more.stream.shards >= less.stream.shards
    assert more.function.lanes >= less.function.lanes
    assert more.table.peak_units >= less.table.peak_units
    assert more.bill.total >= less.bill.total


@settings(deadline=None)
@given(RATES, FACTORS, SIZES, CHOICES, st.decimals(min_value=1, max_value=10, places=3))
def test_more_orders_never_make_a_smaller_bill_when_the_mode_is_chosen_either(
    rate: Decimal, factor: Decimal, size: int, choices: Options, times: Decimal
) -> None:
    bills = []
    for orders in (rate, rate * times):
        mode = cheaper(Demand(orders, orders * factor, size), choices, FIGURES)
        bills.append(of(mode, orders, factor, size, choices).bill.total)
    assert bills[0] <= bills[1]


@settings(deadline=None)
@given(RATES, FACTORS, FACTORS, SIZES, CHOICES)
def test_a_higher_peak_never_has_fewer_shards(
    rate: Decimal, factor: Decimal, more: Decimal, size: int, choices: Options
) -> None:
    low, high = sorted((factor, more))
    assert of("shards", rate, low, size, choices).stream.shards <= (
        of("shards", rate, high, size, choices).stream.shards
    )


@settings(deadline=None)
@given(MODES, RATES, FACTORS, SIZES, CHOICES)
def test_every_setting_is_within_the_bounds_of_aws_and_carries_the_peak(
    mode: Mode, rate: Decimal, factor: Decimal, size: int, choices: Options
) -> None:
    found = of(mode, rate, factor, size, choices)
    function, stream = found.function, found.stream
    assert 1 <= function.batch_size <= min(10_000, function.orders_that_fit)
    assert 1 <= function.parallelization_factor <= 10
    assert function.average.orders <= function.batch_size
    assert (
        function.average.seconds <= function.peak.seconds <= 15 + Decimal("0.001") or function.batch_size == 1
    )
    if mode == "shards":
        demand = Demand(rate, rate * factor, size)
        assert function.lanes * function.lane_rate >= demand.peak * Decimal("0.999")
        assert stream.shards * 1000 >= demand.peak
        assert stream.shards * 1_000_000 >= demand.peak * size
    assert found.bill.total > 0
    assert all(entry.dollars >= 0 for entry in found.bill.entries)


@settings(max_examples=25, deadline=None)
@given(MODES, RATES, FACTORS, st.integers(1, 20_000), CHOICES)
def test_a_quota_is_enough_below_the_rate_at_which_it_breaks_and_not_above(
    mode: Mode, rate: Decimal, factor: Decimal, size: int, choices: Options
) -> None:
    demand = Demand(rate, rate * factor, size)
    found = quotas(of(mode, rate, factor, size, choices), demand, choices, FIGURES)
    known = [one.breaks_at for one in found if one.breaks_at is not None]
    assert known == sorted(known)
    for one in found:
        assert one.is_exceeded == (one.breaks_at is not None and one.breaks_at < rate)
        assert one.ask == 0 or one.ask >= one.needed
        if one.is_exceeded and one.can_be_raised:
            assert one.ask > one.limit
        if one.breaks_at and one.breaks_at * Decimal("1.01") * factor < MOST_ORDERS_A_SECOND:
            again = Demand(one.breaks_at * Decimal("1.01"), one.breaks_at * Decimal("1.01") * factor, size)
            (same,) = [
                other
                for other in quotas(compute_sizing(mode, again, choices, FIGURES), again, choices, FIGURES)
                if other.name == one.name
            ]
            assert same.is_exceeded


@settings(deadline=None)
@given(MODES, RATES, FACTORS, SIZES, CHOICES)
def test_catching_up_is_never_faster_than_any_of_its_parts(
    mode: Mode, rate: Decimal, factor: Decimal, size: int, choices: Options
) -> None:
    found, demand = of(mode, rate, factor, size, choices), Demand(rate, rate * factor, size)
    after = catch_up(found.stream, found.function, found.table, demand, choices, FIGURES)
    assert after.orders_per_second == min(after.lanes, after.reads, after.table)
    assert (after.seconds is None) == (after.orders_per_second <= rate)
    if after.seconds is not None:
        worked_off = after.seconds * (after.orders_per_second - rate)
        assert abs(worked_off - after.backlog) <= after.backlog / 1000


@settings(deadline=None)
@given(MODES, RATES, FACTORS, SIZES, CHOICES)
def test_parameters_are_text_without_surprises(
    mode: Mode, rate: Decimal, factor: Decimal, size: int, choices: Options
) -> None:
    found = parameters(of(mode, rate, factor, size, choices), choices)
    assert all(value.isalnum() for value in found.values())
    assert int(found["ShardCount"]) == 0 or mode == "shards"
