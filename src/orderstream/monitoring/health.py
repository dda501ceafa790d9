"""The health of a stack, calculated from figures and descriptions. Pure: `collector` fetches them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from orderstream.aws.function_versions import LiveVersion
from orderstream.aws.metrics import MINUTE
from orderstream.monitoring.figures import (
    FIVE_MINUTES,
    NOTHING,
    Minutes,
    Rates,
    complete_until,
    counted,
    highest,
    latest,
    per_second,
    summed,
)
from orderstream.monitoring.shards import ShardLoads
from orderstream.monitoring.tables import TableLoads

State = Literal["alarm", "ok", "no data"]
_STATES: dict[str, State] = {"ALARM": "alarm", "OK": "ok", "INSUFFICIENT_DATA": "no data"}
_WORST_FIRST: tuple[State, ...] = ("alarm", "no data", "ok")
# An alarm's description ends with this link.
_RUNBOOK = re.compile(r"\S+#\S+$")


@dataclass(frozen=True, slots=True)
class AlarmState:
    """An alarm, named without the stack's prefix; `runbook` is the link to its instructions, or ""."""

    name: str
    state: State
    since: datetime | None
    says: str
    runbook: str


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """The mapping: `consumer` is "" if it polls, `is_read` is whether anything reads the stream.

    In the local cloud (`is_local`) the mapping is disabled, and the local event source replaces it.
    """

    state: str
    reason: str
    consumer: str
    is_read: bool
    is_local: bool


@dataclass(frozen=True, slots=True)
class DeadLetterBacklog:
    """Batches not yet redriven: how many were seen, the earliest of them, and whether there are more."""

    batches: int
    since: datetime | None
    more: bool


@dataclass(frozen=True, slots=True)
class LatencyPercentiles:
    """Ms from arrival to stored: for the newest minute with orders, and the worst of the last five."""

    p50: float
    p99: float
    p50_worst: float
    p99_worst: float


