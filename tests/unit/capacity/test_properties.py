"""What holds for every plan, whatever the traffic: more is never less."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from orderstream.capacity.demand import MOST_ORDERS_A_SECOND, RETENTION_HOURS, Mode, Options, PlanInput
from orderstream.capacity.parameters import parameters
from orderstream.capacity.quotas import Quota, quotas
from orderstream.capacity.sizing import compute_sizing
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import declared
from tests.unit.capacity.examples import plan_input

RATES = st.decimals(min_value="0.01", max_value=200_000, places=2)
FACTORS = st.decimals(min_value=1, max_value=50, places=1)
TIMES = st.decimals(min_value=1, max_value=10, places=3)
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
PARAMETERS = declared(TEMPLATE)


def inputs(most_bytes: int = 409_600) -> st.SearchStrategy[PlanInput]:
    traffic = st.builds(
        plan_input, RATES, FACTORS, st.integers(1, most_bytes), events=st.sampled_from([0, 0, "0.5", 4])
    )
    return st.builds(lambda one, choices: replace(one, options=choices), traffic, CHOICES)


def exceeded(mode: Mode, given: PlanInput) -> tuple[Quota, ...]:
    return quotas(compute_sizing(mode, given), given)


@settings(max_examples=40)
@given(MODES, inputs(), TIMES)
def test_more_orders_or_a_higher_peak_never_have_fewer_shards_lanes_or_a_smaller_bill(
    mode: Mode, given: PlanInput, times: Decimal
) -> None:
    higher = replace(given, demand=replace(given.demand, peak=given.demand.peak * times))
    assert compute_sizing("shards", given).stream.shards <= compute_sizing("shards", higher).stream.shards
    less = compute_sizing(mode, given)
    more = compute_sizing(mode, given.at(given.demand.rate * times))
    assert more.stream.shards >= less.stream.shards
    assert more.function.lanes >= less.function.lanes
    assert more.table.peak_units >= less.table.peak_units
    assert more.bill.total >= less.bill.total


@settings(max_examples=40)
@given(MODES, inputs())
def test_every_setting_is_one_that_the_template_accepts_and_handles_the_peak(
    mode: Mode, given: PlanInput
) -> None:
    found = compute_sizing(mode, given)
    # The template takes eight digits.
    assume(found.table.warm_units < 100_000_000)
    values = parameters(found, given.options)
    assert {name: PARAMETERS[name].problem(value) for name, value in values.items()} == dict.fromkeys(
        values, ""
    )
    assert (values["ShardCount"] == "0") == (mode == "on-demand")
    function, stream, demand = found.function, found.stream, given.demand
    assert function.average.orders <= function.batch_size <= function.orders_that_fit
    assert (
        function.average.seconds <= function.peak.seconds <= 15 + Decimal("0.001") or function.batch_size == 1
    )
    if mode == "shards":
        assert function.lanes * function.lane_rate >= demand.peak * Decimal("0.999")
        assert stream.shards * 1000 >= demand.peak * given.records_per_order
        assert stream.shards * 1_000_000 >= demand.peak * demand.size
    assert found.bill.total > 0
    assert all(entry.dollars >= 0 for entry in found.bill.entries)


@settings(max_examples=6)
@given(MODES, inputs(most_bytes=20_000))
# The peak needs the quota to the last unit.
@example("shards", plan_input(2000, 20))
@example("shards", plan_input(1000, "3.5", layout="order"))
# Batches grow in steps: one per cent above the rate at which the concurrency breaks, less is needed again.
@example("shards", plan_input("6.52", "8.2", 223, layout="order", has_index=False, headroom=Decimal(0)))
def test_a_quota_is_enough_below_the_rate_at_which_it_breaks_and_not_above(
    mode: Mode, given: PlanInput
) -> None:
    found = exceeded(mode, given)
    known = [one.breaks_at for one in found if one.breaks_at is not None]
    assert known == sorted(known)
    for one in found:
        assert one.is_exceeded == (one.breaks_at is not None and one.breaks_at < given.demand.rate)
        assert one.ask == 0 or one.ask >= one.needed
        if one.is_exceeded and one.can_be_raised:
            assert one.ask > one.limit
        above = (one.breaks_at or 0) * Decimal("1.01")
        if 0 < above < MOST_ORDERS_A_SECOND / (given.demand.peak / given.demand.rate):
            (same,) = [other for other in exceeded(mode, given.at(above)) if other.name == one.name]
            assert same.is_exceeded
