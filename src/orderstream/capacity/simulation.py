"""A discrete-event simulation of orders through shards, lanes, batches and the function, to test a plan.

Assumptions:

- Orders that arrive together are simulated as a group. Each shard gets a random (Poisson) share; no customer
  is so large that one shard or lane gets more than its share.
- Shards are alike, so a sample represents many, with its share of the table and of the concurrency.
- Orders that exceed a shard's capacity wait at the producers until there is room.
- A failed invocation takes a second, and is retried without limit after pauses as in `local/esm/lanes.py`.
  Discarding by age is simulated; discarding after a maximum number of attempts is not.
- The table processes writes in turn at its capacity; an invocation lasts until its orders are written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from math import inf

from orderstream.capacity.randomness import Random, poisson
from orderstream.capacity.traffic import BacklogSample, Curve, Outage, SimulationResult, SimulationSettings
from orderstream.sdk.retries import CAP_SECONDS, mapping_delay

# The maximum work of a simulation, in reads of a shard, and the maximum number of simulated shards.
_MOST_READS = 300_000
_MOST_SHARDS = 64
_MOST_POINTS = 500
_LOOKS = 3600

_FAILURE_SECONDS = 1.0
_READ_AHEAD_BATCHES = 2
# The random deviation of an invocation's duration from the formula, as a share of it.
_SPREAD = 0.2


class _Lane:
    """Orders read but not in a batch yet, as (arrived at, read at, orders), and the current batch."""

    def __init__(self, shard: _Shard) -> None:
        self.shard = shard
        self.queue: deque[tuple[float, float, int]] = deque()
        self.waiting = 0
        self.batch: list[tuple[float, int]] = []
        self.tries = 0
        self.wakes_at = -1.0
        self.free_at = 0.0
        self.fails = False


class _Shard:
    """Orders put but not read yet, as (arrived at, orders), and those still held by producers."""

    def __init__(self, lanes: int) -> None:
        self.unread: deque[tuple[float, int]] = deque()
        self.held = 0
        self.may_put = 0.0
        self.filled_until = 0.0
        self.may_read = 0.0
        self.read_until = 0.0
        self.lanes = [_Lane(self) for _ in range(lanes)]
        self.turn = 0


def simulate(
    curve: Curve, of: SimulationSettings, *, outages: Sequence[Outage] = (), chance: Random
) -> SimulationResult:
    """Simulate the curve's orders in the deployment; deterministic for given numbers from `chance` (0 to 1).

    It ends after the curve and all outages if there is no delay then, otherwise when it has caught up, but at
    the latest after the duration of the curve again (at least an hour).
    """
    return _Simulation(curve, of, outages, chance).run()


class _Simulation:
    def __init__(
        self, curve: Curve, of: SimulationSettings, outages: Sequence[Outage], chance: Random
    ) -> None:
        self.curve, self.of, self.outages, self.chance = curve, of, outages, chance
        reads = curve.end / of.poll_seconds * (1 + of.lanes_per_shard) / 2
        count = max(1, min(of.shards, _MOST_SHARDS, int(_MOST_READS / reads)))
        self.shards = [_Shard(of.lanes_per_shard) for _ in range(count)]
        self.scale = of.shards / count
        self.concurrency = max(1.0, of.concurrency / self.scale)
        self.table = of.table / self.scale
        self.table_free_at = 0.0
        self.events: list[tuple[float, int, Callable[[float], None]]] = []
        self.number = 0
        self.running = self.most_running = 0
        self.came = self.put = self.done = self.lost = self.discarded = 0
        self.invocations = self.failed = self.throttled = 0
        self.batched = 0
        self.lost_from = self.discarded_from = inf
        self.looks: list[BacklogSample] = []

    def run(self) -> SimulationResult:
        curve, of = self.curve, self.of
        two_batches = 2 * (of.seconds_of(of.batch_size) + of.between_seconds)
        ordinary = of.poll_seconds + of.window_seconds + two_batches + CAP_SECONDS
        for shard in self.shards:
            # Shards are not all read at the same time.
            self._at(self.chance() * of.poll_seconds, self._tick(shard))
        gap = max(of.poll_seconds, curve.end / _LOOKS)
        over = max([curve.end, *(one.begin + one.seconds for one in self.outages)])
        latest = over + max(curve.end, 3600.0)
        look_at = gap
        while True:
            while self.events[0][0] < look_at:
                now, _, act = heappop(self.events)
                act(now)
            self._look(look_at)
            if look_at >= latest or (look_at >= over and self.looks[-1].oldest_seconds <= ordinary):
                break
            look_at += gap
        return self._result(look_at, ordinary)

    def _at(self, second: float, act: Callable[[float], None]) -> None:
        self.number += 1
        heappush(self.events, (second, self.number, act))

    def _tick(self, shard: _Shard) -> Callable[[float], None]:
        def act(now: float) -> None:
            self._fill(shard, now)
            self._read(shard, now)
            # Nor at fixed intervals: an equally long window would always or never end before the next read.
            self._at(now + self.of.poll_seconds * (0.9 + 0.2 * self.chance()), act)

        return act

    def _fill(self, shard: _Shard, now: float) -> None:
        """Put what producers sent since the last call; the oldest of it arrived right after that call."""
        begin, seconds = shard.filled_until, now - shard.filled_until
        shard.filled_until = now
        come = poisson(self.curve.orders(begin, now) / self.of.shards, self.chance)
        self.came += come
        # Unused capacity of one second does not carry over to the next.
        room = self.of.shard_in * max(1.0, seconds)
        shard.may_put = min(room, shard.may_put + self.of.shard_in * seconds)
        put = min(shard.held + come, int(shard.may_put))
        shard.may_put -= put
        shard.held += come - put
        self.put += put
        if put:
            shard.unread.append((begin, put))
        while shard.unread and shard.unread[0][0] < now - self.of.retention_seconds:
            self.lost += shard.unread.popleft()[1]
            self.lost_from = min(self.lost_from, now)

    def _read(self, shard: _Shard, now: float) -> None:
        """Read ahead into the lanes: at the shard's read capacity, at most two batches per lane."""
        of, lanes = self.of, shard.lanes
        shard.may_read = min(of.shard_out, shard.may_read + of.shard_out * (now - shard.read_until))
        shard.read_until = now
        room = _READ_AHEAD_BATCHES * of.batch_size * len(lanes) - sum(lane.waiting for lane in lanes)
        left = min(room, int(shard.may_read))
        while shard.unread and left > 0:
            arrived_at, orders = shard.unread.popleft()
            some = min(orders, left)
            left -= some
            shard.may_read -= some
            if some < orders:
                shard.unread.appendleft((arrived_at, orders - some))
            each, over = divmod(some, len(lanes))
            for number in range(len(lanes) if each else over):
                lane = lanes[(shard.turn + number) % len(lanes)]
                share = each + (number < over)
                lane.queue.append((arrived_at, now, share))
                lane.waiting += share
            shard.turn = (shard.turn + over) % len(lanes)
        for lane in lanes:
            self._form(lane, now)

    def _form(self, lane: _Lane, now: float) -> None:
        """Form a batch if one is ready, and invoke the function."""
        if lane.batch or not lane.queue or now < lane.free_at:
            return
        ready_at = lane.queue[0][1] + self.of.window_seconds
        if lane.waiting < self.of.batch_size and now < ready_at:
            if lane.wakes_at != ready_at:
                lane.wakes_at = ready_at
                self._at(ready_at, lambda then: self._form(lane, then))
            return
        left = min(self.of.batch_size, lane.waiting)
        lane.waiting -= left
        while left:
            arrived_at, read_at, orders = lane.queue.popleft()
            some = min(orders, left)
            left -= some
            lane.batch.append((arrived_at, some))
            if some < orders:
                lane.queue.appendleft((arrived_at, read_at, orders - some))
        self._send(lane, now)

    def _send(self, lane: _Lane, now: float) -> None:
        of = self.of
        while lane.batch and lane.batch[0][0] < now - of.maximum_age_seconds:
            self.discarded += lane.batch.pop(0)[1]
            self.discarded_from = min(self.discarded_from, now)
        if not lane.batch:
            lane.tries = 0
            self._form(lane, now)
            return
        if self.running >= self.concurrency:
            self.throttled += 1
            self._again(lane, now)
            return
        orders = sum(some for _, some in lane.batch)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.invocations += 1
        self.batched += orders
        lane.fails = any(one.begin <= now < one.begin + one.seconds for one in self.outages)
        if lane.fails:
            ends_at = now + _FAILURE_SECONDS
        else:
            spread = 1 + _SPREAD * (2 * self.chance() - 1)
            self.table_free_at = max(self.table_free_at, now - 1) + orders / self.table
            ends_at = max(now + spread * of.seconds_of(orders), self.table_free_at)
        self._at(ends_at, lambda then: self._end(lane, then))

    def _end(self, lane: _Lane, now: float) -> None:
        self.running -= 1
        if lane.fails:
            self.failed += 1
            self._again(lane, now)
            return
        self.done += sum(some for _, some in lane.batch)
        lane.batch, lane.tries = [], 0
        lane.free_at = now + self.of.between_seconds
        self._at(lane.free_at, lambda then: self._read(lane.shard, then))

    def _again(self, lane: _Lane, now: float) -> None:
        lane.tries += 1
        self._at(now + mapping_delay(lane.tries, self.chance()), lambda then: self._send(lane, then))

    def _look(self, now: float) -> None:
        oldest = now
        for shard in self.shards:
            self._fill(shard, now)
            if shard.unread:
                oldest = min(oldest, shard.unread[0][0])
            for lane in shard.lanes:
                if lane.batch:
                    oldest = min(oldest, lane.batch[0][0])
                elif lane.queue:
                    oldest = min(oldest, lane.queue[0][0])
        backlog = self.put - self.done - self.lost - self.discarded
        held = sum(shard.held for shard in self.shards)
        self.looks.append(
            BacklogSample(now, self.curve.at(now), backlog * self.scale, now - oldest, held * self.scale)
        )

    def _result(self, now: float, ordinary: float) -> SimulationResult:
        most = max(self.looks, key=lambda one: one.backlog)
        oldest = max(self.looks, key=lambda one: one.oldest_seconds)
        late = [one.second for one in self.looks if one.oldest_seconds > ordinary]
        after = [one.second for one in self.looks if late and one.second > late[-1]]
        scale, of = self.scale, self.of
        discarded_from, lost_from = self._reached(of.maximum_age_seconds, ordinary), None
        # An order that is discarded first is stored in a bucket, and can no longer be lost.
        if of.retention_seconds < of.maximum_age_seconds:
            lost_from = self._reached(of.retention_seconds, ordinary)
        every = -(-len(self.looks) // _MOST_POINTS)
        return SimulationResult(
            seconds=now,
            shards_simulated=len(self.shards),
            orders=self.came * scale,
            done=self.done * scale,
            lost=self.lost * scale,
            discarded=self.discarded * scale,
            most_backlog=most.backlog,
            most_backlog_at=most.second,
            most_held=max(one.held for one in self.looks),
            oldest_seconds=oldest.oldest_seconds,
            oldest_at=oldest.second,
            ordinary_seconds=ordinary,
            behind_from=late[0] if late else None,
            caught_up_at=after[0] if after else None,
            to_spare_seconds=max(0.0, of.retention_seconds - oldest.oldest_seconds),
            discarded_from=self.discarded_from if self.discarded else discarded_from,
            lost_from=self.lost_from if self.lost else lost_from,
            invocations=self.invocations * scale,
            failed=self.failed * scale,
            throttled=self.throttled * scale,
            orders_per_batch=self.batched / max(1, self.invocations),
            most_running=self.most_running * scale,
            points=tuple(self.looks[::every]),
        )

    def _reached(self, age: float, ordinary: float) -> float | None:
        """When the oldest order reaches `age` (seconds) at the rate of the last tenth of the run, or None."""
        then, now = self.looks[-1 - len(self.looks) // 10], self.looks[-1]
        ageing = now.oldest_seconds - then.oldest_seconds
        if now.oldest_seconds <= ordinary or ageing <= 0:
            return None
        return now.second + max(0.0, age - now.oldest_seconds) * (now.second - then.second) / ageing
