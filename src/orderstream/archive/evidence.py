"""Check what is stored beside the sealed objects: foreign objects, erasures and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from orderstream.archive.expected_objects import touches
from orderstream.archive.manifests import digest, hour_text
from orderstream.aws.deployment import Deployment
from orderstream.domain import object_keys
from orderstream.domain.object_keys import ERASURES, QUARANTINE, RESUBMITTED, hour_of_key, hour_prefix
from orderstream.recovery.resubmissions import read_note
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import TimeRange

# The kinds of findings, and what each means.
FINDINGS = {
    "tampered": "the object's bytes differ from those that were sealed",
    "removed": "the object was sealed and is missing, and no lifecycle rule of the bucket has expired it",
    "inserted": "the object is in a sealed hour but in no manifest",
    "broken_chain": "a manifest is missing, changed or out of place; or it omits sealed objects although"
    " nothing was compacted or erased",
    "no_receipt": "no manifest has the hash of the receipt that `--receipt` names",
    "unexpected": "nothing here writes an object of this name or form; every reader skips it",
    "contradicted": "other objects, or the stream, do not support what the object says: a discarded batch"
    " with other records, a marker without a batch, an entry about a record that was never quarantined",
}


@dataclass(frozen=True)
class Finding:
    """A deviation from the sealed state: its `kind`, the object or manifest, and what is wrong."""

    kind: str
    key: str
    detail: str


def foreign_object(key: str) -> Finding:
    """The finding for an object whose key Orderstream does not write."""
    return Finding("unexpected", key, "nothing here writes an object of this name: readers skip it")


def unsealed_findings(
    deployment: Deployment,
    span: TimeRange,
    attested: Mapping[str, str],
    is_kept: Callable[[str, str], bool],
) -> Iterator[Finding]:
    """Foreign objects beside the hours, and findings on erasures and notes in the hours of `span`.

    `attested` are the objects that the chain attests, with their SHA-256. `is_kept` returns whether the
    objects under a prefix of an hour must still exist, by the bucket's lifecycle rules.
    """
    for prefix in object_keys.HOURLY:
        for entry in bucket.beside_hours(deployment, prefix):
            yield foreign_object(entry.key)
    yield from _erasures(deployment, span, attested)
    yield from _notes(deployment, span, is_kept)


def _erasures(deployment: Deployment, span: TimeRange, attested: Mapping[str, str]) -> Iterator[Finding]:
    """A forged erasure would make a lost record look erased."""
    found: list[Finding] = []
    missing = {
        key
        for key in attested
        if key.startswith(ERASURES)
        and object_keys.is_hourly(key)
        and touches(span, hour_text(hour_of_key(key)))
    }
    entries = bucket.list_by_hour(
        deployment, ERASURES, span, foreign=lambda entry: found.append(foreign_object(entry.key))
    )
    for entry, body in bucket.fetch_all(deployment, entries):
        was = attested.get(entry.key)
        missing.discard(entry.key)
        if was is None:
            detail = "no manifest attests it: forged, or left by an orders archive forget that was broken off"
            found.append(Finding("inserted", entry.key, detail))
        elif was != digest(body):
            detail = f"its SHA-256 was {was} when it was written, and is {digest(body)}"
            found.append(Finding("tampered", entry.key, detail))
    yield from found
    for key in sorted(missing):
        yield Finding("removed", key, "a manifest attests it, and it is not there any more")


def _notes(deployment: Deployment, span: TimeRange, is_kept: Callable[[str, str], bool]) -> Iterator[Finding]:
    """A forged note would make a quarantined record look resubmitted."""
    found: list[Finding] = []
    entries = bucket.list_by_hour(
        deployment, RESUBMITTED, span, foreign=lambda entry: found.append(foreign_object(entry.key))
    )
    for begins, of_hour in groupby(entries, lambda entry: hour_of_key(entry.key)):
        quarantined: set[str] | None = None
        if is_kept(QUARANTINE, hour_text(begins)):
            of_hour_too = bucket.of_hour(deployment, hour_prefix(QUARANTINE, begins))
            quarantined = {one.line.event_id for one in reader.readable_lines(deployment, of_hour_too)}
        for entry, body in bucket.fetch_all(deployment, of_hour):
            notes = [read_note(line) for line in body.splitlines()]
            if None in notes:
                found.append(Finding("unexpected", entry.key, "has a line that is not a valid note"))
            unknown = [note.event_id for note in notes if note and quarantined is not None]
            unknown = [event_id for event_id in unknown if event_id not in (quarantined or ())]
            if unknown:
                detail = f"says of {len(unknown):,} records that they were put back, and none was quarantined"
                found.append(Finding("contradicted", entry.key, f"{detail}: {unknown[0]}"))
    yield from found
