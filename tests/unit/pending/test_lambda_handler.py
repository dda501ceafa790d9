"""What waits is measured by its oldest, without a name of anything, and by nothing where nothing waits."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from orderstream.domain.fields import utc_text
from orderstream.domain.fold import PENDING_EVENT, PENDING_ORDER
from orderstream.local.emf import metrics_of_line
from orderstream.pending.lambda_handler import GAP, METRICS, WAITING, ages, line

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({PENDING_ORDER: 90, PENDING_EVENT: 3600}, {WAITING: 90, GAP: 3600}),
        ({PENDING_EVENT: 1}, {GAP: 1}),
        ({}, {}),
        # An event from a clock that is ahead.
        ({PENDING_EVENT: -30}, {GAP: 0}),
    ],
)
def test_the_age_of_the_oldest_is_measured_where_something_waits(
    seconds: dict[str, int], expected: dict[str, int]
) -> None:
    since = {pending: utc_text(NOW - timedelta(seconds=age)) for pending, age in seconds.items()}
    assert ages(since.get, NOW) == expected


def test_the_line_has_a_metric_for_each_age_and_nothing_about_an_order() -> None:
    written = line({GAP: 61}, stack="orderstream", request_id="r-1", now=NOW)
    (found,) = metrics_of_line(written, NOW.timestamp())
    assert (found.namespace, found.name) == ("Orderstream", GAP)
    assert METRICS[GAP][0] == "Seconds"
    assert json.loads(written).keys() == {"Stack", "request_id", GAP, "_aws"}
