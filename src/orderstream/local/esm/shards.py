"""Which shards of a stream may be read now, and from where: a shard's records come before its children's."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as ListShards shows it; `parents` are the shards that were split or merged into it.

    Two with the same id and another first sequence number are not the same: MiniStack makes all shards
    anew, with the ids of the old ones, at UpdateShardCount.
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
    """The position that gives `text` as its string."""
    named = {str(named): named for named in (TRIM_HORIZON, LATEST)}
    return named.get(text, Position("AFTER_SEQUENCE_NUMBER", text))


def readable(listed: Iterable[Shard], drained: Collection[Shard], reading: Collection[str]) -> list[Shard]:
    """The shards to start reading: neither `drained` nor being read, and all their parents drained.

    `drained` are shards that are closed and whose records are all done, `reading` the ids of those under
    way. A parent that is neither listed nor being read counts as drained: its records are gone.
    """
    open_shards = [shard for shard in listed if shard not in drained]
    unfinished = {shard.id for shard in open_shards} | set(reading)
    return [
        shard
        for shard in open_shards
        if shard.id not in reading and not unfinished.intersection(shard.parents)
    ]


def start_of(shard: Shard, done: Mapping[str, str], first_start: Position | None) -> Position:
    """Where to start reading `shard`: where `done`, the saved positions by shard id, says.

    A shard that is not in `done` starts as `first_start` says when the mapping runs for the first
    time; later (None) from its first record, or what came before it was noticed would be missed.
    """
    if shard.id in done:
        return position(done[shard.id])
    return first_start or TRIM_HORIZON
