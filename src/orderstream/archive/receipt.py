"""Receipts of erasures: that something was erased, how much of it, and why; not what, and not of whom."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orderstream.archive.manifests import digest
from orderstream.errors import InputError


class ErasureReceipt(msgspec.Struct):
    """One erasure.

    `records` were in archive and quarantine, in so many `objects`; `failed` in batches that AWS gave up, and
    `notes` were about records put back. Old `versions` of objects went too, but for `locked` ones, which
    Object Lock keeps until `locked_until`. The stream has the records until `on_stream_until`.
    """

    id: str
    at: str
    reason: str
    items: int = 0
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
        """Whether nothing is left that this could have removed, and nothing of which nobody can tell."""
        return not self.problems and not self.locked

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the customer was found."""
        found = (self.items, self.records, self.objects, self.failed, self.notes, self.versions, self.locked)
        return not any(found)

    @property
    def sha256(self) -> str:
        """What the manifest of the erasure has as its note."""
        return digest(msgspec.json.encode(self))


class StampedReceipt(msgspec.Struct, frozen=True):
    """A receipt with the number and the SHA-256 of the manifest that has its hash.

    `complete` says whether nothing is left that could be removed or may be the customer's; `shared` how many
    of the erased records had orders of others in them, too.
    """

    receipt: ErasureReceipt
    manifest: int
    sha256: str
    complete: bool = True
    shared: int = 0


def stamped_in(file: Path) -> StampedReceipt:
    """The receipt in a file, as it was printed. Raises InputError where there is none."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=StampedReceipt)
    except (OSError, msgspec.MsgspecError) as error:
        hint = "give the file with what orders forget --json printed"
        raise InputError(f"{file} is no receipt: {error}", hint=hint) from None
