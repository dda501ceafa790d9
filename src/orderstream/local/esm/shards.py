"""Decides which shards to read now, and from where: a shard's records come before its children's."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as ListShards returns it; `parents` are the shards that were split or merged into it."""

    id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading starts: after a sequence number, at a time, or at the oldest record.

    The time is in seconds since the epoch. LATEST is that of the mapping's first start, so that a later
    attempt skips nothing that arrived in between.
    """

    sequence_number: str | None = None
    timestamp: float | None = None

    @property
    def kind(self) -> Literal["AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP", "TRIM_HORIZON"]:
        """Kinesis's name for it."""
        if self.sequence_number is not None:
            return "AFTER_SEQUENCE_NUMBER"
        return "TRIM_HORIZON" if self.timestamp is None else "AT_TIMESTAMP"

    def __str__(self) -> str:
        if self.timestamp is not None:
            return f"{self.kind} {self.timestamp}"
        return self.sequence_number or self.kind


TRIM_HORIZON = Position()


def position(text: str) -> Position:
    """Parse a position from its string."""
    if text.startswith("AT_TIMESTAMP "):
        return Position(timestamp=float(text.partition(" ")[2]))
    return TRIM_HORIZON if text == str(TRIM_HORIZON) else Position(text)


def readable(listed: Iterable[Shard], drained: Collection[str], reading: Collection[str]) -> list[Shard]:
    """The shards to start reading: neither `drained` nor being read, and all their parents drained.

    `drained` are the ids of closed shards whose records are all done, `reading` those of shards being read. A
    parent that is neither listed nor being read counts as drained: its records are gone.
    """
    waiting = [shard for shard in listed if shard.id not in drained]
    unfinished = {shard.id for shard in waiting} | set(reading)
    return [
        shard for shard in waiting if shard.id not in reading and not unfinished.intersection(shard.parents)
    ]


def start_of(shard: Shard, done: Mapping[str, str], first_start: Position | None) -> Position:
    """Where to start reading `shard`, according to `done`, the saved positions by shard id.

    A shard that is not in `done` starts at `first_start` when the mapping runs for the first time. Later
    (None) it starts at its first record, so that records from before it was noticed are not missed.
    """
    if shard.id in done:
        return position(done[shard.id])
    return first_start or TRIM_HORIZON
