"""A simulated event source: delivers the records of shards in batches, in one thread and in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orderstream.aws.kinesis_event import EventOrigin, EventRecord, entry
from orderstream.local.esm.lanes import (
    Batch,
    Lane,
    Rules,
    Transition,
    append,
    apply_outcome,
    checkpoint,
    expire,
    form_batch,
    free_capacity,
    lane_for,
    replace_head,
)
from orderstream.local.esm.outcomes import Outcome
from orderstream.sdk.retries import mapping_delay

STREAM_ARN = "arn:local:kinesis:eu-west-1:000000000001:stream/OrderStream"
# The first sequence number of a shard. The numbers soon gain a digit, so comparing them as text would fail.
FIRST_NUMBER = 7


@dataclass
class Clock:
    """Virtual time, in seconds since the epoch. It passes only when someone changes `now`."""

    now: float


@dataclass
class SimulatedShard:
    """A shard and what the event source knows about it. `log` is what Kinesis acknowledged."""

    id: str
    lanes: list[Lane]
    log: list[EventRecord] = field(default_factory=list)
    read: int = 0
    saved: str | None = None
    # Lanes with an invocation in progress: they send nothing else until it ends.
    busy: set[int] = field(default_factory=set)

    @property
    def checkpoint(self) -> str | None:
        """The highest sequence number up to which every record is done; None if there is none."""
        return checkpoint(self.lanes, self.log[self.read - 1].sequence_number if self.read else None)

    @property
    def is_done(self) -> bool:
        """Whether every record is done."""
        return self.read == len(self.log) and not any(lane.first for lane in self.lanes)


class SimulatedEventSource:
    """A stream and its event source mapping, with the same decisions about batches as the local cloud."""

    def __init__(self, rules: Rules, clock: Clock, shards: Sequence[str] = ("shardId-000000000000",)) -> None:
        self.rules = rules
        self.clock = clock
        self.shards = [SimulatedShard(name, self._new_lanes()) for name in shards]

    @property
    def is_done(self) -> bool:
        """Whether every record of every shard is done."""
        return all(shard.is_done for shard in self.shards)

    def put(
        self, shard: SimulatedShard, data: bytes, key: str | None, arrived_at: float | None = None
    ) -> EventRecord:
        """Put a record on the stream; by default it arrives now."""
        arrived_at = self.clock.now if arrived_at is None else arrived_at
        number = str(FIRST_NUMBER + len(shard.log))
        origin = EventOrigin(STREAM_ARN, shard.id, "")
        body = entry(origin, sequence_number=number, partition_key=key, data=data, arrived_at=arrived_at)
        before = shard.log[-1].sequence_number if shard.log else None
        shard.log.append(EventRecord(number, key, arrived_at, self.clock.now, before, body))
        return shard.log[-1]

    def step(
        self, shard: SimulatedShard, number: int, invoke: Callable[[Batch], Outcome]
    ) -> Transition | None:
        """Have a lane take its next step: invoke with a batch, or discard what is too old.

        Returns what became of the batch; None if there was nothing to do, or if the event source was
        restarted during the invocation, so that it did not get the outcome.
        """
        if number in shard.busy:
            return None
        self._read(shard)
        lanes = shard.lanes
        lanes[number] = form_batch(lanes[number], self.rules, self.clock.now)
        if not lanes[number].batches:
            return None
        batch = lanes[number].batches[0]
        settled = expire(batch, self.rules, self.clock.now)
        if settled is None:
            shard.busy.add(number)
            outcome = invoke(batch)
            if shard.lanes is not lanes:
                return None
            shard.busy.remove(number)
            settled = apply_outcome(batch, outcome, self.rules)
        lanes[number] = replace_head(lanes[number], settled.again)
        self.clock.now += mapping_delay(settled.pause, 1.0)
        return settled

    def waiting(self) -> list[tuple[SimulatedShard, int]]:
        """The lanes that have something to do."""
        return [
            (shard, number)
            for shard in self.shards
            for number, lane in enumerate(shard.lanes)
            if lane.first or any(self._lane_of(shard, record) == number for record in shard.log[shard.read :])
        ]

    def save(self) -> None:
        """Save the checkpoints."""
        for shard in self.shards:
            shard.saved = shard.checkpoint

    def restart(self, rules: Rules | None = None) -> None:
        """Continue from the saved checkpoints, as after a kill, and with other settings if given."""
        self.rules = rules or self.rules
        for shard in self.shards:
            shard.lanes, shard.busy = self._new_lanes(), set()
            numbers = [record.sequence_number for record in shard.log]
            shard.read = numbers.index(shard.saved) + 1 if shard.saved else 0

    def _new_lanes(self) -> list[Lane]:
        return [Lane()] * self.rules.parallelization_factor

    def _read(self, shard: SimulatedShard) -> None:
        new = shard.log[shard.read : shard.read + free_capacity(shard.lanes, self.rules)]
        shard.read += len(new)
        for record in new:
            number = self._lane_of(shard, record)
            shard.lanes[number] = append(shard.lanes[number], [record])

    def _lane_of(self, shard: SimulatedShard, record: EventRecord) -> int:
        return lane_for(record, len(shard.lanes))
