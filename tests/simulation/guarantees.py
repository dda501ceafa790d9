"""The promises of the README as checks on the simulated world. A broken one raises Broken."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

from orderstream.aws.kinesis_event import EventRecord
from orderstream.domain.fold import STATE
from orderstream.domain.object_keys import ORDERS, QUARANTINE
from orderstream.errors import CloudError
from orderstream.local.esm.lanes import Discarded, Rules
from orderstream.pipeline.archive_codec import ArchiveLine, original_bytes
from orderstream.testing.fakes import Item
from tests.simulation.ledger import Ledger
from tests.simulation.lifecycle_guarantees import LifecycleGuarantees
from tests.simulation.traffic import CUSTOMER, Sent

_OUTCOMES = ("Stored", "Events", "Duplicates", "Conflicts", "Invalid", "Failed")


class Broken(AssertionError):
    """A guarantee that does not hold."""


class Guarantees:
    """Looks for anything that should not be. `happened` counts what was seen."""

    def __init__(self, ledger: Ledger, happened: Counter[str]) -> None:
        self.is_broken = False
        self._ledger = ledger
        self._happened = happened
        self._first_seen: dict[str, Item] = {}
        self._checkpoints: dict[str, int] = {}
        self._outcomes: set[tuple[str, str]] = set()
        self.lifecycle = LifecycleGuarantees(ledger, self.broken, happened)

    def broken(self, guarantee: str, message: str) -> NoReturn:
        self.is_broken = True
        raise Broken(f"{guarantee}: {message}")

    def check_insert(self, item: Item) -> None:
        """G3 and G4 at the moment in which an item is written."""
        self._ledger.refresh()
        order_id = item["OrderID"]["S"]
        author = self._ledger.author(item)
        if author is None or author.content is None or author.order_id != order_id:
            self.broken("G2", f"an item {order_id} of what is no such order: {author}")
        if order_id in self._first_seen:
            self.broken("G3", f"the item {order_id} is written over")
        self._first_seen[order_id] = _as_sent(item)
        self._check_archived(item)

    def check_items(self) -> None:
        """G2, G3 and G4 of all items there are."""
        items = {
            order_id: _as_sent(item) for order_id, item in self._ledger.items.items() if "EventID" in item
        }
        if items != self._first_seen:
            changed = {name for name in items if items[name] != self._first_seen.get(name)}
            self.broken("G3", f"items changed or went: {changed or self._first_seen.keys() - items}")
        events = [item["EventID"]["S"] for item in items.values()]
        if len(events) != len(set(events)):
            self.broken("G2", "a record is more than one item")
        for item in items.values():
            self._check_archived(item)

    def check_done(self, event_id: str) -> None:
        """G1 and G5: a record that the event source will not deliver again is accounted for."""
        if self._ledger.given_up.get(event_id) == self._ledger.put[event_id]:
            return
        if not self._ledger.records_in(event_id):
            self.broken("G1", f"{event_id} is nothing at all")
        for one in self._ledger.records_in(event_id):
            if not self._is_accounted_for(one):
                self.broken("G1", f"{one} is neither stored nor quarantined nor discarded")
            if self._ledger.layout == "batch" and not any(
                original_bytes(line) == one.data for line in self._ledger.find(ORDERS, one.event_id)
            ):
                self.broken("G4", f"{one} is not in the archive")

    def check_answer(self, events: list[str], answer: dict[str, Any], log: str, *, faultless: bool) -> None:
        """What is not reported is done; without faults everything is.

        The log names nobody (G8), and its counts add up: each record has one outcome.
        """
        self._ledger.refresh()
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        if faultless and failed:
            self.broken("G1", f"{failed} reported though nothing went wrong")
        for event_id in events:
            if event_id.partition(":")[2] not in failed:
                self.check_done(event_id)
        if CUSTOMER in log:
            self.broken("G8", f"a customer in the log: {log}")
        counts = json.loads(log.splitlines()[0])
        if counts["Received"] != sum(counts[name] for name in _OUTCOMES):
            self.broken("G1", f"the counts of a batch do not add up: {counts}")

    def check_error(self, error: Exception, *, may_raise: bool) -> None:
        """An invocation fails as a whole when the archive or the table as such cannot be used, else never."""
        if not (may_raise and isinstance(error, CloudError)):
            self.is_broken = True
            raise error

    def check_checkpoint(self, shard_id: str, reached: str | None, *, restarted: bool = False) -> None:
        """A checkpoint goes back at a restart only."""
        number = int(reached or 0)
        if number < self._checkpoints.get(shard_id, 0) and not restarted:
            self.broken("G1", f"the checkpoint of {shard_id} went back to {number}")
        self._checkpoints[shard_id] = number

    def check_discarded(self, discarded: Discarded, record: EventRecord, rules: Rules, now: float) -> None:
        """A record is discarded only for a limit that is set and reached."""
        if discarded.condition == "RecordAgeExceeded":
            allowed = 0 <= rules.max_age_seconds < now - record.arrived_at
        else:
            allowed = 0 <= rules.max_retries < discarded.invocations
        if not allowed:
            self.broken("G1", f"{record.sequence_number} was discarded: {discarded.condition}, {rules}")

    def _check_archived(self, item: Item) -> None:
        lines = self._ledger.lines(item["ArchiveKey"]["S"])
        author = self._ledger.author(item)
        assert author
        if self._ledger.layout == "batch":
            line = lines.get(author.event_id)
            kept = line is not None and original_bytes(line) == author.data
        else:
            # The object is that of the first who said so; another spelling of it is the same order.
            kept = len(lines) == 1 and all(self._says_the_same(line, author) for line in lines.values())
        if not kept:
            self.broken("G4", f"the archive does not hold the bytes of {author}, only {lines}")

    def _says_the_same(self, line: ArchiveLine, author: Sent) -> bool:
        sent = self._ledger.inner[line.event_id]
        return original_bytes(line) == sent.data and (sent.order_id, sent.content) == (
            author.order_id,
            author.content,
        )

    def _is_accounted_for(self, one: Sent) -> bool:
        if one.is_event:
            return self.lifecycle.is_accounted_for(one)
        entries = list(self._ledger.find(QUARANTINE, one.event_id))
        for line in entries:
            self._check_quarantined(one, line)
        if one.content is None:
            return bool(entries)
        item = self._ledger.items.get(one.order_id)
        author = self._ledger.author(item) if item else None
        stored = author is not None and author.content == one.content
        if stored and entries:
            self.broken("G3", f"{one} is quarantined though the item says the same: {entries}")
        if stored:
            self._note(one, "made an item" if author is one else "was there already")
        return stored or bool(entries)

    def _check_quarantined(self, one: Sent, line: ArchiveLine) -> None:
        if original_bytes(line) != one.data:
            self.broken("G5", f"the quarantine does not hold the bytes of {one}")
        if not line.reasons or not all(reason["message"] for reason in line.reasons):
            self.broken("G5", f"no reason for {one}")
        code = line.reasons[0]["code"]
        self._note(one, f"quarantined: {code if code in ('conflict', 'refused_by_table') else 'bad'}")
        if code == "conflict":
            self._check_conflict(one, line)
        elif (code == "refused_by_table") != one.refused or (one.content is not None and not one.refused):
            self.broken("G5", f"{one} is quarantined as {code}")

    def _check_conflict(self, one: Sent, line: ArchiveLine) -> None:
        rivals = [
            self._ledger.inner[there.event_id]
            for there in self._ledger.lines((line.stored or {})["ArchiveKey"]).values()
        ]
        if not any(
            rival.order_id == one.order_id and rival.content not in (None, one.content) for rival in rivals
        ):
            self.broken("G3", f"a conflict of {one}, but with what? {line.stored}")

    def _note(self, one: Sent, outcome: str) -> None:
        if (one.event_id, outcome) not in self._outcomes:
            self._outcomes.add((one.event_id, outcome))
            self._happened[outcome] += 1


def _as_sent(item: Item) -> Item:
    """An item without what its events change."""
    return {name: value for name, value in item.items() if name not in STATE}
