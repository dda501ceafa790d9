"""Erase a customer's orders from table, archive, quarantine and discarded batches, and old versions too."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from orderstream.archive import cache
from orderstream.archive.compact import delete, written
from orderstream.archive.customer_items import delete_items, order_ids_of
from orderstream.archive.customer_orders import count_events, delete_events, find_orders
from orderstream.archive.data_subject import DataSubject
from orderstream.archive.lease import Lease
from orderstream.archive.manifests import Chain, SealedObject, attested, digest, hour_text
from orderstream.archive.noncurrent_versions import delete_noncurrent
from orderstream.archive.receipt import ErasureReceipt, StampedReceipt
from orderstream.archive.redaction import Redaction, redactions
from orderstream.aws.deployment import Deployment
from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import (
    DISCARDED,
    ERASURES,
    RESUBMITTED,
    hour_of,
    hour_of_key,
    is_compacted,
    marker_key,
)
from orderstream.errors import NotFoundError
from orderstream.files.scratch import ScratchFolder
from orderstream.progress import Progress
from orderstream.recovery.dead_letters import redrive_markers, url
from orderstream.recovery.resubmissions import read_note, write_lines
from orderstream.sdk.errors import translate_errors
from orderstream.storage import bucket
from orderstream.storage.tombstones import erased_in_hour, write_tombstones


def plan(deployment: Deployment, customer_id: str, *, currency: str, progress: Progress) -> ErasureReceipt:
    """Report what `forget` would do, without changing anything."""
    return _Erasure(deployment, customer_id, "", currency, progress).plan()


def erase_customer(
    deployment: Deployment, customer_id: str, *, reason: str, currency: str, progress: Progress
) -> StampedReceipt:
    """Remove all data of a customer. If interrupted, it can be run again.

    `currency` is the default for other customers' orders without one. The local cache of `orders archive
    query` is cleared too. Raises NotFoundError, with nothing changed, if there is no data of the customer;
    CloudError while the archive is in use.
    """
    with Lease(deployment, "orders archive forget") as lease:
        erasure = _Erasure(deployment, customer_id, reason, currency, progress)
        chain = Chain(deployment)
        try:
            receipt = erasure.run(chain, lease)
        finally:
            if not erasure.receipt.is_empty:
                cache.clear(deployment)
        if receipt.is_empty:
            raise nothing_found(customer_id, receipt)
        manifest = chain.append("", "erasure", [], note=receipt.sha256)
        return StampedReceipt(
            receipt, manifest.number, chain.head.sha256, receipt.is_complete, len(erasure.person.shared)
        )


def nothing_found(customer_id: str, receipt: ErasureReceipt) -> NotFoundError:
    """The error that no data of a customer was found, at least in what is readable."""
    if receipt.problems:
        unread = f", as far as it can be read: {len(receipt.problems):,} problems"
        hint = f"orders archive forget --customer {shlex.quote(customer_id)} --dry-run names them"
    else:
        unread, hint = "", "is the id spelled as the sender spells it?"
    return NotFoundError(f"nothing found of customer {customer_id}{unread}; nothing was changed", hint=hint)


class _Erasure:
    """One erasure, which counts what it does in `receipt`."""

    def __init__(
        self,
        deployment: Deployment,
        customer_id: str,
        reason: str,
        currency: str,
        progress: Progress,
    ) -> None:
        self._deployment = deployment
        self.person = DataSubject(customer_id)
        self._currency = currency
        self._progress = progress
        self._events: set[str] = set()
        self._noted = 0
        self._written: set[str] = set()
        self.receipt = ErasureReceipt(uuid.uuid4().hex, utc_text(deployment.cloud.now()), reason)

    def plan(self) -> ErasureReceipt:
        """Count the customer's data."""
        self.receipt.items = len(set(order_ids_of(self._deployment, self.person.customer_id)))
        self.person.order_ids = find_orders(self._deployment, self.person, self._progress)
        self.receipt.events = count_events(self._deployment, self.person.order_ids)
        with ScratchFolder("forget") as folder:
            for _, found in self._changes(Path(folder)):
                self._count(found)
        self._failures(None)
        self._notes(dry_run=True)
        self._versions(dry_run=True)
        self.receipt.problems += self.person.unsure.values()
        return self.receipt

    def run(self, chain: Chain, lease: Lease) -> ErasureReceipt:
        """Remove the data: first events, then items, which refer to objects, then the objects' content.

        An event does not say whose it is. So events go while their orders can still be found: whenever this
        is interrupted, those that are left are found again.
        """
        cloud, stack, person = self._deployment.cloud, self._deployment, self.person
        person.order_ids = find_orders(stack, person, self._progress)
        self.receipt.events = delete_events(stack, person.order_ids)
        if person.order_ids and person.saw_events:
            person.only_events = True
            self._redact(chain, lease)
            self._failures(chain)
            person.only_events = False
        deleted = delete_items(stack, person.customer_id, sorted(person.order_ids))
        order_ids = person.order_ids | self._redact(chain, lease)
        self._failures(chain)
        self._notes(dry_run=False)
        # An index may lag behind, and a replay may have restored some in the meantime.
        deleted += delete_items(stack, person.customer_id, sorted(order_ids))
        self.receipt.events += delete_events(stack, person.order_ids)
        self.receipt.items = deleted
        lease.check()
        self._versions(dry_run=False)
        self._drop_leftovers()
        self.receipt.problems += self.person.unsure.values()
        with translate_errors(f"cannot read the retention of {stack.stream}"):
            summary = cloud.kinesis.describe_stream_summary(StreamName=stack.stream)
        hours = summary["StreamDescriptionSummary"]["RetentionPeriodHours"]
        self.receipt.on_stream_until = utc_text(cloud.now() + timedelta(hours=hours))
        return self.receipt

    def _redact(self, chain: Chain, lease: Lease) -> set[str]:
        """Remove the customer from archive and quarantine; return the order ids that their records have."""
        order_ids: set[str] = set()
        with ScratchFolder("forget") as folder:
            for begins, found in self._changes(Path(folder)):
                lease.check()
                self._count(found)
                order_ids.update(*(change.order_ids for change in found))
                self._apply(chain, lease, begins, found)
        return order_ids

    def _changes(self, folder: Path) -> Iterator[tuple[datetime, list[Redaction]]]:
        stack, person, progress = self._deployment, self.person, self._progress
        return redactions(
            stack, person, self._currency, folder, damaged=self._note_damaged, progress=progress
        )

    def _note_damaged(self, what: str) -> None:
        # Objects are read more than once.
        if what not in self.receipt.problems:
            self.receipt.problems.append(what)

    def _count(self, found: list[Redaction]) -> None:
        self.receipt.objects += sum(change.key not in self._written for change in found)
        events = {event for change in found for event in change.events}
        self.receipt.records += len(events - self._events)
        self._events |= events

    def _apply(self, chain: Chain, lease: Lease, begins: datetime, found: list[Redaction]) -> None:
        """Replace the objects of an hour: write the new ones, then a manifest that lists them, then delete
        the old.
        """
        events = sorted({event for change in found for event in change.events})
        if events:
            chain.append("", "erased", [self._note(begins, events)], self.receipt.id)
        new: dict[str, SealedObject | None] = {}
        for change in found:
            new[change.key] = self._new(lease, begins, change)
        self._seal(chain, begins, found, new)
        for change in found:
            if change.left and not is_compacted(change.key):
                with translate_errors(f"cannot write s3://{self._deployment.bucket}/{change.key}"):
                    body = change.left.read_bytes()
                    self._deployment.cloud.s3.put_object(
                        Bucket=self._deployment.bucket, Key=change.key, Body=body
                    )
        kept = {one.key for one in new.values() if one}
        self._written |= kept
        delete(self._deployment, [change.key for change in found if change.key not in kept])

    def _note(self, hour: datetime, events: list[str]) -> SealedObject:
        """Record which events are erased, for a manifest to attest, before any of them is removed."""
        # An hour may have several: for its objects, for objects with one order each, for batches.
        self._noted += 1
        erasure = f"{self.receipt.id}-{self._noted}"
        key, body = write_tombstones(self._deployment, hour, erasure, events)
        return SealedObject(key, digest(body), len(body), len(events))

    def _new(self, lease: Lease, begins: datetime, change: Redaction) -> SealedObject | None:
        """The replacement of an object. A compacted one has another name and is written immediately."""
        if change.left is None:
            return None
        if is_compacted(change.key):
            return written(self._deployment, lease, begins, change.left, change.lines)
        sha256 = bucket.file_digest(change.left)
        return SealedObject(change.key, sha256, change.left.stat().st_size, change.lines)

    def _seal(
        self, chain: Chain, begins: datetime, found: list[Redaction], new: dict[str, SealedObject | None]
    ) -> None:
        manifest = chain.of_hour(hour_text(begins))
        # An object that was altered since it was sealed remains reported as altered.
        were = {(change.key, change.old_sha256) for change in found}
        is_replaced = [(one.key, one.sha256) in were for one in manifest.objects] if manifest else []
        if manifest and any(is_replaced):
            objects = [
                new[one.key] if replaced else one
                for one, replaced in zip(manifest.objects, is_replaced, strict=True)
            ]
            chain.append(manifest.hour, "erased", [one for one in objects if one], self.receipt.id)

    def _failures(self, chain: Chain | None) -> None:
        """Remove the customer from discarded batches; without a chain, only count."""
        marks = {entry.key for entry in redrive_markers(self._deployment)}
        discarded = self._deployment.discarded
        there = bucket.fetch_all(discarded, bucket.list_prefix(discarded, DISCARDED))
        for done, (entry, body) in enumerate(there, start=1):
            self._progress("batches that Lambda discarded", done)
            left, records = self.person.redact_batch(url(discarded, entry.key), body)
            if not records:
                continue
            self.receipt.failed += len(records)
            self._events.update(record.event_id for record in records)
            if chain is None:
                continue
            attested = [
                self._note(hour, [one.event_id for one in some])
                for hour, some in groupby(records, lambda one: hour_of(one.arrived_at))
            ]
            if left is not None:
                attested.append(SealedObject(entry.key, digest(left), len(left), 0))
            chain.append("", "erased", attested, self.receipt.id)
            if left is None:
                # A marker without its batch would remain, but a batch without its marker is found again.
                delete(self._deployment, sorted({marker_key(entry.key)} & marks))
                delete(discarded, [entry.key])
                continue
            with translate_errors(f"cannot write {url(discarded, entry.key)}"):
                discarded.cloud.s3.put_object(Bucket=discarded.bucket, Key=entry.key, Body=left)

    def _notes(self, *, dry_run: bool) -> None:
        """Remove the notes on erased records, including those of an interrupted erasure."""
        entries = bucket.list_by_hour(self._deployment, RESUBMITTED)
        for hour, of_hour in groupby(entries, lambda entry: hour_of_key(entry.key)):
            objects = list(of_hour)
            erased = self._events | erased_in_hour(self._deployment, hour)
            for entry, body in bucket.fetch_all(self._deployment, objects):
                lines = body.splitlines()
                events = [note.event_id if (note := read_note(line)) else "" for line in lines]
                kept = [line for line, event in zip(lines, events, strict=True) if event not in erased]
                self.receipt.notes += len(lines) - len(kept)
                self._events |= erased.intersection(events)
                if len(kept) < len(lines) and not dry_run:
                    # Objects of notes are written once, so the remaining notes go into a new one.
                    if kept:
                        write_lines(self._deployment, hour, kept)
                    delete(self._deployment, [entry.key])

    def _drop_leftovers(self) -> None:
        """Remove unattested tombstones of interrupted erasures, whose events have been recorded again."""
        known = attested(self._deployment)
        entries = bucket.list_by_hour(self._deployment, ERASURES)
        for _, of_hour in groupby(entries, lambda entry: hour_of_key(entry.key)):
            tombstones = list(of_hour)
            if all(entry.key in known for entry in tombstones):
                continue
            noted = {
                entry.key: set(body.decode(errors="replace").splitlines())
                for entry, body in bucket.fetch_all(self._deployment, tombstones)
            }
            again = set().union(*(events for key, events in noted.items() if key in known))
            leftovers = [key for key, events in noted.items() if key not in known and events <= again]
            delete(self._deployment, leftovers)

    def _versions(self, *, dry_run: bool) -> None:
        removed = delete_noncurrent(
            self._deployment, self.person, self._events, dry_run=dry_run, progress=self._progress
        )
        self.receipt.versions = removed.versions
        self.receipt.locked = len(removed.locked)
        self.receipt.locked_until = max(map(utc_text, removed.locked.values()), default=None)
        self.receipt.problems += removed.problems
