"""What the live page draws: charts out of minutes, times of a place, the runbook's pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from reference import PROJECT

from orderstream.aws.metrics import MINUTE
from orderstream.dashboard import charts
from orderstream.dashboard.charts import Window
from orderstream.dashboard.order_table import in_groups
from orderstream.dashboard.runbook import page_of
from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.monitoring.shards import ShardLoad

# A full minute, and half of the next one.
FIRST = 1_800_000_000 // MINUTE * MINUTE
WHOLE = Window(FIRST, FIRST + 90)


def points(options: charts.Options, name: str = "in") -> list[tuple[float, float | None]]:
    """The points of a series, in seconds after FIRST."""
    (series,) = [one for one in options["series"] if one["name"] == name]
    return [(at / 1000 - FIRST, value) for at, value in series["data"]]


def test_a_rate_is_a_minutes_sum_by_its_seconds_and_that_of_a_begun_one_by_what_has_passed() -> None:
    drawn = charts.rates({"in": {FIRST: 120, FIRST + MINUTE: 60}}, WHOLE)
    assert points(drawn) == [(30, 2), (90, 2)]


def test_a_rate_may_be_one_of_a_minute() -> None:
    drawn = charts.rates({"in": {FIRST: 6, FIRST + MINUTE: 2}}, WHOLE, seconds=MINUTE)
    assert points(drawn) == [(30, 6), (90, 4)]


def test_a_minute_without_a_datum_is_no_orders_at_all() -> None:
    assert points(charts.rates({"in": {FIRST + MINUTE: 30}}, WHOLE)) == [(30, 0), (90, 1)]


def test_a_minute_that_has_only_begun_has_no_rate_yet() -> None:
    begun = Window(FIRST, FIRST + MINUTE + 5)
    assert points(charts.rates({"in": {FIRST: 60, FIRST + MINUTE: 100}}, begun)) == [(30, 1)]


def test_what_was_not_measured_is_a_gap() -> None:
    drawn = charts.levels({"in": {FIRST + MINUTE: 1500}}, WHOLE, divisor=1000)
    assert points(drawn) == [(30, None), (90, 1.5)]


def test_sums_are_bars_of_what_there_was() -> None:
    drawn = charts.sums("EUR", {FIRST: 19.9, FIRST + MINUTE: 0}, WHOLE)
    assert points(drawn, "EUR") == [(30, 19.9)]


@pytest.mark.parametrize(
    ("minutes", "is_said"), [({}, True), ({FIRST: 0.0}, True), ({FIRST: 1.0}, False)], ids=["no", "0", "1"]
)
def test_a_chart_without_anything_says_so(minutes: dict[int, float], is_said: bool) -> None:
    assert charts.rates({"in": minutes}, WHOLE)["title"]["show"] is is_said


def test_the_axis_goes_back_as_far_as_chosen_in_whole_periods() -> None:
    until = FIRST + 90
    assert charts.window(900, MINUTE, until) == (FIRST - 840, until, MINUTE)
    assert charts.window(900, MINUTE, FIRST) == (FIRST - 900, FIRST, MINUTE)
    assert len(charts.window(86_400, 300, FIRST).periods) == 288


@pytest.mark.parametrize(
    ("until", "marked"),
    [(FIRST + 90, [(FIRST + 60, FIRST + 120)]), (FIRST + 60, [])],
    ids=["begun", "over"],
)
def test_a_period_that_is_not_over_is_marked_and_the_axis_ends_with_it(
    until: int, marked: list[tuple[int, int]]
) -> None:
    drawn = charts.levels({"in": {FIRST: 1.0}}, Window(FIRST, until))
    (series,) = drawn["series"]
    areas = [(one["xAxis"] // 1000, other["xAxis"] // 1000) for one, other in series["markArea"]["data"]]
    assert areas == marked
    assert drawn["xAxis"]["max"] == (marked[0][1] if marked else until) * 1000


def test_a_rate_over_longer_periods_is_by_their_seconds() -> None:
    axis = Window(FIRST, FIRST + 450, 300)
    drawn = charts.rates({"in": {FIRST: 600, FIRST + 300: 300}}, axis)
    assert points(drawn) == [(150, 2), (450, 2)]


def test_the_shard_with_most_traffic_is_on_top_and_a_hot_one_has_another_colour() -> None:
    loads = [
        ShardLoad("shardId-000000000002", 10, 10, 0.75, 0.9),
        ShardLoad("shardId-000000000000", 1, 1, 0.25, 0.1),
    ]
    drawn = charts.shares(loads, "shardId-000000000002")
    # ECharts draws categories from below.
    assert drawn["yAxis"]["data"] == ["0", "2"]
    (cold, hot) = drawn["series"][0]["data"]
    assert (cold["value"], hot["value"]) == (25, 75)
    assert cold["itemStyle"] != hot["itemStyle"]


def test_a_time_is_that_of_the_browser_with_its_zone_and_the_day_where_it_is_not_today() -> None:
    now = datetime.now(UTC)
    auckland = TimeFormat("Pacific/Auckland")
    assert re.fullmatch(r"\d\d:\d\d:\d\d NZD?S?T", auckland.text(now))
    assert TimeFormat("Europe/Berlin").text("2026-01-31T23:30:00.000Z") == "2026-02-01 00:30:00 CET"
    assert TimeFormat("Europe/Berlin").text("2026-07-31T22:30:00.000Z") == "2026-08-01 00:30:00 CEST"
    assert TimeFormat("America/Sao_Paulo").text("2026-01-31T23:30:00.000Z") == "2026-01-31 20:30:00 -03"


def test_a_typed_time_is_one_of_the_browsers_zone() -> None:
    berlin = TimeFormat("Europe/Berlin")
    summer = berlin.typed("2026-08-01T00:30")
    assert summer == datetime(2026, 7, 31, 22, 30, tzinfo=UTC)
    assert berlin.field(summer) == "2026-08-01T00:30"
    for nothing in ("", "yesterday", "9999-99-99T00:00", "0001-01-01T00:00"):
        assert berlin.typed(nothing) is None


def test_a_browser_whose_zone_nobody_knows_gets_this_machines() -> None:
    now = datetime.now(UTC)
    for unknown in ("Mars/Olympus", "../etc/passwd", "", None):
        assert TimeFormat(unknown).text(now) == f"{now.astimezone():%H:%M:%S %Z}"


def test_utc_is_written_to_the_millisecond() -> None:
    assert utc("2026-11-22T18:03:07.25Z") == "2026-11-22 18:03:07.250 UTC"


@pytest.mark.parametrize(
    ("number", "currency", "text"),
    [
        ("188.6", "EUR", "188.60"),
        ("1234567.891", "EUR", "1,234,567.891"),
        ("1E+3", "EUR", "1,000.00"),
        ("1500", "JPY", "1,500"),
        ("1.5", "BHD", "1.500"),
    ],
)
def test_an_amount_has_its_currencys_minor_units_and_every_digit(
    number: str, currency: str, text: str
) -> None:
    assert in_groups(Decimal(number), currency) == text


def test_every_page_of_the_runbook_is_found_by_its_alarms_link() -> None:
    names = re.findall(r"^## (.+)$", (PROJECT / "docs/how-to/runbook.md").read_text(), re.MULTILINE)
    assert len(names) > 15
    for name in names:
        page = page_of(f"https://runbook.example/pages#{name}")
        assert page and "## " not in page
    assert "[" + "partition keys" + "]" not in page_of("docs/how-to/runbook.md#iterator-age")
    assert page_of("docs/how-to/runbook.md#no-such-page") == page_of("") == ""
