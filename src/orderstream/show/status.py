"""The status of a stack, as people and programs see it: once, or redrawn until Ctrl-C."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from orderstream.show.console import err, out, print_json
from orderstream.show.numbers import count, length, size

if TYPE_CHECKING:
    from orderstream.ops.status.figures import Pair
    from orderstream.ops.status.health import Status

# In a log, a line says that all is as it was only so often.
SECONDS_BETWEEN_LINES = 60

_COLOURS = {"alarm": "red", "ok": "green", "no data": "yellow"}
_ROWS = (
    ("received", "received"),
    ("stored", "stored"),
    ("duplicates", "duplicates"),
    ("conflicts", "conflicts"),
    ("invalid", "invalid"),
    ("undone, come again", "undone"),
    ("given up, in the bucket", "given_up"),
    ("dropped", "dropped"),
    ("puts refused by the stream", "throttled_puts"),
    ("invocations", "invocations"),
    ("errors", "errors"),
    ("throttles", "throttles"),
)


def status(of: Status, *, as_json: bool) -> None:
    """One look: tables and lines, or one JSON document."""
    if as_json:
        print_json(asdict(of))
    else:
        out.print(_drawn(of))


def cost(metrics: int, dollars: Decimal) -> None:
    """What a look costs: so many metrics."""
    err.print(f"[dim]A look reads {metrics:,} metrics: ${dollars:.5f} on AWS.[/dim]")


def watched(looks: Iterable[Status], *, dollars_an_hour: Decimal, as_json: bool, on: Console = out) -> bool:
    """Each look in place of the last until Ctrl-C, or a line each; whether the last one was in alarm.

    Where nobody looks (in a log) there is a line only when something changed, and one a minute.
    """
    err.print(f"[dim]Ctrl-C ends it. On AWS this costs ${dollars_an_hour:.2f} an hour.[/dim]")
    last: Status | None = None
    try:
        if as_json:
            for last in looks:
                print_json(asdict(last))
        elif on.is_terminal:
            with Live(console=on, auto_refresh=False, vertical_overflow="visible") as live:
                for last in looks:
                    live.update(_drawn(last), refresh=True)
        else:
            told: Status | None = None
            for last in looks:
                if told is None or _is_news(last, told):
                    on.print(_line(last), soft_wrap=True, highlight=False)
                    told = last
    except KeyboardInterrupt:
        pass
    return last is not None and last.in_alarm


def _is_news(now: Status, told: Status) -> bool:
    states = [[(alarm.name, alarm.state) for alarm in one.alarms] for one in (now, told)]
    waited = (now.at - told.at).total_seconds()
    return states[0] != states[1] or waited >= SECONDS_BETWEEN_LINES


def _line(of: Status) -> str:
    alarms = ", ".join(escape(alarm.name) for alarm in of.alarms if alarm.state == "alarm")
    age = "nothing reads" if of.iterator_age is None else f"age {length(of.iterator_age)}"
    return (
        f"{_time(of.at)}  {count(_short(of.records.last_minute))}/s in, "
        f"{count(_short(of.stored.last_minute))}/s stored, {age}  {f'ALARM: {alarms}' if alarms else 'ok'}"
    )


def _drawn(of: Status) -> RenderableType:
    parts: list[RenderableType] = [_headline(of), _figures(of), *_lines(of)]
    if of.shards.hottest:
        parts.append(_shards(of))
    if of.alarms:
        parts.append(_alarms(of))
        for alarm in of.alarms:
            if alarm.state == "alarm":
                parts.append(f"[red]{escape(alarm.name)}[/red]: {escape(alarm.says)} {escape(alarm.runbook)}")
    return Group(*parts)


def _headline(of: Status) -> str:
    states = [alarm.state for alarm in of.alarms]
    said = {
        "alarm": f"{states.count('alarm')} of {len(states)} alarms",
        "ok": f"none of {len(states)} alarms",
        "": "this stack has no alarms",
    }["alarm" if of.in_alarm else "ok" if states else ""]
    colour = "red" if of.in_alarm else "green" if states else "yellow"
    return f"[bold]{escape(of.stack)}[/bold] at {_time(of.at)} UTC: [{colour}]{said}[/{colour}]"


def _figures(of: Status) -> Table:
    table = Table(title_justify="left")
    table.add_column("")
    for title in ("last minute", "five minutes"):
        table.add_column(title, justify="right")
    table.add_row("orders in /s", *_numbers(of.records))
    table.add_row("bytes in /s", *(size(_short(value)) for value in _values(of.bytes)))
    table.add_row("stored /s", *_numbers(of.stored), end_section=not of.revenue)
    for number, (currency, amounts) in enumerate(of.revenue.items(), start=1):
        said = (f"{value:,.2f}" for value in _values(amounts))
        table.add_row(f"revenue, {currency}", *said, end_section=number == len(of.revenue))
    for label, name in _ROWS:
        table.add_row(label, *_numbers(of.counts[name]), end_section=name in ("throttled_puts", "throttles"))
    if of.latency:
        table.add_row("latency p50 ms", count(round(of.latency.p50)), f"≤ {round(of.latency.p50_worst):,}")
        table.add_row("latency p99 ms", count(round(of.latency.p99)), f"≤ {round(of.latency.p99_worst):,}")
    return table


def _lines(of: Status) -> Iterable[str]:
    if of.iterator_age is None or of.until_data_loss is None:
        yield "[yellow]nothing reads the stream:[/yellow] it has no iterator age, and what waits is not known"
    else:
        waits = "nothing waits" if not of.backlog else f"at most {of.backlog:,} wait"
        yield (
            f"iterator age {length(_short(of.iterator_age))}, {waits}; "
            f"{length(round(of.until_data_loss))} until the stream forgets the oldest"
        )
    how = f"by consumer {of.reader.consumer}" if of.reader.consumer else "by polling"
    other = of.reader.is_read and of.reader.state == "Disabled"
    by = "the laptop's event source reads" if other else "reads"
    yield f"mapping {of.reader.state}, {by} {how}" if of.reader.is_read else f"mapping {of.reader.state}"
    mode = "on demand" if of.shards.mode == "ON_DEMAND" else "provisioned"
    yield f"{of.shards.count:,} shard{'s' * (of.shards.count != 1)}, {mode}" + (
        "" if of.shards.hottest else "; no metrics by shard: nothing came, or ShardMetrics is off"
    )
    if of.shards.hot:
        yield f"[red]{of.shards.hot} is hot:[/red] {of.shards.advice}"
    if of.given_up.batches:
        some = f"{'more than ' if of.given_up.more else ''}{of.given_up.batches:,}"
        since = f" since {_moment(of.given_up.since)}" if of.given_up.since else ""
        yield f"[yellow]{some} given-up batches wait in the bucket{since}:[/yellow] orders failures list"
    else:
        yield "no given-up batch waits in the bucket"


def _shards(of: Status) -> Table:
    hidden = of.shards.count - len(of.shards.hottest)
    title = "The hottest shards, five minutes" + (f"; {hidden:,} others" if hidden > 0 else "")
    table = Table(title=title, title_justify="left")
    table.add_column("shard", no_wrap=True)
    for column in ("records/s", "bytes/s", "share", "of its limit"):
        table.add_column(column, justify="right")
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


def _alarms(of: Status) -> Table:
    table = Table()
    for column in ("alarm", "state", "since"):
        table.add_column(column)
    for alarm in of.alarms:
        since = _moment(alarm.since) if alarm.since else ""
        colour = _COLOURS[alarm.state]
        table.add_row(escape(alarm.name), f"[{colour}]{alarm.state}[/{colour}]", since)
    return table


def _values(pair: Pair) -> tuple[float, float]:
    return pair.last_minute, pair.five_minutes


def _numbers(pair: Pair) -> list[str]:
    return [count(_short(value)) for value in _values(pair)]


def _short(value: float) -> Decimal:
    # A float has digits that nobody measured.
    return Decimal(f"{value:.6g}")


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
