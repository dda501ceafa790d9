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
        # Of a metric that was never published there may be nothing to fill; a sum leaves it out.
        ("FILL(bad, 0) + FILL(none, 0)", {}),
        ("FILL(none, 0) < 1", {}),
        ("SUM([bad, none])", BAD),
        ("SUM([bad, all])", {100: 11.0, 200: 5.0, 300: 30.0}),
        ("SUM([none])", {}),
        ("SUM([none, 0 * bad]) < 1", {100: 1.0, 200: 1.0}),
        ("IF(bad >= 5, all, 7)", {100: 7.0, 200: 0.0}),
        ("IF(SUM([none, 0 * bad]) < 1, bad, 0)", {100: 1.0, 200: 5.0}),
        ("IF(SUM([all, 0 * bad]) < 1, bad, 0)", {100: 0.0, 200: 5.0, 300: 0.0}),
        ("bad > 0 && all > 0", {100: 1.0, 200: 0.0}),
        ("bad > 4 || all > 5", {100: 1.0, 200: 1.0}),
        ("none", {}),
        ("2 * 3", {100: 6.0, 200: 6.0, 300: 6.0}),
    ],
)
def test_an_expression_has_values_where_its_operands_have(text: str, found: Series) -> None:
    assert evaluate(text, {"bad": BAD, "all": ALL, "none": {}}, PERIODS) == found


@pytest.mark.parametrize(
    "text",
    [
        "RATE(bad)",
        "SUM(bad)",
        "bad +",
        "SEARCH('x')",
        "bad.all",
        "bad % 2",
        "other",
        "ANOMALY_DETECTION_BAND(bad)",
    ],
)
def test_what_is_not_known_is_named(text: str) -> None:
    with pytest.raises(CloudError, match="do not know the expression"):
        evaluate(text, {"bad": BAD}, PERIODS)


def test_a_band_is_as_wide_as_the_periods_before_scattered() -> None:
    before = {-100 * number: 900.0 if number % 2 else 1100.0 for number in range(LEAST_HISTORY)}
    band = evaluate("ANOMALY_DETECTION_BAND(rate, 2)", {"rate": before | {100: 5000.0}}, PERIODS)
    assert band == Band(dict.fromkeys(PERIODS, 800.0), dict.fromkeys(PERIODS, 1200.0))


def test_without_a_history_there_is_no_band() -> None:
    before = {-100 * number: 1.0 for number in range(LEAST_HISTORY - 1)}
    assert evaluate("ANOMALY_DETECTION_BAND(rate, 2)", {"rate": before}, PERIODS) == Band({}, {})
