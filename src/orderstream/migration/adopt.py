"""Adopt: read the old pipeline, move what the new table lacks, compare every order, and report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from orderstream.aws.deployment import Deployment
from orderstream.migration.conversion import NOTES, facts_of_stored
from orderstream.migration.moving import Mover, add_quarantined
from orderstream.migration.reading import SourceCounts, read_sources
from orderstream.migration.sources import LegacySources, ensure_fit
from orderstream.migration.store import LegacyStore, SuspectedDuplicate
from orderstream.progress import Progress
from orderstream.storage.orders import get_orders

# A report names so many of each kind; the counts are complete.
MOST_NAMED = 1000
MOST_SAMPLES = 5
_INDEX = re.compile(r"\[[0-9]+\]")


@dataclass
class RejectionReason:
    """A reason for which orders are invalid, how many there are, and the ids of the first."""

    code: str
    path: str
    message: str
    orders: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class MigrationReport:
    """What was read, the outcome of each order, and what could not be known.

    `orders` is the sum of all counts after it: `moved` and `already_there` are equal in both pipelines,
    `to_move` ones were not moved, because nothing was to be changed, `invalid` ones are quarantined,
    `corrected` ones are invalid in the old pipeline and are there, `failed` ones could not be sent.
    """

    read: SourceCounts
    orders: int
    moved: int
    to_move: int
    already_there: int
    invalid: int
    corrected: int
    differs: int
    failed: int
    differences: tuple[tuple[str, str], ...]
    reasons: tuple[RejectionReason, ...]
    notes: dict[str, int]
    suspected_duplicates: int
    duplicates: tuple[SuspectedDuplicate, ...]
    unknown: tuple[str, ...]

    @property
    def is_wrong(self) -> bool:
        """Whether an order differs, or could not be moved."""
        return bool(self.differs or self.failed)


class Migration:
    """Moves the orders of `sources` into the stack. First `read`, then `move`."""

    def __init__(self, store: LegacyStore, deployment: Deployment, sources: LegacySources) -> None:
        self._store = store
        self._deployment = deployment
        self._sources = sources
        self._read = SourceCounts()

    def read(self, progress: Progress) -> MigrationReport:
        """Read everything, compare it with the new table, and report. Writes nothing. Raises InputError."""
        ensure_fit(self._deployment, self._sources)
        self._read = read_sources(self._store, self._deployment, self._sources, progress)
        self._compare(progress)
        if self._store.absent()[0]:
            progress("reading the quarantine")
            add_quarantined(self._store, self._deployment)
            self._store.settle_quarantined()
        return self._report()

    @property
    def absent(self) -> int:
        """How many orders are in neither the new table nor the quarantine."""
        return self._store.states()["absent"]

    def move(self, progress: Progress) -> MigrationReport:
        """Move what was absent at `read`, compare every order again, and report. Raises CloudError."""
        Mover(self._store, self._deployment, progress).run(self.absent)
        self._compare(progress)
        return self._report()

    def _compare(self, progress: Progress) -> None:
        """Set the state of each order from the new table. One that was stored and is gone has failed."""
        done = 0
        for page in self._store.pages():
            there = get_orders(self._deployment, [one.order_id for one in page])
            for one in page:
                item = there.get(one.order_id)
                if item is None:
                    if one.state == "moved":
                        self._store.settle(one.order_id, "failed", "it was stored, and is gone")
                elif not one.is_valid:
                    self._store.settle(one.order_id, "corrected")
                elif different := one.facts.differences(facts_of_stored(item)):
                    self._store.settle(one.order_id, "differs", different)
                elif one.state != "moved":
                    self._store.settle(one.order_id, "there")
            done += len(page)
            progress("orders compared", done)

    def _report(self) -> MigrationReport:
        states = self._store.states()
        reasons = self._reasons()
        bad, will_differ = self._store.absent()
        count, pairs = self._store.duplicates(MOST_NAMED)
        return MigrationReport(
            read=self._read,
            orders=states.total(),
            moved=states["moved"],
            to_move=states["absent"] - will_differ - bad,
            already_there=states["there"],
            invalid=states["invalid"] + bad,
            corrected=states["corrected"],
            differs=states["differs"] + will_differ,
            failed=states["failed"],
            differences=tuple(self._store.differences(MOST_NAMED)),
            reasons=reasons,
            notes={NOTES[name]: number for name, number in sorted(self._store.notes.items())},
            suspected_duplicates=count,
            duplicates=tuple(pairs),
            unknown=tuple(_unknown(self._sources, self._read, count)),
        )

    def _reasons(self) -> tuple[RejectionReason, ...]:
        found: dict[tuple[str, str], RejectionReason] = {}
        for order_id, reasons in self._store.invalid():
            # One kind for all items of an order, so that there are few kinds.
            for (path, code), one in {(_INDEX.sub("[]", one.path), one.code): one for one in reasons}.items():
                kind = found.setdefault((path, code), RejectionReason(code, path, one.message))
                kind.orders += 1
                if len(kind.samples) < MOST_SAMPLES:
                    kind.samples.append(order_id)
        return tuple(sorted(found.values(), key=lambda kind: -kind.orders))


def _unknown(sources: LegacySources, read: SourceCounts, duplicates: int) -> Iterator[str]:
    yield "when each order arrived: ReceivedAt of a moved order is the time of the move"
    if read.items_without_object:
        yield f"what was sent where there is no object: rebuilt from the item ({read.items_without_object:,})"
    if duplicates:
        yield f"which suspected duplicates are one order that was stored twice: all are kept ({duplicates:,})"
    if sources.stream is None:
        yield "whether the old function lost records of its stream: --from-stream was not given"
    elif read.delivering and read.unstored:
        yield (
            f"whether the old function will still store what only the stream has ({read.unstored:,}):"
            f" disable event source mapping {', '.join(read.delivering)}, and adopt again"
        )
