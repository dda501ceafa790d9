"""Each fault at each I/O step, one at a time: nothing is lost, and it is overcome when it ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from orderstream.local.esm.lanes import Rules
from tests.simulation.fake_aws import World
from tests.simulation.faults import FAULTS, Fault
from tests.simulation.guarantees import Broken
from tests.simulation.lifecycle_mutants import BROKEN
from tests.simulation.mutants import ArchiveByRange, with_archive
from tests.simulation.pipelines import REAL, Pipeline
from tests.simulation.traffic import Spec

RULES = Rules(batch_size=100, reports_failures=True)

# More than one call of DynamoDB has room for, and something to compare in each of them.
TRAFFIC = [
    *(Spec("order", number) for number in range(4)),
    *(Spec("anonymous", number) for number in range(30)),
    *(Spec("order", number, variant=number % 2, spelling=1) for number in range(4)),
    Spec("refused", 1),
    # Three events of an order, two of another, and one before its order.
    *(Spec("event", 1, 0, spelling) for spelling in range(3)),
    *(Spec("event", 2, variant, 0) for variant in range(2)),
    Spec("event", 8, 1, 2),
    Spec("bad", 2),
    Spec("aggregate", 1, inner=(Spec("order", 7), Spec("bad", 3), Spec("order", 1, variant=2))),
    # With those above, more events than a call has room for.
    *(Spec("event", number % 4, 2, 3) for number in range(24)),
    Spec("order", 8),
]


def world(layout: str, happened: Counter[str], pipeline: Pipeline = REAL, rules: Rules = RULES) -> World:
    return World(layout=layout, shards=1, rules=rules, pipeline=pipeline, happened=happened)


def name_of(fault: Fault) -> str:
    when = "every time" if fault.lasting else ("first time", "second time")[fault.nth]
    return f"{fault}, {when}, {fault.size}"


EVENT_STEPS = ("store event", "read events", "update")
# They are the same in each layout of the archive.
CASES = [
    pytest.param(layout, fault, id=f"{layout}-{name_of(fault)}")
    for layout in ("batch", "order")
    for fault in FAULTS
    if layout == "batch" or fault.step not in EVENT_STEPS
]


@pytest.mark.parametrize(("layout", "fault"), CASES)
def test_a_fault_loses_nothing_and_is_overcome(layout: str, fault: Fault) -> None:
    happened: Counter[str] = Counter()
    overcome(fault, world(layout, happened))
    assert happened[str(fault)], "it never struck"
    assert not any(what.startswith("discarded") for what in happened)


def overcome(fault: Fault, here: World) -> None:
    """Send records, deliver them with the fault, and without it until all is done."""
    (shard,) = here.shards
    # Half of it is there before.
    here.send(shard, TRAFFIC[::2], lateness=0)
    here.drain()
    here.send(shard, TRAFFIC, lateness=0)
    here.clock.now += 20
    here.send(shard, TRAFFIC[::-1], lateness=0)
    faults = [fault]
    if fault.step == "compare" and fault.nth:
        # Only an answer in parts makes it ask a second time.
        faults.append(Fault("compare", "unprocessed", size=1))
    for _ in range(2):
        for lane in range(len(shard.lanes)):
            here.deliver(shard, lane, faults)
            here.check()
    here.drain()
    here.check()
    here.guarantees.lifecycle.check_converged()


@pytest.mark.parametrize("mistake", BROKEN)
def test_some_fault_finds_out_a_pipeline_that_applies_events_with_a_mistake(mistake: str) -> None:
    pipeline, guarantee = BROKEN[mistake]
    # Events of one order are in several lanes.
    rules = replace(RULES, parallelization_factor=3)
    with pytest.raises(Broken, match=guarantee):
        for fault in FAULTS:
            if fault.step in EVENT_STEPS and fault.what in ("crash", "meanwhile"):
                overcome(fault, world("batch", Counter(), pipeline, rules))


def test_an_invocation_that_is_out_of_time_is_killed_and_its_batch_comes_again() -> None:
    happened: Counter[str] = Counter()
    here = world("batch", happened)
    here.send(here.shards[0], TRAFFIC, lateness=0)
    here.deliver(here.shards[0], 0, [Fault("insert", "slow", size=3, lasting=True)])
    assert (happened["timeout"], here.shards[0].checkpoint) == (1, None)
    here.drain()
    here.check()


def change_lanes(pipeline: Pipeline) -> None:
    """Deliver one of three lanes, and all in one: a batch from the same record to the same has more in it."""
    for lane in range(3):
        here = world("batch", Counter(), pipeline)
        here.restart(replace(RULES, parallelization_factor=3))
        here.send(here.shards[0], [Spec("anonymous", number) for number in (0, 1, 2, 3, 4, 0)], lateness=0)
        here.deliver(here.shards[0], lane)
        here.restart(RULES)
        here.drain()
        here.check()


def test_g4_other_lanes_keep_nothing_out_of_the_archive() -> None:
    change_lanes(REAL)


def test_the_simulation_finds_out_an_archive_named_by_its_first_and_last_record() -> None:
    with pytest.raises(Broken, match="G4"):
        change_lanes(with_archive(ArchiveByRange))
