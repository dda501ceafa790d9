"""Decides which shards to read now, and from where: a shard's records come before its children's."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as ListShards returns it; `parents` are the shards that were split or merged into it.

    Shards with the same id but different first sequence numbers are different: on UpdateShardCount, MiniStack
    recreates all shards under the old ids.
    """

    id: str
    first_sequence_number: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading starts: at the oldest record, after the newest one, or after a sequence number."""

    kind: Literal["TRIM_HORIZON", "LATEST", "AFTER_SEQUENCE_NUMBER"]
    sequence_number: str | None = None

    def __str__(self) -> str:
        return self.sequence_number or self.kind


TRIM_HORIZON = Position("TRIM_HORIZON")
LATEST = Position("LATEST")


def position(text: str) -> Position:
    """Parse a position from its string."""
    named = {str(named): named for named in (TRIM_HORIZON, LATEST)}
    return named.get(text, Position("AFTER_SEQUENCE_NUMBER", text))


def readable(listed: Iterable[Shard], drained: Collection[Shard], reading: Collection[str]) -> list[Shard]:
    """The shards to start reading: neither `drained` nor being read, and all their parents drained.

    `drained` are closed shards whose records are all done, `reading` the ids of those being read. A parent
    that is neither listed nor being read counts as drained: its records are gone.
    """
    open_shards = [shard for shard in listed if shard not in drained]
    unfinished = {shard.id for shard in open_shards} | set(reading)
    return [
        shard
        for shard in open_shards
        if shard.id not in reading and not unfinished.intersection(shard.parents)
    ]


def start_of(shard: Shard, done: Mapping[str, str], first_start: Position | None) -> Position:
    """Where to start reading `shard`, according to `done`, the saved positions by shard id.

    A shard that is not in `done` starts at `first_start` when the mapping runs for the first time. Later
    (None) it starts at its first record, so that records from before it was noticed are not missed.
    """
    if shard.id in done:
        return position(done[shard.id])
    return first_start or TRIM_HORIZON
