"""Receipts of erasures: when, how much and why something was erased, but not what or whose."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orderstream.archive.manifests import digest
from orderstream.errors import InputError


class ErasureReceipt(msgspec.Struct):
    """One erasure.

    `items` were in the table of orders, and `events` in the table of their events. `records` were in
    `objects` of archive and quarantine, `failed` in discarded batches, and `notes` were on resubmitted
    records. Old `versions` of objects were deleted too, except `locked` ones, which Object Lock retains until
    `locked_until`. The stream retains the records until `on_stream_until`.
    """

    id: str
    at: str
    reason: str
    items: int = 0
    events: int = 0
    records: int = 0
    objects: int = 0
    failed: int = 0
    notes: int = 0
    versions: int = 0
    locked: int = 0
    locked_until: str | None = None
    on_stream_until: str = ""
    problems: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Whether nothing remains that this could have removed, or whose owner is undetermined."""
        return not self.problems and not self.locked

    @property
    def is_empty(self) -> bool:
        """Whether no data of the customer was found."""
        found = (self.items, self.events, self.records, self.objects, self.failed, self.notes)
        return not any((*found, self.versions, self.locked))

    @property
    def sha256(self) -> str:
        """The `note` in the manifest of the erasure."""
        document = msgspec.structs.asdict(self)
        if not self.events:
            # As in receipts that were written before there were events.
            del document["events"]
        return digest(msgspec.json.encode(document))


class StampedReceipt(msgspec.Struct, frozen=True):
    """A receipt with the number and the SHA-256 of the manifest that has its hash.

    `complete` is whether nothing remains that could be removed or may be the customer's; `shared` is how many
    of the erased records also contained orders of others.
    """

    receipt: ErasureReceipt
    manifest: int
    sha256: str
    complete: bool = True
    shared: int = 0


def stamped_in(file: Path) -> StampedReceipt:
    """The receipt in a file, as printed. Raises InputError if there is none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=StampedReceipt)
    except (OSError, msgspec.MsgspecError) as error:
        hint = "give the file with what orders archive forget --json printed"
        raise InputError(f"{file} is not a valid receipt: {error}", hint=hint) from None
