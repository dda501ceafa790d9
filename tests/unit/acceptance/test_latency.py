"""`cold-starts`: Lambda's own log says how long the first start of each function took."""

from __future__ import annotations

import pytest

from orderstream.acceptance import latency
from orderstream.errors import CheckFailedError
from tests.fakes import Clock
from tests.unit.acceptance.fakes import NAME, Logs, context_on

FUNCTIONS = ("ProcessOrders", "MaintainArchive", "OrdersApi", "Canary", "CheckPending")


def report(init_ms: str = "") -> str:
    """The line with which Lambda ends an invocation in the log; a first one has an Init Duration."""
    line = (
        "REPORT RequestId: 3604209a-e9a3-11e6-939a-754dd98c7be3\tDuration: 12.34 ms\t"
        "Billed Duration: 13 ms\tMemory Size: 1769 MB\tMax Memory Used: 154 MB\t"
    )
    return line + (f"Init Duration: {init_ms} ms\t" if init_ms else "") + "\n"


def logs_of(**starts: list[str]) -> Logs:
    usual = {name: ["812.40"] for name in FUNCTIONS} | starts
    return Logs(
        {
            f"/aws/lambda/{NAME}-{name}": ["START RequestId: 1\n", report(), *map(report, times)]
            for name, times in usual.items()
        }
    )


def test_the_cold_starts_of_each_function_are_counted_and_the_longest_is_told() -> None:
    found = latency.cold_starts(context_on(logs=logs_of(ProcessOrders=["640.02", "1021.77"])))
    assert found == {
        "ProcessOrders_starts": 2,
        "ProcessOrders_most_ms": 1022,
        **{f"{name}_starts": 1 for name in FUNCTIONS[1:]},
        **{f"{name}_most_ms": 812 for name in FUNCTIONS[1:]},
    }


def test_a_function_without_a_cold_start_in_its_log_is_awaited_and_then_fails_the_check_by_its_name() -> None:
    clock = Clock()
    context = context_on(clock, logs=logs_of(OrdersApi=[]))
    with pytest.raises(CheckFailedError, match="after 180 s: OrdersApi has no cold start in its log"):
        latency.cold_starts(context)
    assert clock.now == 180
