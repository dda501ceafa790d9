"""Compaction: combine the small objects of an hour into one Parquet file, transparently to readers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from orderstream.archive.lease import Lease
from orderstream.archive.manifests import Chain, Manifest, SealedObject, hour_of_text
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import QUARANTINE, compacted_key, is_compacted
from orderstream.errors import CloudError, DamagedError
from orderstream.files.scratch import ScratchFolder
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.sdk.errors import translate_errors
from orderstream.storage import bucket, parquet, reader
from orderstream.storage.bucket import ObjectSummary
from orderstream.storage.parquet import LocatedLine

_DELETED_AT_A_TIME = 1000
_MODULUS = 1 << 128


@dataclass(frozen=True)
class CompactionResult:
    """The result for an hour: objects and bytes before, and the one object with its bytes after."""

    hour: str
    objects: int
    bytes: int
    lines: int
    key: str
    bytes_after: int


class _Tally:
    """An order-independent digest of lines and their locations: equal tallies are equal sets."""

    def __init__(self) -> None:
        self.lines = 0
        self.sum = 0

    def counted(self, lines: Iterator[LocatedLine]) -> Iterator[LocatedLine]:
        """Yield the lines and count each one."""
        for one in lines:
            line = one.line
            about = (line.event_id, line.partition_key, line.arrived_at, line.order_id, line.event)
            what = (one.key, one.number, *about)
            text = msgspec.json.encode(what)
            mark = hashlib.blake2b(text + b"\n" + original_bytes(line), digest_size=16).digest()
            self.sum = (self.sum + int.from_bytes(mark)) % _MODULUS
            self.lines += 1
            yield one

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tally) and (self.lines, self.sum) == (other.lines, other.sum)


def sources(manifest: Manifest) -> list[SealedObject]:
    """The objects of a sealed hour to compact into one; none if there is only one."""
    found = [one for one in manifest.objects if not one.key.startswith(QUARANTINE)]
    return found if len(found) > 1 else []


def compact(
    deployment: Deployment, chain: Chain, lease: Lease, manifest: Manifest, *, currency: str
) -> CompactionResult | None:
    """Compact the hour of `manifest`, its last one; None if there is nothing to do.

    The new object is written and read back, then a manifest lists it, and only then are the old ones deleted.
    An interruption at any point loses nothing, and the operation can be repeated. Raises DamagedError, and
    leaves the hour as it is, if an object is not as it was sealed.
    """
    old = sources(manifest)
    if not old:
        return None
    with ScratchFolder("compact") as folder:
        file = Path(folder) / "new.parquet"
        tally = _Tally()
        rows = parquet.write(file, tally.counted(_lines(deployment, old, Path(folder))), currency)
        new = written(deployment, lease, hour_of_text(manifest.hour), file, rows)
        _read_back(deployment, new, Path(folder) / "back.parquet", tally)
    kept = [one for one in manifest.objects if one not in old]
    chain.append(manifest.hour, "compacted", [*kept, new])
    lease.check()
    delete(deployment, [one.key for one in old if one.key != new.key])
    return CompactionResult(manifest.hour, len(old), sum(one.size for one in old), rows, new.key, new.size)


def written(deployment: Deployment, lease: Lease, hour: datetime, file: Path, rows: int) -> SealedObject:
    """Write the file as the compacted object of an hour. S3 accepts it only with its SHA-256 from here."""
    sha256 = bucket.file_digest(file)
    size = file.stat().st_size
    key = compacted_key(hour, rows, sha256)
    lease.check()
    with translate_errors(f"cannot write s3://{deployment.bucket}/{key}"), file.open("rb") as body:
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        deployment.cloud.s3.put_object(Bucket=deployment.bucket, Key=key, Body=body, ChecksumSHA256=checksum)
    return SealedObject(key, sha256, size, rows)


def delete(deployment: Deployment, keys: Sequence[str]) -> None:
    """Delete objects. Raises CloudError if S3 rejects one."""
    for begin in range(0, len(keys), _DELETED_AT_A_TIME):
        some = keys[begin : begin + _DELETED_AT_A_TIME]
        with translate_errors(f"cannot delete objects of s3://{deployment.bucket}"):
            answer = deployment.cloud.s3.delete_objects(
                Bucket=deployment.bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
            )
        for error in answer.get("Errors", []):
            raise CloudError(f"cannot delete s3://{deployment.bucket}/{error['Key']}: {error['Message']}")


def _lines(deployment: Deployment, old: Sequence[SealedObject], folder: Path) -> Iterator[LocatedLine]:
    """The lines of the objects, each once at its location."""
    files: dict[str, Path] = {}
    for number, one in enumerate(one for one in old if is_compacted(one.key)):
        file = folder / f"{number}.parquet"
        if not bucket.download(deployment, bucket.summary_for_key(one.key), file):
            raise _changed(deployment, one, "is gone")
        if bucket.file_digest(file) != one.sha256:
            raise _changed(deployment, one, "was altered")
        for line in reader.raise_on_corruption(deployment, one.key, parquet.by_place(file)):
            files[line.key] = file
            yield line
    plain = {one.key: one for one in old if not is_compacted(one.key)}
    for entry, body in bucket.fetch_all(deployment, map(bucket.summary_for_key, list(plain))):
        one = plain.pop(entry.key)
        if hashlib.sha256(body).hexdigest() != one.sha256:
            raise _changed(deployment, one, "was altered")
        # An object left by an interrupted compaction is already in its Parquet file.
        if entry.key not in files or not _is_in(files[entry.key], deployment, entry, body):
            yield from reader.located_lines(deployment, entry, body)
    for one in plain.values():
        raise _changed(deployment, one, "is gone")


def _is_in(file: Path, deployment: Deployment, entry: ObjectSummary, body: bytes) -> bool:
    here, there = _Tally(), _Tally()
    for tally, lines in (
        (here, reader.located_lines(deployment, entry, body)),
        (there, parquet.by_place(file, key=entry.key)),
    ):
        for _ in tally.counted(lines):
            pass
    return here == there


def _read_back(deployment: Deployment, new: SealedObject, file: Path, tally: _Tally) -> None:
    """Verify that what was written exists and is complete."""
    is_there = bucket.download(deployment, bucket.summary_for_key(new.key), file)
    found = _Tally()
    if is_there and bucket.file_digest(file) == new.sha256:
        for _ in found.counted(reader.raise_on_corruption(deployment, new.key, parquet.by_place(file))):
            pass
    if found != tally:
        raise DamagedError(
            f"s3://{deployment.bucket}/{new.key} has {found.lines} lines and should have {tally.lines}",
            hint="nothing was removed; please report it",
        )


def _changed(deployment: Deployment, one: SealedObject, what: str) -> DamagedError:
    return DamagedError(
        f"s3://{deployment.bucket}/{one.key} {what} since it was sealed: its hour stays as it is",
        hint="orders archive audit tells what else is not as it was",
    )
