"""A scenario: something goes wrong while orders flow, and every order is accounted for afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from zlib import crc32

from orderstream.ingest.samples import Sample, samples
from tests.chaos.accounts import Accounts, account_for
from tests.chaos.environment import Stage, awaited

# Makes trouble on the stage while its block runs; gives a function that counts it, kind by kind.
Trouble = Callable[[Stage], AbstractContextManager[Callable[[], list[int]]]]


@dataclass(frozen=True)
class Scenario:
    """One row of the table. Its trouble lasts until the orders are processed, in spite of it.

    An outage, which little or nothing gets through, lasts until they are sent and it was met `met` times.
    `slower` is how many times longer the traffic of a full run takes, so that there is time for trouble.
    """

    name: str
    fault: str
    trouble: Trouble
    is_outage: bool = False
    met: int = 6
    slower: int = 1


@dataclass(frozen=True)
class Outcome:
    """What a scenario came to. `injected` has how often each kind of trouble was really made."""

    scenario: str
    fault: str
    injected: tuple[int, ...]
    accounts: Accounts

    @property
    def faults(self) -> list[str]:
        """Everything that must not be, a line each; empty if the scenario went as promised."""
        found = [] if self.injected and all(self.injected) else [f"not every fault fired: {self.injected}"]
        found += [f"lost: {one}" for one in self.accounts.lost]
        found += [f"double: {one}" for one in self.accounts.double]
        found += [f"verify: {one}" for one in self.accounts.discrepancies]
        return found


def sample_traffic(name: str, records: int) -> list[Sample]:
    """The traffic of the scenario `name`: order ids of its own, the same at every run."""
    seed = crc32(name.encode())
    endless = samples(seed, bad_share=0.03, duplicate_share=0.05, conflict_share=0.02)
    return list(islice(endless, records))


def play(stage: Stage, scenario: Scenario, *, records: int, seconds: float) -> Outcome:
    """Send so many records in so many seconds while the trouble is on, and account for them."""
    # MiniStack rounds arrival times to the millisecond.
    since = datetime.now(UTC) - timedelta(milliseconds=1)
    with scenario.trouble(stage) as count:
        sent = stage.send(sample_traffic(scenario.name, records), seconds)
        if scenario.is_outage:
            awaited(lambda: sum(count()) >= scenario.met)
        else:
            stage.await_processed(sent)
        injected = tuple(count())
    stage.await_processed(sent)
    return Outcome(scenario.name, scenario.fault, injected, account_for(stage.deployment, sent, since))
