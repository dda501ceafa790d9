"""The simulation as Hypothesis drives it: traffic, deliveries, faults, crashes and restarts in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orderstream.local.esm.lanes import Rules
from tests.simulation.fake_aws import Delivery, World
from tests.simulation.faults import FAULTS, Fault
from tests.simulation.pipelines import REAL, Pipeline
from tests.simulation.traffic import Spec

T = TypeVar("T")


def one_of_many(values: Sequence[T]) -> st.SearchStrategy[T]:
    # `sampled_from` would show all of them wherever it is shown itself.
    def nth(number: int) -> T:
        return values[number]

    return st.integers(0, len(values) - 1).map(nth)


# Every draw costs more than the step that it leads to: so records and faults are drawn whole.
# Few ids, contents and keys, so that they meet.
_SINGLES = [
    Spec(kind, number, variant, spelling)
    for kind in ("order", "order", "anonymous", "impostor", "refused", "event", "event", "event", "bad")
    for number in range(9)
    for variant in range(3)
    for spelling in range(4)
]
_SINGLE = one_of_many(_SINGLES)
_AGGREGATE = st.builds(
    Spec,
    kind=st.sampled_from(("aggregate", "aggregate", "damaged")),
    number=st.integers(0, 8),
    inner=st.lists(_SINGLE, min_size=1, max_size=4).map(tuple),
)
_OVERSIZED = st.builds(Spec, kind=st.just("oversized"), number=st.integers(0, 8))
_ANY = st.one_of(_SINGLE, _SINGLE, _SINGLE, _SINGLE, _SINGLE, _SINGLE, _AGGREGATE, _AGGREGATE, _OVERSIZED)
SPECS = st.lists(_ANY, min_size=3, max_size=12)

RULES = st.builds(
    Rules,
    batch_size=st.one_of(st.integers(1, 8), st.integers(9, 60)),
    parallelization_factor=st.integers(1, 3),
    max_retries=st.sampled_from((-1, 0, 0, 1)),
    max_age_seconds=st.sampled_from((-1, -1, -1, 300)),
    bisect=st.booleans(),
    reports_failures=st.just(True),
)

_DELIVERIES: tuple[Delivery, ...] = ("runs", "runs", "runs", "runs", "refused", "answer lost")
INVOCATIONS = st.tuples(
    st.integers(0, 5), st.lists(one_of_many(FAULTS), min_size=1, max_size=3), st.sampled_from(_DELIVERIES)
)


class Simulation(RuleBasedStateMachine):
    """One stream and one function. Subclasses say which; see `simulation`."""

    layout = "batch"
    pipeline: Pipeline = REAL
    happened: Counter[str] = Counter()

    @initialize(shards=st.integers(1, 2), rules=RULES)
    def begin(self, shards: int, rules: Rules) -> None:
        self.world = World(
            layout=self.layout, shards=shards, rules=rules, pipeline=self.pipeline, happened=self.happened
        )

    @rule(
        shard=st.integers(0, 1),
        specs=SPECS,
        lateness=st.sampled_from((0.0, 0.0, 0.7, 45.0)),
        seconds=st.sampled_from((0.0, 0.0, 3.0, 12.0, 50.0, 400.0)),
    )
    def send(self, shard: int, specs: list[Spec], lateness: float, seconds: float) -> None:
        self.world.clock.now += seconds
        self.world.send(self.world.shards[shard % len(self.world.shards)], specs, lateness)

    @rule(invocations=st.lists(INVOCATIONS, min_size=2, max_size=6))
    def deliver(self, invocations: list[tuple[int, list[Fault], Delivery]]) -> None:
        for choice, faults, delivery in invocations:
            self.world.deliver_some(choice, faults, delivery)
            self.world.check()

    @rule(rules=st.none() | RULES)
    def save_or_restart(self, rules: Rules | None) -> None:
        if rules:
            self.world.restart(rules)
        else:
            self.world.source.save()

    @invariant()
    def every_guarantee_holds(self) -> None:
        self.world.check()

    def teardown(self) -> None:
        """All faults stop, and everything comes to its end."""
        world = getattr(self, "world", None)
        if world is None or world.guarantees.is_broken:
            return
        world.drain()
        world.check()
        world.guarantees.lifecycle.check_converged()
        event(f"shards: {len(world.shards)}, lanes: {world.source.rules.parallelization_factor}")


def simulation(layout: str, pipeline: Pipeline, happened: Counter[str]) -> type[Simulation]:
    """The simulation of a pipeline; `happened` counts what went on in it."""
    about = {"layout": layout, "pipeline": pipeline, "happened": happened}
    return type("Simulation", (Simulation,), about)
