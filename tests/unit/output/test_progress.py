"""Long work tells how far it is in each of its phases, to the end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bench.synthetic_account import BATCH, Generated

from orderstream.archive.plan import plan
from orderstream.archive.replay import Selection
from orderstream.domain.object_keys import ORDERS, QUARANTINE
from orderstream.ingest.tpch import table_totals
from orderstream.recovery.verify import verify
from tests.fakes import deployment_on


class Told:
    """The phases in their order, each with the last count that was told of it."""

    def __init__(self) -> None:
        self.phases: dict[str, int] = {}
        self.counts: list[int] = []

    def __call__(self, what: str, done: int | None = None, of: int | None = None, /) -> None:
        assert done is not None
        assert done >= self.phases.get(what, 0), "a count only grows"
        self.phases[what] = done
        self.counts.append(done)


class Pages:
    """A table with one customer, read page by page."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes

    def get_paginator(self, operation: str) -> Pages:
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        item = {"CustomerID": {"S": "c"}, "OrderAmount": {"N": "2.50"}}
        return [{"Items": [item] * size} for size in self.sizes]


def test_verify_tells_of_each_thing_that_it_reads_and_of_the_comparison() -> None:
    told = Told()
    orders = 3 * BATCH
    verify(deployment_on(Generated(orders)), progress=told)
    stored = orders - orders // 100
    assert told.phases == {
        f"objects of {ORDERS} read": 3,
        "items read": stored // 1000 * 1000,
        f"objects of {QUARANTINE} read": 3,
        "items to compare": stored,
    }


def test_the_comparison_of_totals_tells_of_each_page_of_the_table() -> None:
    told = Told()
    table_totals(deployment_on(SimpleNamespace(dynamodb=Pages(3, 2, 4))), told)
    assert told.counts == [3, 5, 9]


def test_the_plan_of_a_replay_tells_how_many_objects_it_has_listed() -> None:
    told = Told()
    plan(deployment_on(Generated(2 * BATCH)), Selection(), to="table", rate=None, progress=told)
    assert told.phases == {"objects listed": 2}
