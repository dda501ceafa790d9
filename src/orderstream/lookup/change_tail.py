"""The changes of orders as the feed announces them: those that its stream retains, and those that come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

from orderstream.aws.deployment import Deployment
from orderstream.lookup.change_filter import ChangeFilter
from orderstream.pipeline.records import Record
from orderstream.storage import stream
from orderstream.storage.announcements import Announced, announced
from orderstream.storage.bucket import TimeRange

_RECORDS_AT_A_TIME = 500


def tail(
    deployment: Deployment,
    since: datetime,
    *,
    follow: bool,
    order_id: str | None = None,
    condition: ChangeFilter | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Announced]:
    """What was announced from `since` on, in order for each order; with `follow` also what comes, for ever.

    `order_id` and `condition` restrict it. Raises CloudError if the change feed is off.
    """
    feed = deployment.change_feed
    pages = (
        stream.follow(feed, since, sleep=sleep)
        if follow
        else _pages(stream.records(feed, TimeRange(since, None), sleep=sleep))
    )
    for page in pages:
        found = [one for one in announced(page) if order_id in (None, one.change.subject)]
        chosen = condition.select([one.change for one in found]) if condition else range(len(found))
        yield from (one for number, one in enumerate(found) if number in chosen)


def _pages(records: Iterable[Record]) -> Iterator[list[Record]]:
    rest = iter(records)
    while page := list(islice(rest, _RECORDS_AT_A_TIME)):
        yield page
