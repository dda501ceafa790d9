"""Bring the objects of a span into the cache as Parquet files, fetching only missing ones."""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby
from pathlib import Path

from orderstream.archive.cache import Cache, Stale, disk_errors
from orderstream.archive.convert import Converter
from orderstream.archive.views import Files
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import (
    ARCHIVE,
    COMPACTED,
    ORDERS,
    QUARANTINE,
    hour_of,
    hour_of_key,
    hour_prefix_of,
)
from orderstream.progress import Progress, no_progress
from orderstream.storage import bucket, reader
from orderstream.storage.bucket import FETCHED_AHEAD, ObjectSummary, TimeRange
from orderstream.storage.parquet import LocatedLine, UnreadableValue

_HOUR = "%Y%m%d%H"
# In place of a prefix, for the objects with one order each: they share theirs with those of batches.
_SINGLE = "single/"
_A_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = datetime.min.replace(tzinfo=UTC)

# At least this many objects are listed before fetching: a full listing may exceed the memory.
OBJECTS_AT_A_TIME = 10_000


@dataclass(frozen=True)
class CachePart:
    """Objects of one hour that become one file, with their prefix in the bucket or _SINGLE."""

    prefix: str
    hour: str
    entries: tuple[ObjectSummary, ...]

    def name(self, stamp: str) -> str:
        """The name of that file; it differs for other objects."""
        words = chain([stamp], *((entry.key, entry.etag) for entry in self.entries))
        which = hashlib.blake2b("\0".join(words).encode(), digest_size=12).hexdigest()
        return f"{self.prefix.rstrip('/')}-{self.hour}-{which}"


@dataclass
class SyncResult:
    """Objects and bytes that were fetched, and those that were already cached.

    `damaged` lists the objects that could not be read to their end.
    """

    fetched: int = 0
    fetched_bytes: int = 0
    cached: int = 0
    cached_bytes: int = 0
    damaged: list[str] = field(default_factory=list)


