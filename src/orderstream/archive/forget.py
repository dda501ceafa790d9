"""Erasure: a customer's orders go from table, archive, quarantine and what AWS gave up; old versions too."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import msgspec

from orderstream.archive.compact import delete, written
from orderstream.archive.customer_items import delete_items, order_ids_of
from orderstream.archive.lease import Lease
from orderstream.archive.manifests import Chain, Sealed, hour_text
from orderstream.archive.person import Person
from orderstream.archive.receipt import Receipt, Stamped
from orderstream.archive.rewriting import Change, changes
from orderstream.archive.versions import remove_old
from orderstream.domain.identity import hour_of
from orderstream.domain.values import utc_text
from orderstream.errors import NotFoundError
from orderstream.ops import bucket
from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.erased import note_erased
from orderstream.ops.failures import PREFIX as FAILED
from orderstream.ops.notes import PREFIX as NOTED
from orderstream.ops.notes import Note
from orderstream.ops.scratch import ScratchFolder
from orderstream.ops.stack import Stack

Progress = Callable[[str, int], None]


def plan(cloud: Cloud, stack: Stack, customer_id: str, *, currency: str, progress: Progress) -> Receipt:
    """What `forget` would do; nothing is changed."""
    return _Erasure(cloud, stack, customer_id, "", currency, progress).look()


def forget(
    cloud: Cloud, stack: Stack, customer_id: str, *, reason: str, currency: str, progress: Progress
) -> Stamped:
    """Remove all that is known of a customer. Interrupted, it can be run again.

    Orders of others that name no currency are in `currency`. Raises NotFoundError where there is nothing of
    the customer, and then has changed nothing; CloudError while the archive is in use.
    """
    with Lease(cloud, stack, "orders forget") as lease:
        erasure = _Erasure(cloud, stack, customer_id, reason, currency, progress)
        chain = Chain(cloud, stack)
        receipt = erasure.do(chain, lease)
        if receipt.is_empty:
            raise nothing_found(customer_id, receipt)
        manifest = chain.append("", "erasure", [], note=receipt.sha256)
        return Stamped(receipt, manifest.number, chain.head.sha256)


def nothing_found(customer_id: str, receipt: Receipt) -> NotFoundError:
    """The error that there is nothing of a customer, at least in what can be read."""
    if receipt.problems:
        unread = f", as far as it can be read: {len(receipt.problems):,} problems"
        hint = f"orders forget --customer {shlex.quote(customer_id)} --dry-run names them"
    else:
        unread, hint = "", "is the id spelled as the sender spells it?"
    return NotFoundError(f"nothing found of customer {customer_id}{unread}; nothing was changed", hint=hint)


class _Erasure:
    """One erasure: it counts in `receipt` what it does."""

    def __init__(
        self, cloud: Cloud, stack: Stack, customer_id: str, reason: str, currency: str, progress: Progress
    ) -> None:
        self._cloud = cloud
        self._stack = stack
        self._person = Person(customer_id)
        self._currency = currency
        self._progress = progress
        self._events: set[str] = set()
        self.receipt = Receipt(uuid.uuid4().hex, utc_text(cloud.now()), reason)

    def look(self) -> Receipt:
        """Count what there is."""
        self.receipt.items = len(set(order_ids_of(self._cloud, self._stack, self._person.customer_id)))
        with ScratchFolder("forget") as folder:
            for _, found in self._changes(Path(folder)):
                self._count(found)
        self._failures(dry_run=True)
        self._notes(dry_run=True)
        self._versions(dry_run=True)
        return self.receipt

    def do(self, chain: Chain, lease: Lease) -> Receipt:
        """Remove it: first the items, which name objects, then what is in the objects."""
        cloud, stack, customer_id = self._cloud, self._stack, self._person.customer_id
        deleted = delete_items(cloud, stack, customer_id, order_ids_of(cloud, stack, customer_id))
        order_ids: set[str] = set()
        with ScratchFolder("forget") as folder:
            for begins, found in self._changes(Path(folder)):
                lease.check()
                self._count(found)
                order_ids.update(*(change.order_ids for change in found))
                self._apply(chain, lease, begins, found)
        self._failures(dry_run=False)
        self._notes(dry_run=False)
        # An index may lag behind, and a replay may have brought some back meanwhile.
        deleted += delete_items(cloud, stack, customer_id, sorted(order_ids))
        self.receipt.items = deleted
        lease.check()
        self._versions(dry_run=False)
        with cloud_errors(f"cannot read the retention of {stack.stream}"):
            summary = cloud.kinesis.describe_stream_summary(StreamName=stack.stream)
        hours = summary["StreamDescriptionSummary"]["RetentionPeriodHours"]
        self.receipt.on_stream_until = utc_text(cloud.now() + timedelta(hours=hours))
        return self.receipt

    def _changes(self, folder: Path) -> Iterator[tuple[datetime, list[Change]]]:
        return changes(
            self._cloud,
            self._stack,
            self._person,
            self._currency,
            folder,
            damaged=self.receipt.problems.append,
            progress=self._progress,
        )

    def _count(self, found: list[Change]) -> None:
        self.receipt.objects += len(found)
        for change in found:
            self._events.update(change.events)
        self.receipt.records = len(self._events)

    def _apply(self, chain: Chain, lease: Lease, begins: datetime, found: list[Change]) -> None:
        """Replace the objects of an hour: the new ones first, a manifest that names them, then the old go."""
        events = sorted({event for change in found for event in change.events})
        if events:
            note_erased(self._cloud, self._stack, begins, self.receipt.id, events)
        new: dict[str, Sealed | None] = {}
        for change in found:
            new[change.key] = self._new(lease, begins, change)
        self._seal(chain, begins, found, new)
        for change in found:
            if change.left and not bucket.is_compacted(change.key):
                with cloud_errors(f"cannot write s3://{self._stack.bucket}/{change.key}"):
                    body = change.left.read_bytes()
                    self._cloud.s3.put_object(Bucket=self._stack.bucket, Key=change.key, Body=body)
        kept = {one.key for one in new.values() if one}
        delete(self._cloud, self._stack, [change.key for change in found if change.key not in kept])

    def _new(self, lease: Lease, begins: datetime, change: Change) -> Sealed | None:
        """What takes the place of an object; a compacted one gets another name, and is written at once."""
        if change.left is None:
            return None
        if bucket.is_compacted(change.key):
            return written(self._cloud, self._stack, lease, begins, change.left, change.lines)
        sha256 = bucket.file_digest(change.left)
        return Sealed(change.key, sha256, change.left.stat().st_size, change.lines)

    def _seal(
        self, chain: Chain, begins: datetime, found: list[Change], new: dict[str, Sealed | None]
    ) -> None:
        manifest = chain.of_hour(hour_text(begins))
        if manifest is None:
            return
        # An object that was altered since it was sealed stays one that was.
        were = {(change.key, change.old_sha256) for change in found}
        is_replaced = [(one.key, one.sha256) in were for one in manifest.objects]
        if any(is_replaced):
            objects = [
                new[one.key] if replaced else one
                for one, replaced in zip(manifest.objects, is_replaced, strict=True)
            ]
            chain.append(manifest.hour, "erased", [one for one in objects if one], self.receipt.id)

    def _failures(self, *, dry_run: bool) -> None:
        entries = bucket.listed(self._cloud, self._stack, FAILED)
        for done, (entry, body) in enumerate(bucket.bodies(self._cloud, self._stack, entries), start=1):
            self._progress("batches that AWS gave up", done)
            try:
                left, records = self._person.without_records(body)
            except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
                if self._person.is_named_in(body):
                    self.receipt.problems.append(
                        f"{entry.key} names the customer and cannot be read: {error!r}"
                    )
                continue
            if not records:
                continue
            self.receipt.failed += len(records)
            self._events.update(record.event_id for record in records)
            if not dry_run:
                for number, (hour, some) in enumerate(groupby(records, lambda one: hour_of(one.arrived_at))):
                    erasure = f"{self.receipt.id}-{done}-{number}"
                    note_erased(self._cloud, self._stack, hour, erasure, [one.event_id for one in some])
            self._replace(entry.key, left, dry_run=dry_run)

    def _notes(self, *, dry_run: bool) -> None:
        entries = bucket.listed(self._cloud, self._stack, f"{NOTED}/")
        for entry, body in bucket.bodies(self._cloud, self._stack, entries):
            lines = body.splitlines()
            kept = [
                line for line in lines if msgspec.json.decode(line, type=Note).event_id not in self._events
            ]
            if len(kept) < len(lines):
                self.receipt.notes += len(lines) - len(kept)
                self._replace(entry.key, b"\n".join(kept) or None, dry_run=dry_run)

    def _replace(self, key: str, left: bytes | None, *, dry_run: bool) -> None:
        if dry_run:
            return
        if left is None:
            delete(self._cloud, self._stack, [key])
            return
        with cloud_errors(f"cannot write s3://{self._stack.bucket}/{key}"):
            self._cloud.s3.put_object(Bucket=self._stack.bucket, Key=key, Body=left)

    def _versions(self, *, dry_run: bool) -> None:
        removed = remove_old(
            self._cloud, self._stack, self._person, self._events, dry_run=dry_run, progress=self._progress
        )
        self.receipt.versions = removed.versions
        self.receipt.locked = len(removed.locked)
        self.receipt.locked_until = max(map(utc_text, removed.locked.values()), default=None)
        self.receipt.problems += removed.problems
