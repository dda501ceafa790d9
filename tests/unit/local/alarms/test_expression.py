"""Metric math gives what CloudWatch documents: a value only where there is one, and no more."""

from __future__ import annotations

import pytest

from orderstream.errors import CloudError
from orderstream.local.alarms.expression import LEAST_HISTORY, Band, Series, evaluate

PERIODS = [100, 200, 300]
BAD: Series = {100: 1.0, 200: 5.0}
ALL: Series = {100: 10.0, 200: 0.0, 300: 30.0}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bad + 1", {100: 2.0, 200: 6.0}),
        ("bad - all", {100: -9.0, 200: 5.0}),
        ("100 * bad / all", {100: 10.0}),
        ("FILL(bad, 0)", {100: 1.0, 200: 5.0, 300: 0.0}),
        ("FILL(bad, REPEAT)", {100: 1.0, 200: 5.0, 300: 5.0}),
        ("FILL(late, REPEAT)", {200: 2.0, 300: 2.0}),
        ("SUM([bad, all])", {100: 11.0, 200: 5.0, 300: 30.0}),
        ("SUM([bad, 0 * all])", {100: 1.0, 200: 5.0, 300: 0.0}),
        ("SUM([bad, none])", {100: 1.0, 200: 5.0}),
        ("IF(bad >= 5, all, 7)", {100: 7.0, 200: 0.0}),
        ("IF(bad >= 5, 7)", {200: 7.0}),
        ("IF(all >= 30, bad, 7)", {100: 7.0, 200: 7.0, 300: 0.0}),
        ("bad > 0 && all > 0", {100: 1.0, 200: 0.0}),
        ("bad > 4 || all > 5", {100: 1.0, 200: 1.0}),
        ("none", {}),
        ("2 * 3", {100: 6.0, 200: 6.0, 300: 6.0}),
    ],
)
def test_an_expression_has_values_where_its_operands_have(text: str, found: Series) -> None:
    assert evaluate(text, {"bad": BAD, "all": ALL, "late": {200: 2.0}, "none": {}}, PERIODS) == found


@pytest.mark.parametrize(
    "text",
    ["none + bad", "0 * none", "none < 1", "IF(none < 1, bad, 0)", "SUM([none])"]
    + ["FILL(none, 0)", "FILL(none, REPEAT)", "FILL(none, bad)", "FILL(bad, 0) + FILL(none, 0)"],
)
def test_a_metric_that_was_never_published_gives_nothing_and_cannot_be_filled(text: str) -> None:
    assert evaluate(text, {"bad": BAD, "none": {}}, PERIODS) == {}


@pytest.mark.parametrize(
    "text",
    ["RATE(bad)", "bad +", "SEARCH('x')", "bad.all", "bad % 2", "other", "ANOMALY_DETECTION_BAND(bad)"]
    # Over all periods and not of each: CloudWatch advises against it in alarms.
    + ["SUM(bad)", "IF(bad)", "IF(bad, 1, 2, 3)", "FILL(bad, LINEAR)"],
)
def test_what_is_not_known_is_named(text: str) -> None:
    with pytest.raises(CloudError, match="do not support the expression"):
        evaluate(text, {"bad": BAD}, PERIODS)


def test_a_band_is_as_wide_as_the_periods_before_scattered() -> None:
    before = {-100 * number: 900.0 if number % 2 else 1100.0 for number in range(LEAST_HISTORY)}
    band = evaluate("ANOMALY_DETECTION_BAND(rate, 2)", {"rate": before | {100: 5000.0}}, PERIODS)
    assert band == Band(800.0, 1200.0)


def test_without_a_history_there_is_no_band() -> None:
    before = {-100 * number: 1.0 for number in range(LEAST_HISTORY - 1)}
    assert evaluate("ANOMALY_DETECTION_BAND(rate, 2)", {"rate": before}, PERIODS) is None