class CacheSync:
    """Gets the files of a bucket for a span, and reports to `progress`."""

    def __init__(
        self,
        deployment: Deployment,
        cache: Cache,
        converter: Converter,
        span: TimeRange,
        progress: Progress = no_progress,
    ) -> None:
        self._deployment = deployment
        self._cache = cache
        self._convert = converter
        self._span = whole_hours(span)
        self._progress = progress
        self._names: set[str] = set()
        self._files: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
        self._found = 0
        self.done = SyncResult()

    def get(self, *, archive: bool, quarantine: bool) -> Files:
        """The files with the records of the archive and of the quarantine, as requested."""
        with disk_errors(self._cache.folder):
            if archive:
                self._get_lines(self._hourly(ORDERS), self._convert.records)
                self._get_lines(self._single(), self._convert.records)
                # List these after reading the others, to include what was compacted in the meantime.
                self._get_compacted(list(bucket.list_by_hour(self._deployment, COMPACTED, self._span)))
            if quarantine:
                # Read after the archive, as it is written: a conflict read from the archive is then in
                # quarantine too.
                self._get_lines(self._hourly(QUARANTINE), self._convert.quarantine)
        hours: dict[str, list[Path]] = defaultdict(list)
        for prefix in ARCHIVE:
            for hour, files in self._files[prefix].items():
                hours[hour] += files
        return Files(
            alone=[file for files in hours.values() if len(files) == 1 for file in files],
            crowded=[file for files in hours.values() if len(files) > 1 for file in files],
            single=[file for files in self._files[_SINGLE].values() for file in files],
            quarantine=[file for files in self._files[QUARANTINE].values() for file in files],
        )

    def stale(self, *, archive: bool, quarantine: bool) -> Stale:
        """The rule by which cached files are stale: those that the listing did not require."""
        prefixes = {*ARCHIVE, _SINGLE} if archive else set()
        prefixes |= {QUARANTINE} if quarantine else set()
        first = f"{self._span.since:{_HOUR}}" if self._span.since else ""
        last = f"{self._span.until:{_HOUR}}" if self._span.until else "~"

        def rule(kind: str, hour: str, name: str) -> bool:
            prefix = f"{kind}/"
            if prefix not in prefixes or name in self._names or hour < first:
                return False
            # An object with one order may be written long after it arrived, so it applies to all hours.
            return prefix == _SINGLE or hour <= last

        return rule

    def _hourly(self, prefix: str) -> Iterator[CachePart]:
        entries = bucket.list_by_hour(self._deployment, prefix, self._span)
        for hour, some in groupby(entries, _hour):
            yield CachePart(prefix, hour, tuple(some))

    def _single(self) -> Iterator[CachePart]:
        hours: dict[str, list[ObjectSummary]] = defaultdict(list)
        for entry in bucket.list_single_orders(self._deployment, self._span):
            hours[f"{entry.modified:{_HOUR}}"].append(entry)
        for hour, some in sorted(hours.items()):
            yield CachePart(_SINGLE, hour, tuple(some))

    def _get_lines(
        self, parts: Iterator[CachePart], convert: Callable[[Iterable[LocatedLine]], Path]
    ) -> None:
        """Get the files of parts whose objects contain lines."""
        missing: list[CachePart] = []
        objects = 0
        for part in parts:
            if self._is_there(part):
                continue
            missing.append(part)
            objects += len(part.entries)
            if objects >= OBJECTS_AT_A_TIME:
                self._fetch_lines(missing, convert)
                missing, objects = [], 0
        self._fetch_lines(missing, convert)

    def _fetch_lines(self, parts: list[CachePart], convert: Callable[[Iterable[LocatedLine]], Path]) -> None:
        self._found += sum(len(part.entries) for part in parts)
        of_key = {entry.key: part for part in parts for entry in part.entries}
        # In one pass, so that prefetching extends into the next hour.
        opened = reader.objects(self._deployment, chain(*(part.entries for part in parts)))
        for part, objects in groupby(opened, lambda one: of_key[one.key]):
            damaged = len(self.done.damaged)
            file = convert(chain.from_iterable(map(self._lines, objects)))
            # Damaged objects are read and reported again until they are repaired.
            self._add(part, file, is_whole=len(self.done.damaged) == damaged)

    def _lines(self, opened: reader.ArchiveObject) -> Iterator[LocatedLine]:
        yield from reader.skip_corruption(opened.lines, opened.key, self._note)
        self._count(opened.entry)

    def _get_compacted(self, entries: list[ObjectSummary]) -> None:
        """Get the files of compacted objects; if one is gone since it was listed, its successors."""
        known = {entry.key for entry in entries}
        while entries:
            gone = set()
            missing = [part for part in map(_alone, entries) if not self._is_there(part)]
            self._found += len(missing)
            for part, file in self._downloaded(missing):
                (entry,) = part.entries
                if file is None:
                    gone.add(hour_prefix_of(entry.key))
                    continue
                try:
                    self._add(part, self._convert.compacted(file), is_whole=True)
                except UnreadableValue as error:
                    what = str(error).partition("\n")[0].replace(str(file), "it")
                    self._note(entry.key, f"s3://{self._deployment.bucket}/{entry.key} is damaged: {what}")
                self._count(entry)
            successors = chain(*(bucket.of_hour(self._deployment, prefix) for prefix in sorted(gone)))
            entries = [entry for entry in successors if entry.key not in known]
            known |= {entry.key for entry in entries}

    def _downloaded(self, parts: Iterable[CachePart]) -> Iterator[tuple[CachePart, Path | None]]:
        """Each part's compacted object as a file, several concurrently; None if it is gone."""
        waiting: deque[tuple[CachePart, Future[Path | None]]] = deque()
        with ThreadPoolExecutor(FETCHED_AHEAD) as threads:
            try:
                for part in parts:
                    if len(waiting) == FETCHED_AHEAD:
                        first, file = waiting.popleft()
                        yield first, file.result()
                    waiting.append(
                        (part, threads.submit(self._download, part.entries[0], self._convert.new()))
                    )
                for first, file in waiting:
                    yield first, file.result()
            finally:
                for _, file in waiting:
                    file.cancel()

    def _download(self, entry: ObjectSummary, file: Path) -> Path | None:
        return file if bucket.download(self._deployment, entry, file) else None

    def _is_there(self, part: CachePart) -> bool:
        name = part.name(self._convert.stamp)
        self._names.add(name)
        file = self._cache.find(name)
        if file is None:
            return False
        self._files[part.prefix][part.hour].append(file)
        self.done.cached += len(part.entries)
        self.done.cached_bytes += sum(entry.size for entry in part.entries)
        return True

    def _add(self, part: CachePart, file: Path, *, is_whole: bool) -> None:
        if is_whole:
            file = self._cache.put(file, part.name(self._convert.stamp))
        self._files[part.prefix][part.hour].append(file)

    def _count(self, entry: ObjectSummary) -> None:
        self.done.fetched += 1
        self.done.fetched_bytes += entry.size
        self._progress("objects fetched", self.done.fetched, self._found)

    def _note(self, key: str, what: str) -> None:
        self.done.damaged.append(what)


def whole_hours(span: TimeRange) -> TimeRange:
    """Extend a span to the start of its first hour, and end it just before `until`."""
    since, until = span.since, span.until
    # An hour that starts at the end of the span is not included.
    until = until and max(until, _EARLIEST + _A_MICROSECOND) - _A_MICROSECOND
    return TimeRange(since and hour_of(since), until)


def _alone(entry: ObjectSummary) -> CachePart:
    return CachePart(COMPACTED, _hour(entry), (entry,))


def _hour(entry: ObjectSummary) -> str:
    return f"{hour_of_key(entry.key):{_HOUR}}"
