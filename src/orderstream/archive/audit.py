"""Audit: verify the archive against its manifests, and report what was altered, removed or inserted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from orderstream.archive.discarded_batches import verify_batches
from orderstream.archive.evidence import Finding, foreign_object, unsealed_findings
from orderstream.archive.expected_objects import ExpectedObjects, Expiry, expiry_days, touches
from orderstream.archive.manifests import (
    GENESIS_HASH,
    Chain,
    Head,
    Manifest,
    digest,
    hour_text,
    links,
    parsed,
)
from orderstream.archive.receipt import StampedReceipt
from orderstream.archive.seal import hour_of_single_order, unknown_keys
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import LINES, hour_of_key, is_compacted
from orderstream.errors import DamagedError
from orderstream.progress import Progress, no_progress
from orderstream.storage import bucket
from orderstream.storage.bucket import ALL_TIME, ObjectSummary, TimeRange

# The archive may be compacted during an audit, which is then repeated.
_ATTEMPTS = 3


@dataclass
class Audit:
    """What was read, and what was found.

    `repeated` objects arrived after their hour was sealed and contain nothing new; `unsealed` ones belong to
    hours that are not sealed yet; `expired` ones were removed by the bucket's lifecycle rules. Record `head`
    elsewhere: a later audit can check that it is still in the chain.
    """

    manifests: int = 0
    hours: int = 0
    objects: int = 0
    bytes: int = 0
    repeated: int = 0
    unsealed: int = 0
    expired: int = 0
    head: Head | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to hash, and nothing expected: then there is no verdict."""
        return not (self.hours or self.objects or self.expired or self.findings)


def audit(
    deployment: Deployment,
    span: TimeRange = ALL_TIME,
    *,
    noted: Head | None = None,
    receipt: StampedReceipt | None = None,
    progress: Progress = no_progress,
) -> Audit:
    """Read the chain, and hash every object of the hours that `span` touches.

    `noted` is a head recorded earlier, `receipt` that of an erasure: both must be in the chain. `progress` is
    called with what is being read and the count so far.
    """
    for _ in range(_ATTEMPTS - 1):
        found = _audit(deployment, span, noted, receipt, progress)
        if not found.findings or (found.head or Head(0, GENESIS_HASH)) == Chain(deployment).head:
            return found
    return _audit(deployment, span, noted, receipt, progress)


def _audit(
    deployment: Deployment,
    span: TimeRange,
    noted: Head | None,
    receipt: StampedReceipt | None,
    progress: Progress,
) -> Audit:
    found = Audit()
    with ExpectedObjects() as expected:
        _read_chain(deployment, expected, noted, receipt, found, progress)
        expected.restrict(span)
        found.hours = expected.hours
        late: dict[str, list[ObjectSummary]] = {}
        is_kept = Expiry(expiry_days(deployment), deployment.cloud.now()).is_kept
        for entry, hour, sha256, size in _objects(deployment, span, found):
            found.objects += 1
            found.bytes += size
            progress("objects", found.objects)
            was = expected.take(entry.key)
            if was is not None and was != sha256:
                detail = f"its SHA-256 was {was} when it was sealed, and is {sha256}"
                found.findings.append(Finding("tampered", entry.key, detail))
            elif was is None and hour <= expected.last_hour:
                late.setdefault(hour, []).append(entry)
            elif was is None:
                found.unsealed += 1
        for key, was_there in expected.left(is_kept):
            if was_there:
                found.findings.append(Finding("removed", key, "was sealed, and is not there any more"))
            else:
                found.expired += 1
        for hour, entries in late.items():
            unexplained = unknown_keys(deployment, expected.of_hour(hour), entries)
            found.repeated += len(entries) - len(unexplained)
            for key in unexplained:
                detail = f"is in no manifest, and its hour {hour} was sealed without it"
                found.findings.append(Finding("inserted", key, detail))
        found.findings += unsealed_findings(deployment, span, expected.attested, is_kept)
        found.findings += verify_batches(deployment, span, expected.attested, is_kept, progress=progress)
    return found


def _read_chain(
    deployment: Deployment,
    expected: ExpectedObjects,
    noted: Head | None,
    receipt: StampedReceipt | None,
    found: Audit,
    progress: Progress,
) -> None:
    """Follow the chain from its beginning, and expect what the last manifest of each hour lists."""
    before = Head(0, GENESIS_HASH)
    is_noted, is_stamped = noted is None, receipt is None
    entries = (
        bucket.summary_for_key(link.key)
        for link in links(deployment, foreign=lambda key: found.findings.append(foreign_object(key)))
    )
    for entry, body in bucket.fetch_all(deployment, entries):
        try:
            manifest = parsed(deployment, entry.key, body)
        except DamagedError as error:
            found.findings.append(Finding("broken_chain", entry.key, error.message))
            continue
        if manifest.number != before.number + 1:
            detail = f"follows number {before.number}: what was between is not there"
            found.findings.append(Finding("broken_chain", entry.key, detail))
        elif manifest.previous != before.sha256:
            detail = f"was made after another manifest {before.number} than the one that is there"
            found.findings.append(Finding("broken_chain", entry.key, detail))
        before = Head(manifest.number, digest(body))
        is_noted = is_noted or before == noted
        is_stamped = is_stamped or _is_stamp(manifest, before, receipt)
        for key in expected.add(manifest):
            detail = f"omits {key}, which was sealed before, and {manifest.act} does not justify that"
            found.findings.append(Finding("broken_chain", entry.key, detail))
        found.manifests += 1
        progress("manifests", found.manifests)
    found.head = before if before.number else None
    if noted and not is_noted:
        detail = f"the head {noted.number}:{noted.sha256} that was noted is not in the chain"
        found.findings.append(Finding("broken_chain", f"number {noted.number}", detail))
    if receipt and not is_stamped:
        detail = f"no manifest {receipt.manifest}:{receipt.sha256} has the hash of this receipt"
        found.findings.append(Finding("no_receipt", receipt.receipt.id, detail))


def _is_stamp(manifest: Manifest, place: Head, receipt: StampedReceipt | None) -> bool:
    """Whether this is the manifest that was written with the receipt."""
    return (
        receipt is not None
        and place == Head(receipt.manifest, receipt.sha256)
        and (manifest.act, manifest.note) == ("erasure", receipt.receipt.sha256)
    )


def _objects(
    deployment: Deployment, span: TimeRange, found: Audit
) -> Iterator[tuple[ObjectSummary, str, str, int]]:
    """Every object of the hours of `span`, with its hour, SHA-256 and size. Foreign ones become findings."""

    def note(entry: ObjectSummary) -> None:
        found.findings.append(foreign_object(entry.key))

    for prefix in LINES:
        entries = bucket.list_by_hour(deployment, prefix, span, foreign=note)
        for entry, body in bucket.fetch_all(deployment, entries):
            hour = hour_text(hour_of_key(entry.key))
            if is_compacted(entry.key):
                yield entry, hour, *bucket.digest(deployment, entry.key)
            else:
                yield entry, hour, hashlib.sha256(body).hexdigest(), len(body)
    for entry, body in bucket.fetch_all(deployment, bucket.list_single_orders(deployment, span)):
        hour = hour_text(hour_of_single_order(deployment, entry, body))
        if touches(span, hour):
            yield entry, hour, hashlib.sha256(body).hexdigest(), len(body)
