"""Whatever goes wrong, every order that Kinesis acknowledged is one item, or in quarantine: G1, G2, G3.

`python -m tests.chaos` plays all scenarios with thousands of orders; here are those that stand for them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.chaos import crashes, wire_faults
from tests.chaos.environment import Stage
from tests.chaos.restart import RESTARTS, play_restart
from tests.chaos.scenarios import Scenario, play

pytestmark = pytest.mark.system

_REPRESENTATIVE = {
    "answer-lost",
    "everything",
    "event-source-killed",
    "function-killed",
}
SCENARIOS = [one for one in wire_faults.SCENARIOS + crashes.SCENARIOS if one.name in _REPRESENTATIVE]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_no_order_is_lost_or_doubled_under(scenario: Scenario, stage: Stage) -> None:
    outcome = play(stage, replace(scenario, met=3), records=250, seconds=2)
    assert outcome.faults == []
    assert outcome.accounts.stored and outcome.accounts.quarantined


def test_no_order_is_lost_or_doubled_when_the_local_cloud_goes_on_from_its_state_after_a_kill() -> None:
    # tests/integration/test_state.py has the others: before the first save, and with a full disk.
    (scenario,) = [one for one in RESTARTS if one.name == "all-killed"]
    assert play_restart(scenario, records=250).faults == []
