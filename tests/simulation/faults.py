"""What goes wrong in the simulation: every I/O step of an invocation passes through one place here."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from orderstream.errors import CloudError
from orderstream.testing.event_source import Clock
from orderstream.testing.fakes import client_error

T = TypeVar("T")

INVOCATION_SECONDS = 60.0
_CALL_SECONDS = 0.01
_DYNAMO = "http://dynamodb"

# Answers of DynamoDB to single statements.
STATEMENT_CODES = (
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "InternalServerError",
    "TransactionConflict",
)
# Errors of whole calls that come before anything was done, ...
_PASSING: dict[str, Callable[[], Exception]] = {
    "throttled": lambda: client_error("ThrottlingException"),
    "unreachable": lambda: EndpointConnectionError(endpoint_url=_DYNAMO),
    "connect timeout": lambda: ConnectTimeoutError(endpoint_url=_DYNAMO),
}
# ... that may come before or after, so that nobody knows whether it was done, ...
_DOUBTFUL: dict[str, Callable[[], Exception]] = {
    "internal error": lambda: client_error("InternalServerError", status=500),
    "read timeout": lambda: ReadTimeoutError(endpoint_url=_DYNAMO),
    "connection closed": lambda: ConnectionClosedError(endpoint_url=_DYNAMO),
}
# ... and that say that the table cannot be used.
_DENIED: dict[str, Callable[[], Exception]] = {
    "denied": lambda: client_error("AccessDeniedException"),
    "no table": lambda: client_error("ResourceNotFoundException"),
    "expired token": lambda: client_error("ExpiredTokenException"),
}
_ERRORS = _PASSING | _DOUBTFUL | _DENIED

# The I/O steps of an invocation, and the calls that they are.
STEPS = ("archive", "insert", "compare", "store event", "read events", "update", "quarantine")
_STEP_OF = {
    "put orders": "archive",
    "get orders": "archive",
    "insert": "insert",
    "insert events": "store event",
    "query": "read events",
    "update": "update",
    "batch_get_item": "compare",
    "put quarantine": "quarantine",
}


class Crash(BaseException):
    """The process is gone in the middle of what it did: SIGKILL, out of memory, out of time."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong in an invocation, at one of its steps, before or after the effect.

    It strikes the first time that the step is taken, or the second (`nth` 1), or every time from then
    on. `size` says how much: which share of the statements, how many keys are answered, how many seconds.
    """

    step: str
    what: str
    after: bool = False
    size: int = 0
    nth: int = 0
    lasting: bool = False

    def strikes(self, step: str, times: int) -> bool:
        return step == self.step and (times >= self.nth if self.lasting else times == self.nth)

    def __str__(self) -> str:
        if self.what in STATEMENT_CODES or self.what == "unprocessed":
            return f"{self.step}: {self.what}"
        return f"{self.step}: {self.what} {'after' if self.after else 'before'}"


def _faults() -> Iterator[Fault]:
    anything = ("crash", "slow", "meanwhile", "restart")
    for step in STEPS:
        for what in _ERRORS:
            yield Fault(step, what)
            yield Fault(step, what, lasting=True)
        yield Fault(step, "slow", size=3, lasting=True)
        for nth in (0, 1):
            for what in anything:
                yield Fault(step, what, nth=nth)
            for what in (*_DOUBTFUL, *anything):
                yield Fault(step, what, after=True, nth=nth)
    for step in ("insert", "store event", "update"):
        for what in STATEMENT_CODES:
            # A third of the orders, or all.
            for size in (1, 3):
                yield Fault(step, what, size=size)
                yield Fault(step, what, size=size, lasting=True)
    for size in (0, 1):
        yield Fault("compare", "unprocessed", size=size)
        yield Fault("compare", "unprocessed", size=size, lasting=True)


# Everything that can go wrong.
FAULTS = list(_faults())


class Run:
    """One invocation under way. It is the `context` of the handler, and all its I/O passes through `step`.

    `meanwhile(restart)` has other invocations run before this one goes on.
    """

    def __init__(
        self,
        clock: Clock,
        faults: Sequence[Fault],
        happened: Counter[str],
        meanwhile: Callable[[bool], None],
    ) -> None:
        self.aws_request_id = "request"
        self.keys_per_answer = 100
        self.fired: list[str] = []
        # Whether something went wrong that the whole invocation may fail for.
        self.may_raise = False
        self._clock = clock
        self._deadline = clock.now + INVOCATION_SECONDS
        self._faults = faults
        self._happened = happened
        self._meanwhile = meanwhile
        self._taken: Counter[str] = Counter()
        self._refusing: Fault | None = None

    def get_remaining_time_in_millis(self) -> int:
        return int((self._deadline - self._clock.now) * 1000)

    def sleep(self, seconds: float) -> None:
        """Time passes; when the invocation's is over, it is killed."""
        self._clock.now += seconds
        if self._clock.now >= self._deadline:
            self._note("timeout")
            raise Crash("timeout")

    def code_of(self, order_id: str) -> str | None:
        """The error of one statement, by the plan."""
        fault = self._refusing
        if fault is None or (fault.size < 3 and zlib.crc32(order_id.encode()) % 3 != fault.size):
            return None
        self._note(str(fault))
        return fault.what

    def step(self, call: str, effect: Callable[[], T]) -> T:
        """Carry out one call of AWS, with all that goes wrong before and after it."""
        step = _STEP_OF[call.partition("/")[0]]
        due = [fault for fault in self._faults if fault.strikes(step, self._taken[step])]
        self._taken[step] += 1
        self.sleep(_CALL_SECONDS)
        self._refusing = None
        for fault in due:
            if not fault.after:
                self._strike(fault)
        try:
            result = effect()
        finally:
            self._refusing, self.keys_per_answer = None, 100
        for fault in due:
            if fault.after:
                self._strike(fault)
        return result

    def _strike(self, fault: Fault) -> None:
        if fault.what in STATEMENT_CODES:
            self._refusing = fault
            return
        self._note(str(fault))
        if fault.what == "unprocessed":
            self.keys_per_answer = fault.size
        elif fault.what == "crash":
            raise Crash(str(fault))
        elif fault.what == "slow":
            self.sleep(5.0 + 10.0 * fault.size)
        elif fault.what in ("meanwhile", "restart"):
            self._meanwhile(fault.what == "restart")
        elif fault.step in ("archive", "quarantine"):
            self._fail(fault, CloudError(f"S3: {fault.what}"), may_raise=fault.step == "archive")
        else:
            self._fail(fault, _ERRORS[fault.what](), may_raise=fault.what in _DENIED)

    def _fail(self, fault: Fault, error: Exception, *, may_raise: bool) -> NoReturn:
        self._happened[f"{fault.step}: failed {'after' if fault.after else 'before'}"] += 1
        self.may_raise |= may_raise
        raise error

    def _note(self, what: str) -> None:
        self.fired.append(what)
        self._happened[what] += 1
