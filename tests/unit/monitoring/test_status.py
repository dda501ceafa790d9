"""A status says what the figures say: up to when they reach, what waits, what is hot, what is in alarm."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from orderstream.errors import CloudError
from orderstream.monitoring.collector import StatusCollector, poll
from orderstream.monitoring.figures import (
    NOTHING,
    MetricDimensions,
    Minutes,
    Rates,
    complete_until,
    counted,
    metrics_of,
    per_second,
    total_between,
)
from orderstream.monitoring.health import (
    OUTCOMES,
    AlarmState,
    DeadLetterBacklog,
    StackFacts,
    Status,
    age_of,
    alarm_of,
    status_of,
)
from orderstream.monitoring.shards import AUTO, BY_KEY, MOST_SHOWN, ShardLoads, shards_of
from orderstream.monitoring.tables import TableLoad, TableLoads, loads_of_tables
from orderstream.output import status as show
from orderstream.output.terminal import SafeConsole

NOON = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())
LIMITS = (1_000, 1_000_000)
RETENTION = 72 * 3600


def steady(value: float, minutes: int = 10, until: int = NOON) -> dict[int, float]:
    """The same value in each of the minutes before `until`."""
    return {until - 60 * number: value for number in range(1, minutes + 1)}


def described(
    *alarms: AlarmState, state: str = "Enabled", consumer: str = "", is_local: bool = False
) -> StackFacts:
    given_up = DeadLetterBacklog(0, None, False)
    return StackFacts("orderstream", RETENTION, state, "", consumer, is_local, given_up, alarms)


def alarm(name: str, state: str, says: str = "It is so. https://x.org/runbook.md#it") -> AlarmState:
    return alarm_of("orderstream", f"orderstream-{name}", state, datetime(2026, 11, 22, tzinfo=UTC), says)


def status(
    figures: Mapping[str, Minutes],
    *alarms: AlarmState,
    now: float = NOON,
    backlog: int | None = 0,
    revenue: Mapping[str, Minutes] | None = None,
) -> Status:
    shards = ShardLoads(1, "PROVISIONED", (), None)
    return status_of(described(*alarms), figures, revenue or {}, shards, backlog, now)


def test_rates_are_of_minutes_that_cloudwatch_has() -> None:
    # A minute and a half late, as Kinesis' metrics are.
    late = steady(600, until=NOON - 60)
    found = status({"records": late, "stored": steady(300)}, now=NOON + 30)
    assert found.at == datetime.fromtimestamp(NOON - 60, UTC)
    assert found.records == Rates(10, 10)


def test_a_minute_under_way_counts_as_far_as_it_has_come() -> None:
    figures = {"records": steady(600) | {NOON: 100}}
    found = status(figures, now=NOON + 10)
    assert found.at == datetime.fromtimestamp(NOON + 10, UTC)
    assert found.records == Rates(10, 10)


def test_where_nothing_comes_the_last_full_minute_is_the_newest() -> None:
    assert complete_until(NOON + 30, steady(1, until=NOON - 600)) == NOON
    assert complete_until(NOON + 30) == NOON


def test_what_was_rare_is_not_rounded_away() -> None:
    # A minute ago, of which half lies in the last one.
    assert counted({NOON - 60: 1}, NOON + 30) == Rates(1, 1)
    assert counted({}, NOON) == Rates(0, 0)


def test_rates_are_over_their_own_span() -> None:
    assert per_second(steady(60, 1) | {NOON - 300: 240}, NOON) == Rates(1, 1)


def test_what_was_received_is_the_sum_of_the_outcomes_that_are_shown() -> None:
    # Half of the first minute is in the last one: each outcome is rounded up.
    until = NOON + 30
    minutes = {"stored": {NOON - 60: 3, NOON: 1}, "invalid": {NOON - 60: 1}, "conflicts": {NOON - 60: 5}}
    minutes["events"] = {NOON - 60: 2}
    found = status({name: dict(one) for name, one in minutes.items()} | {"records": {NOON: 1}}, now=until)
    outcomes = [found.counts[name] for name in OUTCOMES]
    assert found.counts["received"].last_minute == sum(one.last_minute for one in outcomes)
    assert found.counts["received"].five_minutes == sum(one.five_minutes for one in outcomes) == 12


def test_revenue_is_the_sum_of_its_span_by_currency() -> None:
    revenue: dict[str, Minutes] = {"EUR": steady(1_000_000.5), "JPY": {NOON - 240: 500}}
    found = status({}, revenue=revenue)
    assert found.revenue == {"EUR": Rates(1_000_000.5, 5_000_002.5), "JPY": Rates(0, 500)}
    _, lines = watched(found, terminal=True)
    euros = next(line for line in lines if "revenue, EUR" in line)
    assert "1,000,000.50" in euros and "5,000,002.50" in euros


def test_the_backlog_is_what_came_since_the_oldest_that_waits() -> None:
    assert total_between(steady(600), NOON - 90, NOON) == 900
    assert total_between({NOON: 50}, NOON + 5, NOON + 10) == 25
    assert total_between({NOON - 3600: 7200}, NOON - 1800, NOON, 3600) == 3600


def test_the_iterator_age_is_that_of_the_stream_or_of_what_fails_at_the_function() -> None:
    read = {"age": steady(2_000)}
    assert age_of(read, NOON) == 2
    assert age_of(read | {"age_at_function": {NOON - 60: 90_000.0}}, NOON) == 90
    assert age_of(read | {"age_at_function": {NOON - 600: 90_000.0}}, NOON) == 2


def test_silence_means_that_nobody_reads() -> None:
    figures = {"age": steady(0, until=NOON - 240), "records": steady(60)}
    found = status(figures, backlog=None)
    assert (found.iterator_age, found.until_data_loss, found.backlog) == (None, None, None)
    assert not found.consumer.is_read


def test_time_until_data_loss_is_what_the_retention_leaves() -> None:
    assert status({"age": steady(3_600_000)}).until_data_loss == RETENTION - 3600
    assert status({"age": steady(1e12)}).until_data_loss == 0


def test_latency_is_of_the_newest_minute_and_of_the_worst() -> None:
    figures = {"latency_p50": steady(100) | {NOON - 120: 400}, "latency_p99": steady(200)}
    latency = status(figures).latency
    assert latency and asdict(latency) == {"p50": 100, "p99": 200, "p50_worst": 400, "p99_worst": 200}
    assert status({}).latency is None


def test_what_waits_for_an_order_or_an_event_is_told_while_it_is_measured() -> None:
    # Measured every five minutes, and not at all where nothing waits.
    waiting = status({"events_waiting": {NOON - 540: 90}, "sequence_gap": {NOON - 900: 3600}})
    assert (waiting.events_waiting, waiting.sequence_gap) == (90, None)
    _, lines = watched(waiting, terminal=True)
    assert any("events wait for their order, the oldest for 1 min 30 s" in line for line in lines)
    assert not any("lack an event" in line for line in lines)


def test_events_that_a_late_one_made_possible_are_subtracted() -> None:
    assert status({"forbidden": {NOON - 240: 3, NOON - 60: -2}}).counts["forbidden"] == Rates(-2, 1)


def test_an_alarm_has_its_sentence_and_its_link_apart() -> None:
    found = alarm_of("shop", "shop-iterator-age", "ALARM", None, "Orders wait. Look. https://x.org/r.md#age")
    assert found == AlarmState("iterator-age", "alarm", None, "Orders wait. Look.", "https://x.org/r.md#age")
    assert alarm_of("shop", "shop-a", "OK", None, "No link.") == AlarmState("a", "ok", None, "No link.", "")


def test_what_has_no_data_is_no_failure() -> None:
    quiet = status({}, alarm("a", "OK"), alarm("b", "INSUFFICIENT_DATA"))
    assert not quiet.in_alarm
    assert [one.state for one in quiet.alarms] == ["no data", "ok"]
    loud = status({}, alarm("a", "OK"), alarm("c", "ALARM"))
    assert loud.in_alarm and loud.alarms[0].name == "c"


def spread(*rates: float, count: int = 0, mode: str = "PROVISIONED", size: float = 100) -> ShardLoads:
    """Shards with so many records a second each, of `size` bytes."""
    ids = [f"shardId-{number:012}" for number in range(count or len(rates))]
    by_shard = {
        shard_id: (steady(60 * rate), steady(60 * rate * size))
        for shard_id, rate in zip(ids, rates, strict=False)
    }
    return shards_of(ids, mode, by_shard, NOON, LIMITS)


def test_a_shard_with_more_than_twice_its_share_and_half_full_is_hot() -> None:
    found = spread(50, 600, 50, 50)
    assert found.hot == "shardId-000000000001" == found.hottest[0].shard_id
    assert (found.hottest[0].share, found.hottest[0].full) == (0.8, 0.6)
    assert "docs/how-to/choose-partition-keys.md" in found.advice


@pytest.mark.parametrize("rates", [(900, 900), (30, 400, 30, 30), (900,), (0, 0), ()])
def test_a_shard_is_not_hot_that_is_full_like_the_others_or_far_from_full(rates: tuple[float, ...]) -> None:
    found = spread(*rates)
    assert (found.hot, found.advice) == (None, "")


def test_large_orders_fill_a_shard_by_their_bytes() -> None:
    found = spread(10, 100, 10, 10, size=8_000)
    assert found.hot == "shardId-000000000001"
    assert found.hottest[0].full == pytest.approx(0.8)


def test_shares_add_up_where_one_shard_has_many_orders_and_another_large_ones() -> None:
    many, large = (steady(60 * 900), steady(60 * 9_000)), (steady(60 * 9), steady(60 * 500_000))
    found = shards_of(["many", "large"], "PROVISIONED", {"many": many, "large": large}, NOON, LIMITS)
    assert sum(load.share for load in found.hottest) == pytest.approx(1)
    assert [round(load.full, 2) for load in found.hottest] == [0.9, 0.5]


def test_of_many_shards_the_hottest_are_shown() -> None:
    found = spread(*range(100))
    assert (found.count, len(found.hottest)) == (100, MOST_SHOWN)
    assert found.hottest[0].records == 99


def test_a_fan_out_consumer_has_its_age_under_its_own_name() -> None:
    names = MetricDimensions("s", "stream", "f", "uuid", "ProcessOrders")
    age = metrics_of(names)["age"]
    assert age.name == "SubscribeToShardEvent.MillisBehindLatest"
    assert age.dimensions == (("StreamName", "stream"), ("ConsumerName", "ProcessOrders"))
    assert metrics_of(replace(names, consumer=""))["age"].name == "GetRecords.IteratorAgeMilliseconds"


BUSY: dict[str, Minutes] = {"records": steady(600), "stored": steady(600), "age": steady(0)}


def watched(*looks: Status, terminal: bool, width: int = 120) -> tuple[bool, list[str]]:
    """Whether the last look was in alarm, and what was printed until somebody pressed Ctrl-C."""

    def until_interrupted() -> Iterator[Status]:
        yield from looks
        raise KeyboardInterrupt

    file = io.StringIO()
    on = SafeConsole(file=file, force_terminal=terminal, width=width, height=80, color_system=None)
    ended = show.watch_status(until_interrupted(), dollars_an_hour=Decimal(0), as_json=False, on=on)
    return ended, file.getvalue().splitlines()


def test_a_watch_in_a_log_tells_what_changed_and_else_a_line_a_minute() -> None:
    calm, loud = (status(BUSY, alarm("a", state)) for state in ("OK", "ALARM"))
    later = replace(calm, at=calm.at + timedelta(seconds=60))
    ended, lines = watched(calm, calm, later, later, loud, loud, terminal=False)
    assert ended
    assert [line.split("  ")[-1] for line in lines] == ["ok", "ok", "ALARM: a"]
    assert "10/s in, 10/s stored, age 0 s" in lines[0]


def test_a_watch_ends_as_its_last_look_was() -> None:
    calm, loud = (status(BUSY, alarm("a", state)) for state in ("OK", "ALARM"))
    assert not watched(loud, calm, terminal=False)[0]
    assert not watched(terminal=False)[0]


def test_a_watch_goes_on_after_a_look_that_failed() -> None:
    class Failing:
        """A collector whose second look fails."""

        looks = 0

        def collect(self) -> Status:
            self.looks += 1
            if self.looks == 2:
                raise CloudError("away for a moment")
            return status(BUSY)

    problems: list[str] = []
    waits: list[float] = []
    seen = poll(cast(StatusCollector, Failing()), on_problem=problems.append, wait=waits.append)
    assert next(seen) == next(seen) == status(BUSY)
    assert (problems, len(waits)) == (["away for a moment"], 2)


def test_a_watch_on_a_terminal_redraws_the_whole_picture() -> None:
    _, lines = watched(status(BUSY, alarm("a", "ALARM")), terminal=True)
    text = "\n".join(lines)
    assert "1 of 1 alarms" in text and "https://x.org/runbook.md#it" in text


def test_a_watch_on_a_narrow_terminal_cuts_nothing() -> None:
    _, lines = watched(status(BUSY, alarm("a-long-name-of-an-alarm", "OK")), terminal=True, width=30)
    text = "\n".join(lines)
    assert "a-long-name-of-an-alarm" in text and "2026-11-22 00:00:00" in text
    assert max(map(len, re.sub("\x1b[^a-zA-Z]*[a-zA-Z]", "", text).splitlines())) <= 30


DESCRIBED: dict[str, Any] = {
    "TableName": "Orders",
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
    "TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"},
    "ProvisionedThroughput": {"WriteCapacityUnits": 0, "ReadCapacityUnits": 0},
}


def lines_of(tables: TableLoads) -> str:
    return "\n".join(watched(replace(status(BUSY), tables=tables), terminal=True)[1])


def test_tables_on_demand_that_nothing_uses_are_one_line() -> None:
    said = lines_of(loads_of_tables([DESCRIBED], {}, NOON))
    assert "tables on demand, class infrequent-access" in said and "Units of tables" not in said


def test_what_tables_consume_throttle_and_are_provisioned_with_is_shown() -> None:
    # A table that was never on demand says no mode.
    provisioned: dict[str, Any] = {"ProvisionedThroughput": {"WriteCapacityUnits": 1_200}}
    provisioned["TableName"] = "Orders"
    provisioned |= {"GlobalSecondaryIndexes": [{"IndexName": "ByCustomer"} | provisioned]}
    figures = {"Orders/ByCustomer": (steady(6_000), steady(60), {NOON - 60: 7}, NOTHING)}
    tables = loads_of_tables([provisioned], figures, NOON)
    assert tables.loads[1] == TableLoad("Orders/ByCustomer", 100, 1, 1_200, None, 7, 0)
    said = lines_of(tables)
    assert "tables provisioned; 7 requests throttled in five minutes, and retried" in said
    line = next(line for line in said.splitlines() if "Orders/ByCustomer" in line)
    assert re.findall(r"[\d,]+", line) == ["100", "1,200", "1", "7", "0"]


@pytest.mark.parametrize(
    ("state", "is_local", "reads", "said"),
    [
        ("Enabled", False, True, "mapping Enabled, reads by polling"),
        ("Disabled", False, False, "mapping Disabled"),
        ("Disabled", True, True, "delivery runs: the local event source reads by polling"),
        (
            "Disabled",
            True,
            False,
            "delivery has stopped: the local event source does not read; mapping Disabled",
        ),
    ],
)
def test_a_mapping_is_called_disabled_only_where_nothing_does_its_work(
    state: str, is_local: bool, reads: bool, said: str
) -> None:
    figures = BUSY if reads else {"records": steady(60)}
    shards = ShardLoads(1, "PROVISIONED", (), None)
    seen = status_of(described(state=state, is_local=is_local), figures, {}, shards, 0, NOON)
    lines = [line.strip() for line in watched(seen, terminal=True)[1]]
    assert {line for line in lines if "mapping" in line or "delivery" in line} == {said}


def test_what_cannot_be_known_is_said() -> None:
    _, lines = watched(status({"records": steady(60)}, backlog=None), terminal=True)
    text = "\n".join(lines)
    assert "nothing reads the stream" in text and "no alarms" in text and "ShardMetrics" in text


def test_a_stream_that_distributes_records_itself_is_named_with_what_that_means() -> None:
    figures = {"one": (steady(60 * 900), NOTHING), "two": (steady(60), NOTHING)}
    shards = shards_of([*figures, "three"], "ON_DEMAND", figures, NOON, LIMITS, AUTO)
    assert shards.hot == "one" and "Kinesis distributes the records" in shards.advice
    lines = watched(status_of(described(), BUSY, {}, shards, 0, NOON), terminal=True)[1]
    text = " ".join(line.strip() for line in lines)
    assert "3 shards, on demand" in text
    assert "the stream distributes records itself (AUTO), and keeps no order by partition key" in text
    by_key = replace(shards, distribution=BY_KEY)
    lines = watched(status_of(described(), BUSY, {}, by_key, 0, NOON), terminal=True)[1]
    assert "AUTO" not in " ".join(lines)
