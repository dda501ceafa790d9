"""A stream, its event source and the function, in one thread and in virtual time; only AWS is fake."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar

from orderstream.aws.kinesis_event import event_of
from orderstream.local.esm.failures import DiscardedInvocation, MappingSource, failure_record, object_body
from orderstream.local.esm.lanes import Batch, Discarded, Rules
from orderstream.local.esm.outcomes import Failed, NotInvoked, Outcome, PartialFailure, read_answer
from orderstream.pipeline.records import from_event
from orderstream.testing.event_source import (
    FIRST_NUMBER,
    STREAM_ARN,
    Clock,
    SimulatedEventSource,
    SimulatedShard,
)
from orderstream.testing.fakes import FakeDynamo, FakeStore, Item
from tests.simulation.faults import Crash, Fault, Run
from tests.simulation.guarantees import Guarantees
from tests.simulation.ledger import Ledger
from tests.simulation.pipelines import Pipeline
from tests.simulation.traffic import REFUSED_CUSTOMER, SHARDS, Spec, build

T = TypeVar("T")

# Lambda runs it; it never gets to the function; it runs, but the poller does not hear how it ended.
Delivery = Literal["runs", "refused", "answer lost"]

# Ten seconds before a full hour: the archive's prefixes change soon.
START = 1_795_373_990.0


class Dynamo(FakeDynamo):
    """The table: it refuses one customer for ever, and shows every item to the guarantees."""

    world: World

    def _insert(self, item: Item) -> str | None:
        if item.get("CustomerID", {}).get("S") == REFUSED_CUSTOMER:
            return "ValidationError"
        if "Fingerprint" in item and item["OrderID"]["S"] not in self.items:
            self.world.guarantees.check_insert(copy.deepcopy(item))
        return super()._insert(item)

    def _update(
        self, order_id: str, changed: Item, gone: list[str], condition: tuple[str, dict[str, Any] | None]
    ) -> str | None:
        before = self.items.get(order_id, {})
        code = super()._update(order_id, changed, gone, condition)
        if code is None and "EventID" not in before:
            self.world.guarantees.check_insert(copy.deepcopy(self.items[order_id]))
        elif code is None:
            self.world.guarantees.lifecycle.check_update(before, self.items[order_id])
        return code

    def _get(self, request: dict[str, Any]) -> dict[str, Any]:
        self.keys_per_answer = self.world.running[-1].keys_per_answer
        return super()._get(request)


class World:
    """All of it. `happened` counts what went on, so that a test can tell that it did."""

    def __init__(
        self, *, layout: str, shards: int, rules: Rules, pipeline: Pipeline, happened: Counter[str]
    ) -> None:
        self.clock = Clock(START)
        self.source = SimulatedEventSource(rules, self.clock, SHARDS[:shards])
        self.shards = self.source.shards
        self.happened = happened
        self.running: list[Run] = []
        self.dynamo = Dynamo(lambda order_id: self.running[-1].code_of(order_id), around=self._step)
        self.dynamo.world = self
        self.store = FakeStore(around=self._step)
        self.services = pipeline.services(layout, self.dynamo, self.store, self._sleep)
        self._handle = pipeline.handle
        self.ledger = Ledger(layout, self.store.objects, self.dynamo.items, self.dynamo.events)
        self.guarantees = Guarantees(self.ledger, happened)

    def send(self, shard: SimulatedShard, specs: Iterable[Spec], lateness: float) -> None:
        """Put records on the stream. Kinesis does not promise that their times of arrival only grow."""
        for spec in specs:
            event_id = f"{shard.id}:{FIRST_NUMBER + len(shard.log)}"
            data, inner = build(spec, event_id)
            arrived_at = round(self.clock.now - lateness * (spec.number % 3), 3)
            # On a stream that distributes records itself, a producer may leave the key out.
            key = None if spec.variant == 2 else f"key-{spec.number % 5}"
            self.source.put(shard, data, key, arrived_at)
            self.ledger.add(event_id, data, inner)

    def deliver_some(self, choice: int, faults: Sequence[Fault] = (), delivery: Delivery = "runs") -> None:
        """Have one of the lanes that have something to do go a step."""
        waiting = self.source.waiting()
        if waiting:
            self.deliver(*waiting[choice % len(waiting)], faults, delivery)

    def deliver(
        self, shard: SimulatedShard, number: int, faults: Sequence[Fault] = (), delivery: Delivery = "runs"
    ) -> None:
        """Have a lane take its next step, with these faults in its invocation."""
        heard: list[tuple[Batch, Outcome]] = []

        def invoke(batch: Batch) -> Outcome:
            outcome = self._invoke(shard, batch, faults, delivery)
            heard.append((batch, outcome))
            return outcome

        settled = self.source.step(shard, number, invoke)
        if heard and settled is None:
            self.happened["answer to nobody"] += 1
        elif heard and settled:
            self._note(*heard[0], len(settled.again))
        if settled and settled.discarded:
            self._discard(shard, settled.discarded)

    def deliver_all(self, shard: SimulatedShard) -> None:
        for number in range(len(shard.lanes)):
            self.deliver(shard, number)

    def restart(self, rules: Rules | None = None) -> None:
        """The event source is killed and started from what it saved, perhaps with other settings."""
        self.happened["restart"] += 1
        self.happened["restart goes back"] += sum(one.saved != one.checkpoint for one in self.shards)
        self.source.restart(rules)
        for shard in self.shards:
            self.guarantees.check_checkpoint(shard.id, shard.saved, restarted=True)

    def drain(self) -> None:
        """Without faults everything must be done soon: a bounded number of invocations for each record."""
        bound = 3 * sum(len(shard.log) for shard in self.shards) + 10
        for _ in range(bound):
            if self.source.is_done:
                return
            for shard in self.shards:
                self.deliver_all(shard)
        self.guarantees.broken("G1", "the checkpoint does not advance though nothing goes wrong")

    def check(self) -> None:
        """Every guarantee, for all that is done so far."""
        self.ledger.refresh()
        for shard in self.shards:
            done = shard.checkpoint
            self.guarantees.check_checkpoint(shard.id, done)
            for record in shard.log:
                if done and int(record.sequence_number) <= int(done):
                    self.guarantees.check_done(f"{shard.id}:{record.sequence_number}")
        self.guarantees.check_items()

    def _step(self, call: str, effect: Callable[[], T]) -> T:
        return self.running[-1].step(call, effect)

    def _sleep(self, seconds: float) -> None:
        self.running[-1].sleep(seconds)

    def _invoke(
        self, shard: SimulatedShard, batch: Batch, faults: Sequence[Fault], delivery: Delivery
    ) -> Outcome:
        if delivery == "refused":
            self.happened["refused"] += 1
            return NotInvoked()
        outcome = self._run(shard, batch, faults)
        if delivery == "answer lost":
            self.happened["answer lost"] += 1
            return NotInvoked()
        return outcome

    def _run(self, shard: SimulatedShard, batch: Batch, faults: Sequence[Fault]) -> Outcome:
        self.happened["invocation"] += 1
        run = Run(self.clock, faults, self.happened, self._meanwhile)
        self.running.append(run)
        log = io.StringIO()
        try:
            with contextlib.redirect_stdout(log):
                answer = self._handle(self.services, json.loads(event_of(batch.records)), run)
        except Crash:
            return Failed()
        except Exception as error:
            self.guarantees.check_error(error, may_raise=run.may_raise)
            self.happened["invocation failed"] += 1
            return Failed()
        finally:
            self.running.pop()
        events = [f"{shard.id}:{record.sequence_number}" for record in batch.records]
        self.guarantees.check_answer(events, answer, log.getvalue(), faultless=not run.fired)
        # Slices end where an hour does not.
        first = next(line for line in log.getvalue().splitlines() if line.startswith("{"))
        objects = json.loads(first)["objects"]
        self.happened["several slices"] += len(objects) > len({key.rpartition("/")[0] for key in objects})
        return read_answer(batch.records, json.dumps(answer).encode(), reports_failures=True)

    def _meanwhile(self, restart: bool) -> None:
        if restart:
            self.restart()
        for shard in self.shards:
            self.deliver_all(shard)

    def _note(self, batch: Batch, outcome: Outcome, again: int) -> None:
        if isinstance(outcome, PartialFailure):
            self.happened["partial failure"] += 1
            self.happened["split at the reported number"] += outcome.index > 0 and self.source.rules.bisect
        self.happened["halved"] += again == 2
        self.happened["delivered again"] += batch.invocations > 0
        hours = {int(record.arrived_at // 3600) for record in batch.records}
        self.happened["batch over a full hour"] += len(hours) > 1

    def _discard(self, shard: SimulatedShard, discarded: Discarded) -> None:
        self.happened[f"discarded: {discarded.condition}"] += 1
        source = MappingSource("mapping", "function", STREAM_ARN, shard.id)
        document = failure_record(discarded, source, DiscardedInvocation("request", 200, "1"), self.clock.now)
        body: dict[str, Any] = json.loads(object_body(document, discarded))
        self.ledger.given_up |= {
            record.event_id: record.data for record in from_event(json.loads(body["payload"]))
        }
        for record in discarded.records:
            self.guarantees.check_discarded(discarded, record, self.source.rules, self.clock.now)
