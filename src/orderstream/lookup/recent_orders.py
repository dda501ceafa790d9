"""The most recently stored orders: located through the function's log, then read from the table."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain, islice

from orderstream.aws.deployment import Deployment
from orderstream.domain.fold import with_state
from orderstream.errors import DamagedError
from orderstream.lookup.function_log import log_lines
from orderstream.pipeline.table import KEYS_PER_READ
from orderstream.pipeline.telemetry import LogLine
from orderstream.storage.bucket import FETCHED_AHEAD
from orderstream.storage.orders import Item, get_orders
from orderstream.storage.reader import read_object

# How far back the first poll reads: no further than necessary. MiniStack returns the oldest lines of a span,
# and 10,000 at most.
SPANS = (timedelta(seconds=10), timedelta(minutes=2), timedelta(hours=1))
# Log streams are ingested out of order: a line that is this much later than others is still read.
LATE = timedelta(seconds=10)
# The most log that AWS searches for one poll, newest lines first; a page has at most a megabyte of lines.
MOST_PAGES = 10
# How many orders to read from the end of an object, as a multiple of those wanted.
_TIMES_WANTED = 10

# An order's id, and the event of its line in the archive.
_Pair = tuple[str, str]


class RecentOrders:
    """Polls the orders that the function stored last.

    Each poll reads what is new in the log, then only the objects named there, and reads all orders it returns
    from the table. Orders stored by a repair or a replay to the table are in no log. A line ingested more
    than ten seconds after a later one may be missed.
    """

    def __init__(self, deployment: Deployment, most: int = 50) -> None:
        self._deployment = deployment
        self._most = most
        self._items: list[Item] = []
        # The invocations seen in the last seconds, and when they were logged.
        self._seen: dict[str, datetime] = {}
        self._names_objects = True

    @property
    def empty_reason(self) -> str:
        """Why the last poll returned no order; "" if it did."""
        if self._items:
            return ""
        if not self._names_objects:
            return "with ArchiveLayout=order, the log does not say where orders lie"
        return "no order was stored in the last hour"

    def poll(self, now: datetime | None = None) -> list[Item]:
        """The items of the last orders at `now` (aware), in the form of `get_order`, by arrival, newest
        first.

        All of them are in the table now. The first poll reads at most the last hour. Raises CloudError.
        """
        batches = self._batches(now or self._deployment.cloud.now())
        before = [(item["OrderID"], item["EventID"]) for item in self._items]
        pairs = chain(before, self._pairs(batches))
        found: dict[str, Item] = {}
        while some := list(islice(pairs, KEYS_PER_READ)):
            found |= self._stored(some)
            if len(found.keys() - {order_id for order_id, _ in before}) >= self._most:
                break
        newest = sorted(found.values(), key=lambda item: (item["ReceivedAt"], item["EventID"]), reverse=True)
        self._items = newest[: self._most]
        if batches:
            self._names_objects = any(batch.objects for batch in batches)
            seen = self._seen | {batch.request_id: batch.logged_at for batch in batches}
            since = max(seen.values()) - LATE
            self._seen = {request_id: at for request_id, at in seen.items() if at >= since}
        return list(self._items)

    def _batches(self, now: datetime) -> list[LogLine]:
        """The new batches in the log that stored orders, newest first."""
        begins = [now - span for span in SPANS]
        if self._seen:
            begins = [max(begins[-1], max(self._seen.values()) - LATE)]
        found: list[LogLine] = []
        for begin in begins:
            found = list(self._log(begin))
            if sum(batch.stored for batch in found) >= self._most:
                break
        return sorted(found, key=lambda batch: batch.logged_at, reverse=True)

    def _log(self, begin: datetime) -> Iterator[LogLine]:
        """Batches not seen before, page by page until there are enough orders."""
        stored = 0
        pages = log_lines(self._deployment, "{ $.Stored > 0 }", begin, newest_first=True)
        for lines in islice(pages, MOST_PAGES):
            # MiniStack ignores such a pattern.
            new = [line for line in lines if line.stored and line.request_id not in self._seen]
            yield from new
            stored += sum(line.stored for line in new)
            if stored >= self._most:
                return

    def _pairs(self, batches: Iterable[LogLine]) -> Iterator[_Pair]:
        """The orders in the objects of the batches, last ones first, from as few objects as necessary."""
        keys: dict[str, None] = {}
        stored = 0
        for batch in batches:
            # A batch that spans a full hour has two objects.
            keys |= dict.fromkeys(reversed(batch.objects))
            stored += batch.stored
            if stored >= self._most:
                break
        if not keys:
            return
        with ThreadPoolExecutor(FETCHED_AHEAD) as threads:
            for pairs in threads.map(self._pairs_in, keys):
                yield from reversed(pairs)

    def _pairs_in(self, key: str) -> deque[_Pair]:
        pairs: deque[_Pair] = deque(maxlen=_TIMES_WANTED * self._most)
        try:
            for line in read_object(self._deployment, key, ""):
                if line.order_id is not None and line.event is None:
                    pairs.append((line.order_id, line.event_id))
        except DamagedError:
            # `orders stack verify` reports it; what precedes the damage is shown.
            pass
        return pairs

    def _stored(self, pairs: Iterable[_Pair]) -> dict[str, Item]:
        """The orders that are in the table and were stored from that event."""
        events: dict[str, set[str]] = {}
        for order_id, event_id in pairs:
            events.setdefault(order_id, set()).add(event_id)
        items = get_orders(self._deployment, events)
        return {key: with_state(item) for key, item in items.items() if item["EventID"] in events[key]}