@dataclass(frozen=True, slots=True)
class StackFacts:
    """The results of Describe calls for a stack."""

    stack: str
    retention_seconds: int
    mapping_state: str
    mapping_reason: str
    consumer: str
    is_local: bool
    dead_letters: DeadLetterBacklog
    alarms: Sequence[AlarmState]
    version: LiveVersion | None = None
    tables: TableLoads | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `orders status` reports. Rates are per second, ages in seconds, times UTC.

    `revenue` is by currency, in CloudWatch's floating point: for display, not for accounting. `iterator_age`
    is None while nothing reads the stream; the backlog is then unknown. `backlog` is at most what arrived
    since the oldest waiting order. `events_waiting` is the age of the oldest event whose order has not
    arrived, `sequence_gap` that of the oldest event after a missing one; None if there is none.
    """

    stack: str
    at: datetime
    records: Rates
    bytes: Rates
    stored: Rates
    revenue: dict[str, Rates]
    counts: dict[str, Rates]
    latency: LatencyPercentiles | None
    iterator_age: float | None
    until_data_loss: float | None
    backlog: int | None
    events_waiting: float | None
    sequence_gap: float | None
    retention: int
    consumer: ConsumerState
    shards: ShardLoads
    dead_letters: DeadLetterBacklog
    alarms: tuple[AlarmState, ...]
    in_alarm: bool
    version: LiveVersion | None = None
    tables: TableLoads | None = None


# Each received record has one of these outcomes.
OUTCOMES = ("stored", "events", "duplicates", "conflicts", "invalid", "failed")
# The figures that are shown as counts.
COUNTS = (
    *OUTCOMES,
    "forbidden",
    "throttled_puts",
    "invocations",
    "errors",
    "throttles",
    "discarded",
    "dropped",
)


def age_of(figures: Mapping[str, Minutes], until: int) -> float | None:
    """The iterator age in seconds, None while nothing reads the stream.

    A stream that is being read reports it every minute. The function's own age exists only while it is
    invoked. It may be higher, for records that were read but keep failing.
    """
    of_stream = latest(figures.get("age", NOTHING), until, 2 * MINUTE)
    if of_stream is None:
        return None
    return max(of_stream, latest(figures.get("age_at_function", NOTHING), until, MINUTE) or 0.0) / 1000


def until_of(figures: Mapping[str, Minutes], now: float) -> int:
    """The time up to which the figures are complete, in seconds since the epoch."""
    return complete_until(now, figures.get("records", NOTHING), figures.get("age", NOTHING))


def status_of(
    described: StackFacts,
    figures: Mapping[str, Minutes],
    revenue: Mapping[str, Minutes],
    shards: ShardLoads,
    backlog: int | None,
    now: float,
) -> Status:
    """The status at `now`, in seconds since the epoch; `revenue` is by currency."""
    until = until_of(figures, now)
    age = age_of(figures, until)
    alarms = sorted(_whole(described.alarms), key=lambda one: (_WORST_FIRST.index(one.state), one.name))
    return Status(
        stack=described.stack,
        at=datetime.fromtimestamp(until, UTC),
        records=per_second(figures.get("records", NOTHING), until),
        bytes=per_second(figures.get("bytes", NOTHING), until),
        stored=per_second(figures.get("stored", NOTHING), until),
        revenue={currency: summed(minutes, until) for currency, minutes in revenue.items()},
        counts=_counts(figures, until),
        latency=_latency(figures, until),
        iterator_age=age,
        until_data_loss=None if age is None else max(0.0, described.retention_seconds - age),
        backlog=backlog,
        events_waiting=latest(figures.get("events_waiting", NOTHING), until, 2 * FIVE_MINUTES),
        sequence_gap=latest(figures.get("sequence_gap", NOTHING), until, 2 * FIVE_MINUTES),
        retention=described.retention_seconds,
        consumer=ConsumerState(
            described.mapping_state,
            described.mapping_reason,
            described.consumer,
            age is not None,
            described.is_local,
        ),
        shards=shards,
        dead_letters=described.dead_letters,
        alarms=tuple(alarms),
        in_alarm=any(alarm.state == "alarm" for alarm in alarms),
        version=described.version,
        tables=described.tables,
    )


def _counts(figures: Mapping[str, Minutes], until: int) -> dict[str, Rates]:
    counts = {name: counted(figures.get(name, NOTHING), until) for name in COUNTS}
    # Summed here because each is rounded, and the displayed figures must add up.
    outcomes = [counts[name] for name in OUTCOMES]
    received = Rates(
        sum(one.last_minute for one in outcomes),
        sum(one.five_minutes for one in outcomes),
    )
    return {"received": received, **counts}


def _whole(alarms: Sequence[AlarmState]) -> Iterable[AlarmState]:
    """Leave out alarms that only feed another alarm: they link to that alarm's section."""
    names = {alarm.name for alarm in alarms}
    for alarm in alarms:
        page = alarm.runbook.rpartition("#")[2]
        if page not in names or page == alarm.name:
            yield alarm


def alarm_of(stack: str, name: str, state: str, since: datetime | None, description: str) -> AlarmState:
    """An alarm from its description in DescribeAlarms; its name starts with `stack`."""
    link = _RUNBOOK.search(description.strip())
    says = description.strip()[: link.start()] if link else description
    return AlarmState(
        name.removeprefix(f"{stack}-"), _STATES[state], since, says.strip(), link[0] if link else ""
    )


def _latency(figures: Mapping[str, Minutes], until: int) -> LatencyPercentiles | None:
    p50, p99 = (figures.get(name, NOTHING) for name in ("latency_p50", "latency_p99"))
    now = latest(p50, until), latest(p99, until)
    worst = highest(p50, until), highest(p99, until)
    if now[0] is None or now[1] is None:
        return None
    return LatencyPercentiles(now[0], now[1], max(now[0], worst[0] or 0.0), max(now[1], worst[1] or 0.0))
