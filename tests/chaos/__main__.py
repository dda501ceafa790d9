"""Every scenario with thousands of orders: what was injected, and what became of them.

Ends with status 1 if an order was lost or doubled, a fault did not fire, or `orders stack verify` disagrees.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tests.chaos import crashes, restart, wire_faults
from tests.chaos.environment import Stage
from tests.chaos.scenarios import Outcome, play

# On the stage, in this order; each restart needs a cloud of its own.
_STAGED = {scenario.name: scenario for scenario in wire_faults.SCENARIOS + crashes.SCENARIOS}
_RESTARTS = {scenario.name: scenario for scenario in restart.RESTARTS if scenario.is_possible}
_NAMES = (*_STAGED, *_RESTARTS)

# As many a second as a laptop processes while half of the calls fail.
_RECORDS_A_SECOND = 300


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--records", type=int, default=2500, help="records a scenario (default: 2500)")
    parser.add_argument("--only", action="append", choices=_NAMES, help="one scenario; may be repeated")
    parser.add_argument("--restarts", action="store_true", help="only those that start orders up again")
    parser.add_argument("--text", action="store_true", help="print the table as plain text")
    arguments = parser.parse_args()
    names = arguments.only or (_RESTARTS if arguments.restarts else _NAMES)
    outcomes = _staged(names, arguments.records)
    for name in [name for name in names if name in _RESTARTS]:
        _say(f"{name}: {_RESTARTS[name].fault}")
        outcomes.append(restart.play_restart(_RESTARTS[name], records=arguments.records))
        _tell(outcomes[-1])
    _print(outcomes, as_text=arguments.text or not sys.stdout.isatty())
    return 1 if any(outcome.faults for outcome in outcomes) else 0


def _staged(names: Collection[str], records: int) -> list[Outcome]:
    scenarios = [scenario for name, scenario in _STAGED.items() if name in names]
    if not scenarios:
        return []
    outcomes = []
    _say("starting the local cloud, with proxies before it")
    with Stage() as stage:
        for scenario in scenarios:
            _say(f"{scenario.name}: {scenario.fault}")
            seconds = scenario.slower * records / _RECORDS_A_SECOND
            outcome = play(stage, scenario, records=records, seconds=seconds)
            _tell(outcome)
            outcomes.append(outcome)
    return outcomes


def _tell(outcome: Outcome) -> None:
    for fault in outcome.faults:
        _say(f"  {fault}")
    _say(f"  {sum(outcome.injected):,} injected, {outcome.accounts.acknowledged:,} records sent")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(outcomes: Sequence[Outcome], *, as_text: bool) -> None:
    table = Table("fault", "injected", "sent", "stored", "quarantined", "lost", "double")
    if as_text:
        table.box = box.MARKDOWN
    for column in table.columns[1:]:
        column.justify = "right"
    for outcome in outcomes:
        accounts = outcome.accounts
        numbers = (
            sum(outcome.injected),
            accounts.acknowledged,
            accounts.stored,
            accounts.quarantined,
            len(accounts.lost),
            len(accounts.double),
        )
        style = "red" if outcome.faults else None
        table.add_row(outcome.fault, *(f"{number:,}" for number in numbers), style=style)
    Console(width=120 if as_text else None).print(table)


if __name__ == "__main__":
    sys.exit(main())
