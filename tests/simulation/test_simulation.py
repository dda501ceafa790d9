"""Nothing that Lambda, DynamoDB, S3 or the event source can do at any I/O step breaks a guarantee."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.guarantees import Broken
from tests.simulation.mutants import BROKEN
from tests.simulation.pipelines import IN_SLICES
from tests.simulation.state_machine import simulation

# `ORDERSTREAM_LONG=1 pytest tests/simulation -s` takes some twenty minutes.
LONG = "ORDERSTREAM_LONG" in os.environ

SETTINGS = settings(
    max_examples=3_000 if LONG else 25,
    stateful_step_count=50 if LONG else 30,
    # The same runs every time in `make test`; others every time in the long run.
    derandomize=not LONG,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    report_multiple_bugs=False,
)


# What every run must have gone through, or it would prove little. (Each fault: test_each_fault.py.)
INTERESTING = {
    "answer lost",
    "answer to nobody",
    "applied an event",
    "batch over a full hour",
    "ceased to be forbidden",
    "delivered again",
    "discarded: RecordAgeExceeded",
    "discarded: RetryAttemptsExhausted",
    "forbidden",
    "gap",
    "halved",
    "invocation failed",
    "made an item",
    "partial failure",
    "quarantined: bad",
    "quarantined: conflict",
    "quarantined: refused_by_table",
    "refused",
    "restart goes back",
    "waits for its order",
    "was there already",
}


@pytest.mark.timeout(0 if LONG else 240)
@pytest.mark.parametrize("layout", ["batch", "order"])
def test_every_guarantee_holds_whatever_goes_wrong(layout: str) -> None:
    happened: Counter[str] = Counter()
    # With an object an order, the log does not tell of slices.
    missing = INTERESTING | ({"several slices"} if layout == "batch" else set())
    # Hypothesis also draws values from the modules that are loaded, so a few rounds may miss a rare event.
    for number in range(24):
        machine = simulation(layout, IN_SLICES, happened)
        run_state_machine_as_test(machine if LONG else seed(number)(machine), settings=SETTINGS)
        missing -= {what for what, count in happened.items() if count}
        if not missing:
            break
    print("\n".join(f"{count:8,}  {what}" for what, count in sorted(happened.items())))
    assert missing == set()


@pytest.mark.parametrize("mistake", BROKEN)
def test_the_simulation_finds_out_a_pipeline_with_a_mistake(mistake: str) -> None:
    layout, pipeline, guarantee = BROKEN[mistake]
    # The first violation is proof enough: nobody needs the smallest.
    hunt = settings(
        SETTINGS,
        max_examples=300,
        stateful_step_count=10,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
    )
    with pytest.raises(Broken, match=guarantee):
        run_state_machine_as_test(simulation(layout, pipeline, Counter()), settings=hunt)
