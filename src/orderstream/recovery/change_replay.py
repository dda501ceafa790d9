"""Announce changes of orders again, as the tables of orders and events have them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.domain.fold import STATE, applied_hashes, version_of
from orderstream.domain.lifecycle import first_status
from orderstream.domain.order_event import position_hash
from orderstream.domain.user_model import order_model
from orderstream.feed.changes import Change, is_order
from orderstream.feed.cloud_event import cloud_event
from orderstream.feed.publisher import Announcement, Publisher
from orderstream.pipeline.state_update import Plan
from orderstream.progress import Progress, no_progress
from orderstream.recovery.announced_versions import OrderVersions
from orderstream.recovery.reprocess import ReprocessResult
from orderstream.storage.announcements import CloudEvent, read_change
from orderstream.storage.bucket import ALL_TIME, TimeRange
from orderstream.storage.order_events import Row, read_events_of
from orderstream.storage.orders import Item, get_orders

ORDERS_AT_A_TIME = 100
_SECONDS_A_BATCH = 60.0
_MOST_PROBLEMS = 5

# Which of some announcements to take, by their indices.
Select = Callable[[Sequence[CloudEvent]], set[int]]


class ReplayedChanges(msgspec.Struct):
    """The number of orders, of the changes of them that were announced, and of those that could not be."""

    orders: int = 0
    announced: int = 0
    failed: int = 0
    problems: list[str] = []


class Replay:
    """Announces versions of orders on the stream OrderChanges, at most `rate` a second.

    With `dry_run` it only counts. `clock` (seconds) and `sleep` can be replaced.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        rate: float | None = None,
        dry_run: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        stream = deployment.change_feed.stream
        self._deployment = deployment
        self._publisher = None if dry_run else Publisher(stream, deployment.cloud.kinesis_no_retry)
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._begun = clock()
        self.done = ReplayedChanges()

    def run(
        self,
        items: Iterable[Item],
        span: TimeRange = ALL_TIME,
        *,
        select: Select | None = None,
        progress: Progress = no_progress,
    ) -> ReplayedChanges:
        """Announce every version of the orders of which anything arrived in `span`.

        `select` gets the announcement of the last version of each order.
        """
        rest = iter(items)
        read = 0
        while some := list(islice(rest, ORDERS_AT_A_TIME)):
            read += len(some)
            orders = [
                announcements
                for item, rows in self._with_events(some)
                if is_order(item) and _arrived_in(span, item, rows)
                for announcements in [self._announcements(changes_of(item, rows), rows)]
            ]
            if select:
                last = [read_change(announcements[-1].body) for announcements in orders]
                chosen = select([change for change in last if change])
                orders = [one for number, one in enumerate(orders) if number in chosen]
            self.done.orders += len(orders)
            self._put(list(chain.from_iterable(orders)))
            progress("orders read", read)
        return self.done

    def announce(self, items: Mapping[str, Item], versions: Mapping[str, set[int]]) -> None:
        """Announce these versions of orders, by OrderID."""
        for item, rows in self._with_events(list(items.values())):
            wanted = versions[item["OrderID"]]
            changes = [change for change in changes_of(item, rows) if change.version in wanted]
            self._put(self._announcements(changes, rows))

    def _with_events(self, items: Sequence[Item]) -> Iterator[tuple[Item, list[Row]]]:
        having = [item["OrderID"] for item in items if item.get("Applied")]
        events = dict(read_events_of(self._deployment, having))
        return ((item, events.get(item["OrderID"], [])) for item in items)

    def _announcements(self, changes: Iterable[Change], rows: Sequence[Row]) -> list[Announcement]:
        return [
            Announcement(
                change.order_id,
                cloud_event(
                    change,
                    rows,
                    order_model(),
                    source=f"/orderstream/{self._deployment.name}",
                    personal=self._deployment.announces_personal,
                ),
            )
            for change in changes
        ]

    def _put(self, announcements: Sequence[Announcement]) -> None:
        if self._publisher:
            missing, problem = self._publisher.put(announcements, _SECONDS_A_BATCH)
            self.done.failed += len(missing)
            if problem and len(self.done.problems) < _MOST_PROBLEMS and problem not in self.done.problems:
                self.done.problems.append(problem)
            self.done.announced += len(announcements) - len(missing)
            if self._rate:
                due = self._begun + self.done.announced / self._rate
                self._sleep(max(0.0, due - self._clock()))
        else:
            self.done.announced += len(announcements)


def announce(deployment: Deployment, missing: Iterable[OrderVersions], done: ReprocessResult) -> None:
    """Announce these versions of orders, and add to `done` how many, and why not the others."""
    rest = iter(missing)
    while some := list(islice(rest, ORDERS_AT_A_TIME)):
        replay = Replay(deployment)
        wanted = {one.order_id: set(one.versions) for one in some}
        replay.announce(get_orders(deployment, wanted), wanted)
        done.announced += replay.done.announced
        done.problems += replay.done.problems


def changes_of(item: Item, rows: Sequence[Row]) -> list[Change]:
    """Every version of an order, oldest first; the last is its item. `rows` are its events.

    They are what would have been announced if the events had arrived in the order in which they apply: the
    table does not have the order in which they did. A version that no event made is one of a repair, and has
    the state of the last one.
    """
    transitions = order_model().TRANSITIONS
    placed = {name: value for name, value in item.items() if name not in STATE}
    placed["Status"] = first_status(transitions)
    applied = applied_hashes(item)
    plan = Plan(placed, [row for row in rows if position_hash(row["Position"]) in applied])
    versions = [placed]
    while plan.todo:
        plan.advance(plan.next_state(transitions))
        versions.append(plan.item)
    of_repairs = range(len(versions) + 1, version_of(item) + 1)
    versions[-1] = item if not of_repairs else item | {"Version": len(versions)}
    versions += [item | {"Version": version} for version in of_repairs]
    before = chain([None], versions)
    return [
        Change(item["OrderID"], number, earlier, after, "", str(after.get("UpdatedAt", after["ReceivedAt"])))
        for number, (earlier, after) in enumerate(zip(before, versions, strict=False), start=1)
    ]


def _arrived_in(span: TimeRange, item: Item, rows: Sequence[Row]) -> bool:
    return any(span.contains(one["ReceivedAt"]) for one in (item, *rows))
