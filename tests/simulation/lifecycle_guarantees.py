"""The promises about events as checks on the simulated world (G10, and the versions of G11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from orderstream.domain.decode import decode
from orderstream.domain.fold import PENDING_ORDER, STATE, applied_hashes, fold, is_placeholder, version_of
from orderstream.domain.lifecycle import TRANSITIONS
from orderstream.domain.order_event import position_hash
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.attributes import plain_value
from orderstream.testing.fakes import Item
from tests.simulation.ledger import Ledger
from tests.simulation.traffic import Sent

Plain = dict[str, Any]


class LifecycleGuarantees:
    """Looks for events that are lost, stale or applied twice. `broken` raises."""

    def __init__(
        self, ledger: Ledger, broken: Callable[[str, str], NoReturn], happened: Counter[str]
    ) -> None:
        self._ledger = ledger
        self._broken = broken
        self._happened = happened

    def check_update(self, before: Item, after: Item) -> None:
        """Each change of an item is one version and one event, which is stored and archived."""
        old, new = _plain(before), _plain(after)
        if version_of(new) != version_of(old) + 1:
            self._broken("G11", f"version {version_of(new)} follows version {version_of(old)}")
        had, has = applied_hashes(old), applied_hashes(new)
        if not had < has or len(has) != len(had) + 1:
            self._broken("G11", f"a version with {has - had} more events and without {had - has}")
        if not has <= {position_hash(row["Position"]) for row in self._rows(new["OrderID"])}:
            self._broken("G10", f"{new['OrderID']} has an event that is not stored")
        self._happened["applied an event"] += 1
        self._happened["ceased to be forbidden"] += new.get("Forbidden", 0) < old.get("Forbidden", 0)
        self._happened["forbidden"] += new.get("Forbidden", 0) > old.get("Forbidden", 0)
        self._happened["gap"] += "MissingSeq" in new

    def is_accounted_for(self, one: Sent) -> bool:
        """Whether an event is stored, and applied, unless its order's item says that events wait."""
        read = decode(one.data).event
        assert read
        sent = read.sent
        # Without any of these it is another event in each record.
        is_named = sent.event_id is not None or sent.seq is not None or sent.occurred_at is not None
        rows = [
            row
            for row in self._rows(one.order_id)
            if row["Position"].split("/")[1] == read.fingerprint
            and (is_named or row["EventID"] == one.event_id)
        ]
        if not rows:
            return False
        for row in rows:
            lines = self._ledger.lines(row["ArchiveKey"])
            line = lines.get(row["EventID"])
            if line is None or decode(original_bytes(line)).fingerprint != read.fingerprint:
                self._broken("G4", f"the archive does not hold {row}")
        item = self._ledger.items.get(one.order_id)
        if item is None:
            return False
        plain = _plain(item)
        self._happened["waits for its order"] += is_placeholder(plain)
        hashes = {position_hash(row["Position"]) for row in rows}
        return plain.get("Pending") == PENDING_ORDER or not hashes.isdisjoint(applied_hashes(plain))

    def check_converged(self) -> None:
        """When nothing more happens, each item is the fold of all its events.

        Those of records that were discarded may be stored without being applied: redrive completes them.
        """
        rows_of = {order_id for (order_id, _), row in self._ledger.rows.items() if not self._is_given_up(row)}
        waiting = rows_of - self._ledger.items.keys()
        if waiting:
            self._broken("G10", f"events of {waiting} wait, and nothing says so")
        for order_id, item in self._ledger.items.items():
            plain = _plain(item)
            if is_placeholder(plain):
                continue
            has = applied_hashes(plain)
            rows = [
                row
                for row in self._rows(order_id)
                if position_hash(row["Position"]) in has or not self._is_given_up(row)
            ]
            if not rows:
                continue
            expected = fold(plain, rows, TRANSITIONS).state | {"Version": 1 + len(rows)}
            found = {name: value for name, value in plain.items() if name in STATE}
            if found != expected:
                self._broken("G10", f"{order_id} is {found}, its events make {expected}")

    def _is_given_up(self, row: Mapping[str, Any]) -> bool:
        event_id = row["EventID"]
        record = event_id["S"] if isinstance(event_id, dict) else event_id
        return ":".join(record.split(":")[:2]) in self._ledger.given_up

    def _rows(self, order_id: str) -> list[Plain]:
        return [_plain(row) for (of, _), row in self._ledger.rows.items() if of == order_id]


def _plain(item: Item) -> Plain:
    found: Plain = plain_value({"M": item})
    return found
