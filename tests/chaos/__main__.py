"""Every scenario with thousands of orders: what was injected, and what became of them.

Ends with status 1 if an order was lost or doubled, a fault did not fire, or `orders stack verify` disagrees.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterator
from typing import Any

from bench.harness import progress
from bench.report import table

from tests.chaos import crashes, restart, wire_faults
from tests.chaos.environment import Stage
from tests.chaos.scenarios import Outcome, play

# On the stage, in this order; each restart needs a cloud of its own.
_STAGED = {scenario.name: scenario for scenario in wire_faults.SCENARIOS + crashes.SCENARIOS}
_RESTARTS = {scenario.name: scenario for scenario in restart.RESTARTS if scenario.is_possible}
_NAMES = (*_STAGED, *_RESTARTS)

# As many a second as one machine processes while half of the calls fail.
_RECORDS_A_SECOND = 300


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--records", type=int, default=2500, help="records a scenario (default: 2500)")
    parser.add_argument("--only", action="append", choices=_NAMES, help="one scenario; may be repeated")
    parser.add_argument("--restarts", action="store_true", help="only those that start orders up again")
    arguments = parser.parse_args()
    names = arguments.only or (_RESTARTS if arguments.restarts else _NAMES)
    outcomes = list(_outcomes(names, arguments.records))
    print(
        table(
            "",
            "| fault | injected | sent | stored | quarantined | lost | double |",
            "| {fault} | {injected:,} | {sent:,} | {stored:,} | {quarantined:,} | {lost:,} | {double:,} |",
            [_row(outcome) for outcome in outcomes],
        )
    )
    return 1 if any(outcome.faults for outcome in outcomes) else 0


def _outcomes(names: Collection[str], records: int) -> Iterator[Outcome]:
    scenarios = [scenario for name, scenario in _STAGED.items() if name in names]
    if scenarios:
        progress("starting the local cloud, with proxies before it")
        with Stage() as stage:
            for scenario in scenarios:
                progress(f"{scenario.name}: {scenario.fault}")
                seconds = scenario.slower * records / _RECORDS_A_SECOND
                yield _told(play(stage, scenario, records=records, seconds=seconds))
    for name, restart_scenario in _RESTARTS.items():
        if name in names:
            progress(f"{name}: {restart_scenario.fault}")
            yield _told(restart.play_restart(restart_scenario, records=records))


def _told(outcome: Outcome) -> Outcome:
    for fault in outcome.faults:
        progress(f"  {fault}")
    progress(f"  {sum(outcome.injected):,} injected, {outcome.accounts.acknowledged:,} records sent")
    return outcome


def _row(outcome: Outcome) -> dict[str, Any]:
    accounts = outcome.accounts
    return {
        "fault": outcome.fault,
        "injected": sum(outcome.injected),
        "sent": accounts.acknowledged,
        "stored": accounts.stored,
        "quarantined": accounts.quarantined,
        "lost": len(accounts.lost),
        "double": len(accounts.double),
    }


if __name__ == "__main__":
    sys.exit(main())
