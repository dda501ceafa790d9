"""Longer times than the status has are read once a minute for all who look."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from orderstream.aws.deployment import Deployment
from orderstream.dashboard.history import SPANS, Figures, History
from tests.fakes import deployment_on

NOON = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())
LATEST = Figures({"records": {NOON - 60: 1.0}}, {"EUR": {NOON - 60: 5.0}}, NOON + 30)


class CloudWatch:
    """Has a datum in every period of every metric; `requests` were made of it."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> CloudWatch:
        assert operation == "get_metric_data"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.requests.append(request)
        for query in request["MetricDataQueries"]:
            at = request["StartTime"]
            yield {"MetricDataResults": [{"Id": query["Id"], "Timestamps": [at], "Values": [7.0]}]}


def read(span: str, times: int = 1) -> tuple[list[Figures], CloudWatch]:
    cloudwatch = CloudWatch()
    deployment: Deployment = deployment_on(SimpleNamespace(cloudwatch=cloudwatch))

    async def look() -> list[Figures]:
        history = History()
        looks = (history.of(SPANS[span], lambda: deployment, "", LATEST) for _ in range(times))
        return list(await asyncio.gather(*looks))

    return asyncio.run(look()), cloudwatch


def test_what_the_status_has_is_not_read_again() -> None:
    for span in ("15m", "1h"):
        figures, cloudwatch = read(span)
        assert figures == [LATEST] and cloudwatch.requests == []


def test_a_day_is_read_once_in_periods_of_five_minutes_with_every_currency() -> None:
    figures, cloudwatch = read("24h", times=5)
    (request,) = cloudwatch.requests
    assert {query["MetricStat"]["Period"] for query in request["MetricDataQueries"]} == {300}
    begin = NOON - 86_400
    assert request["StartTime"] == datetime.fromtimestamp(begin, UTC)
    assert figures[0].minutes["records"] == figures[4].revenue["EUR"] == {begin: 7.0}
    assert figures[0].until == LATEST.until
