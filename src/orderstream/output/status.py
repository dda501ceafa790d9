"""Prints the status of a stack, for people and programs: once, or redrawn until Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.segment import Segment
from rich.table import Column
from rich.text import Text

from orderstream.monitoring.health import OUTCOMES
from orderstream.monitoring.shards import AUTO, PARTITION_KEYS_PAGE
from orderstream.output.console import err, out, print_json
from orderstream.output.numbers import count, length, revenue, size
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.monitoring.figures import Rates
    from orderstream.monitoring.health import ConsumerState, Status
    from orderstream.monitoring.tables import TableLoad, TableLoads

# How often a log gets a line if nothing has changed.
SECONDS_BETWEEN_LINES = 60

_COLOURS = {"alarm": "red", "ok": "green", "no data": "yellow"}
_OF_RECORDS = ("received", *OUTCOMES, "forbidden", "discarded", "dropped", "throttled_puts")
_OF_FUNCTION = ("invocations", "errors", "throttles")
_LABELS = {
    "failed": "failed, retried",
    "forbidden": "of the events, forbidden",
    "throttled_puts": "puts refused by the stream",
}


def print_status(of: Status, *, as_json: bool) -> None:
    """Print one status: tables and lines, or one JSON document."""
    if as_json:
        print_json(asdict(of))
    else:
        out.print(_drawn(of))


def print_cost(metrics: int, dollars: Decimal) -> None:
    """Print the cost of one poll of `metrics` metrics."""
    err.print(Text(f"A look reads {metrics:,} metrics: ${dollars:.5f} on AWS.", "dim"))


def watch_status(
    looks: Iterable[Status], *, dollars_an_hour: Decimal, as_json: bool, on: Console = out
) -> bool:
    """Print each status over the last until Ctrl-C, or a line each; return whether the last was in alarm.

    Without a terminal (in a log) there is a line only when something changed, and one a minute.
    """
    err.print(Text(f"Ctrl-C ends it. On AWS this costs ${dollars_an_hour:.2f} an hour.", "dim"))
    last: Status | None = None
    try:
        if as_json:
            for last in looks:
                print_json(asdict(last))
        elif on.is_terminal:
            with Live(console=on, auto_refresh=False, vertical_overflow="visible") as live:
                for last in looks:
                    live.update(_wrapped(_drawn(last), on), refresh=True)
        else:
            told: Status | None = None
            for last in looks:
                if told is None or _is_news(last, told):
                    on.print(_line(last))
                    told = last
    except KeyboardInterrupt:
        pass
    return last is not None and last.in_alarm


def _wrapped(drawn: RenderableType, on: Console) -> RenderableType:
    """Wrap lines wider than the terminal, which a live view would truncate."""
    lines = Segment.split_lines(on.render(drawn, on.options.update(no_wrap=True, overflow="ignore")))
    return Group(*(_text(line) for line in lines))


def _text(line: Iterable[Segment]) -> Text:
    parts = ((part.text, part.style or "") for part in line)
    return Text.assemble(*parts, no_wrap=False, overflow="fold")


def _is_news(now: Status, told: Status) -> bool:
    before, after = ([(alarm.name, alarm.state) for alarm in one.alarms] for one in (told, now))
    return before != after or (now.at - told.at).total_seconds() >= SECONDS_BETWEEN_LINES


def _line(of: Status) -> str:
    alarms = ", ".join(alarm.name for alarm in of.alarms if alarm.state == "alarm")
    age = "nothing reads" if of.iterator_age is None else f"age {length(of.iterator_age)}"
    return (
        f"{_time(of.at)}  {count(_short(of.records.last_minute))}/s in, "
        f"{count(_short(of.stored.last_minute))}/s stored, {age}  {f'ALARM: {alarms}' if alarms else 'ok'}"
    )


def _drawn(of: Status) -> RenderableType:
    parts: list[RenderableType] = [_headline(of), _figures(of), *_lines(of)]
    if of.shards.hottest:
        parts.append(_shards(of))
    if of.tables and any(_is_used(load) for load in of.tables.loads):
        parts.append(_tables(of.tables.loads))
    if of.alarms:
        parts.append(_alarms(of))
        for alarm in of.alarms:
            if alarm.state == "alarm":
                parts.append(Text.assemble((alarm.name, "red"), f": {alarm.says} {alarm.runbook}"))
    return Group(*parts)


def _headline(of: Status) -> Text:
    states = [alarm.state for alarm in of.alarms]
    said, colour = "this stack has no alarms", "yellow"
    if of.in_alarm:
        said, colour = f"{states.count('alarm')} of {len(states)} alarms", "red"
    elif states:
        said, colour = f"none of {len(states)} alarms", "green"
    return Text.assemble((of.stack, "bold"), f" at {_time(of.at)} UTC: ", (said, colour))


def _figures(of: Status) -> SafeTable:
    table = SafeTable.of_numbers("", "last minute", "five minutes")
    table.add_row("orders in /s", *_numbers(of.records))
    table.add_row("bytes in /s", *(size(_short(value)) for value in _values(of.bytes)))
    table.add_row("stored /s", *_numbers(of.stored), end_section=not of.revenue)
    for number, (currency, amounts) in enumerate(of.revenue.items(), start=1):
        said = (revenue(value, currency) for value in _values(amounts))
        table.add_row(f"revenue, {currency}", *said, end_section=number == len(of.revenue))
    for names in (_OF_RECORDS, _OF_FUNCTION):
        for name in names:
            table.add_row(_LABELS.get(name, name), *_numbers(of.counts[name]))
        table.add_section()
    if of.latency:
        table.add_row("latency p50 ms", count(round(of.latency.p50)), f"≤ {round(of.latency.p50_worst):,}")
        table.add_row("latency p99 ms", count(round(of.latency.p99)), f"≤ {round(of.latency.p99_worst):,}")
    return table


def _lines(of: Status) -> Iterable[RenderableType]:
    if of.iterator_age is None or of.until_data_loss is None:
        said = ": it has no iterator age, and what waits is not known"
        yield Text.assemble(("nothing reads the stream", "yellow"), said)
    else:
        waits = "nothing waits" if not of.backlog else f"at most {of.backlog:,} wait"
        yield (
            f"iterator age {length(_short(of.iterator_age))}, {waits}; "
            f"{length(round(of.until_data_loss))} until the stream forgets the oldest"
        )
    if of.events_waiting is not None:
        yield Text(
            f"events wait for their order, the oldest for {length(round(of.events_waiting))}", "yellow"
        )
    if of.sequence_gap is not None:
        yield Text(f"orders lack an event, the oldest for {length(round(of.sequence_gap))}", "yellow")
    yield _delivery(of.consumer)
    if of.version and of.version.rolled_back:
        yield Text.assemble(
            (f"rolled back: orders go to version {of.version.number} of the function,", "yellow"),
            " which is not the last that was deployed",
        )
    elif of.version:
        yield f"version {of.version.number} of the function"
    mode = "on demand" if of.shards.mode == "ON_DEMAND" else "provisioned"
    yield f"{of.shards.count:,} shard{'s' * (of.shards.count != 1)}, {mode}" + (
        "" if of.shards.hottest else "; no metrics by shard: nothing came, or ShardMetrics is off"
    )
    if of.shards.distribution == AUTO:
        yield (
            "the stream distributes records itself (AUTO), and keeps no order by partition key: "
            f"{PARTITION_KEYS_PAGE}"
        )
    if of.shards.hot:
        yield Text.assemble((f"{of.shards.hot} is hot:", "red"), f" {of.shards.advice}")
    if of.tables:
        yield _billing(of.tables)
    if of.dead_letters.batches:
        some = f"{'more than ' if of.dead_letters.more else ''}{of.dead_letters.batches:,}"
        since = f" since {_moment(of.dead_letters.since)}" if of.dead_letters.since else ""
        yield Text.assemble(
            (f"{some} discarded batches are waiting for a redrive{since}:", "yellow"),
            " orders dead-letters list",
        )
    else:
        yield "no discarded batch is waiting for a redrive"


def _billing(tables: TableLoads) -> Text:
    mode = "on demand" if tables.billing == "on-demand" else "provisioned"
    said = Text(f"tables {mode}" + (f", class {tables.table_class}" * (tables.table_class != "standard")))
    throttled = sum(load.throttled_writes + load.throttled_reads for load in tables.loads)
    if throttled:
        said.append(f"; {throttled:,.0f} requests throttled in five minutes, and retried", "yellow")
    return said


def _delivery(reader: ConsumerState) -> str:
    how = f"by consumer {reader.consumer}" if reader.consumer else "by polling"
    if not reader.is_local:
        return f"mapping {reader.state}, reads {how}" if reader.is_read else f"mapping {reader.state}"
    if reader.is_read:
        return f"delivery runs: the local event source reads {how}"
    return f"delivery has stopped: the local event source does not read; mapping {reader.state}"


def _shards(of: Status) -> SafeTable:
    hidden = of.shards.count - len(of.shards.hottest)
    title = "The hottest shards, five minutes" + (f"; {hidden:,} others" if hidden > 0 else "")
    numbers = ("records/s", "bytes/s", "share", "of its limit")
    table = SafeTable.of_numbers(Column("shard", no_wrap=True), *numbers, title=title, title_justify="left")
    for load in of.shards.hottest:
        table.add_row(
            load.shard_id,
            count(_short(load.records)),
            size(_short(load.bytes)),
            f"{load.share:.0%}",
            f"{load.full:.0%}",
            style="red" if load.shard_id == of.shards.hot else "",
        )
    return table


def _is_used(load: TableLoad) -> bool:
    return bool(
        load.write_capacity or load.written or load.read or load.throttled_writes or load.throttled_reads
    )


def _tables(loads: Iterable[TableLoad]) -> SafeTable:
    numbers = ("writes/s", "of", "reads/s", "of", "throttled writes", "reads")
    title = "Units of tables and indexes, five minutes"
    table = SafeTable.of_numbers(Column("table", no_wrap=True), *numbers, title=title, title_justify="left")
    for load in loads:
        table.add_row(
            load.name,
            count(_short(load.written)),
            "" if load.write_capacity is None else f"{load.write_capacity:,}",
            count(_short(load.read)),
            "" if load.read_capacity is None else f"{load.read_capacity:,}",
            f"{load.throttled_writes:,.0f}",
            f"{load.throttled_reads:,.0f}",
            style="yellow" if load.throttled_writes or load.throttled_reads else "",
        )
    return table


def _alarms(of: Status) -> SafeTable:
    table = SafeTable("alarm", "state", Column("since", no_wrap=True))
    for alarm in of.alarms:
        since = _moment(alarm.since) if alarm.since else ""
        colour = _COLOURS[alarm.state]
        table.add_row(alarm.name, Text(alarm.state, colour), since)
    return table


def _values(pair: Rates) -> tuple[float, float]:
    return pair.last_minute, pair.five_minutes


def _numbers(pair: Rates) -> list[str]:
    return [count(_short(value)) for value in _values(pair)]


def _short(value: float) -> Decimal:
    # A float has more digits than were measured.
    return Decimal(f"{value:.6g}")


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
