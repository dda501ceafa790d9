"""Maintenance: seal completed hours and, if requested, compact them; manually or on a schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from orderstream.archive.compact import CompactionResult, compact, sources
from orderstream.archive.lease import Lease
from orderstream.archive.manifests import Chain, Head, attested
from orderstream.archive.seal import hours, seal, sealed_from
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import ERASURES, QUARANTINE
from orderstream.errors import DamagedError
from orderstream.progress import Progress, no_progress
from orderstream.recovery.watermark import watermark
from orderstream.storage import bucket
from orderstream.storage.bucket import TimeRange


@dataclass
class MaintenanceResult:
    """The hours sealed, `late` objects that were not (see `seal`), hours compacted, and the head.

    `problems` list the hours that were left unchanged, and why.
    """

    sealed: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    compacted: list[CompactionResult] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    head: Head | None = None


def maintain(
    deployment: Deployment,
    span: TimeRange,
    *,
    compacting: bool,
    currency: str,
    accept: bool = False,
    is_patient: bool = False,
    has_time: Callable[[], bool] = lambda: True,
    progress: Progress = no_progress,
    now: datetime | None = None,
) -> MaintenanceResult:
    """Seal the completed hours of `span` and, with `compacting`, compact them.

    `currency` is the default for orders without one; for `is_patient` see `hours`. Stops between two hours
    when `has_time` returns False; the rest is done next time. Raises CloudError while another process holds
    the lease.
    """
    kept = MaintenanceResult()
    closed = closed_range(deployment, span, now or deployment.cloud.now())
    doing = "orders archive compact" if compacting else "orders archive seal"
    with Lease(deployment, doing) as lease:
        chain = Chain(deployment)
        for hour in hours(deployment, chain, closed, is_patient=is_patient):
            if not has_time():
                break
            lease.check()
            progress(f"sealing {hour.name}")
            outcome = seal(deployment, chain, hour, accept=accept)
            kept.late += outcome.late
            if outcome.is_new:
                kept.sealed.append(hour.name)
        if accept:
            _accept_erasures(deployment, chain, span)
        for name in chain.not_compacted(closed) if compacting else ():
            if not has_time():
                break
            progress(f"compacting {name}")
            _compact(deployment, chain, lease, name, currency, kept)
        kept.head = chain.head
    return kept


def waiting(deployment: Deployment, span: TimeRange) -> list[tuple[str, int, int]]:
    """The hours that would be compacted, with their objects and bytes; nothing is changed."""
    closed = closed_range(deployment, span, deployment.cloud.now())
    chain = Chain(deployment)
    found = []
    for hour in hours(deployment, chain, closed):
        objects = [entry for entry in hour.entries if not entry.key.startswith(QUARANTINE)]
        if len(objects) > 1:
            found.append((hour.name, len(objects), sum(entry.size for entry in objects)))
    listed = {name for name, _, _ in found}
    for name in chain.not_compacted(closed):
        manifest = chain.of_hour(name)
        old = sources(manifest) if manifest and name not in listed else []
        if old:
            found.append((name, len(old), sum(one.size for one in old)))
    return sorted(found)


def closed_range(deployment: Deployment, span: TimeRange, now: datetime) -> TimeRange:
    """The completed part of `span`: nothing more will arrive for it."""
    end = watermark(deployment, now)
    return TimeRange(span.since, min(span.until, end) if span.until else end)


def _accept_erasures(deployment: Deployment, chain: Chain, span: TimeRange) -> None:
    """Attest tombstones that no manifest attests, after a person has reviewed them."""
    known = attested(deployment)
    new = (entry for entry in bucket.list_by_hour(deployment, ERASURES, span) if entry.key not in known)
    if found := list(sealed_from(deployment, new)):
        chain.append("", "accepted", found)


def _compact(
    deployment: Deployment,
    chain: Chain,
    lease: Lease,
    name: str,
    currency: str,
    kept: MaintenanceResult,
) -> None:
    manifest = chain.of_hour(name)
    try:
        done = compact(deployment, chain, lease, manifest, currency=currency) if manifest else None
    except DamagedError as error:
        # An error in one hour does not block the others.
        kept.problems.append(error.message)
        return
    if done:
        kept.compacted.append(done)
