"""The overview tab: tiles, charts, alarms with their runbook, and the latest orders."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from orderstream.aws.metrics import MINUTE
from orderstream.dashboard import charts, components
from orderstream.dashboard.runbook import page_of
from orderstream.dashboard.status_feed import StatusSnapshot
from orderstream.dashboard.time_format import TimeFormat, utc
from orderstream.monitoring.figures import NOTHING
from orderstream.monitoring.health import AlarmState, Status
from orderstream.output.numbers import count, length
from orderstream.output.numbers import revenue as money

_TROUBLES = ("duplicates", "conflicts", "invalid")
# As many as fit side by side; the busiest ones.
_MOST_CURRENCIES = 6
# Seconds until the function's figures for a minute are available.
_SETTLING = 15


class OverviewTab:
    """The tab. `on_order` is called with an order to open."""

    def __init__(self, on_order: Callable[[str], Awaitable[None]]) -> None:
        with ui.grid().classes("w-full grid-cols-2 md:grid-cols-3 xl:grid-cols-6 gap-2"):
            self._in = components.Tile("Orders in")
            self._stored = components.Tile("Stored")
            self._latency = components.Tile("Arrival to stored, p50 / p99")
            self._waiting = components.Tile("Waiting")
            self._until_loss = components.Tile("Until the oldest is lost")
            self._bad = components.Tile("Quarantined, five minutes")
        self._alarms = ui.column().classes("w-full gap-2 mt-2")
        self._alarms_drawn: list[AlarmState] = []
        with ui.grid().classes("w-full grid-cols-1 lg:grid-cols-2 xl:grid-cols-3 gap-2 mt-2"):
            self._rates = components.chart("Orders a second")
            with components.card("Revenue a minute (in figures: the last full one)"):
                self._revenue = ui.element("div").classes("w-full grid grid-cols-1 sm:grid-cols-2 gap-2")
            self._latencies = components.chart("From arrival to stored, ms")
            self._age = components.chart("Age of the oldest that waits, s")
            self._troubles = components.chart("Duplicates, conflicts, invalid a minute")
            with components.card("Share of each shard, five minutes"):
                self._shards_say = ui.label().classes("text-sm opacity-70")
                self._shards = ui.echart({}).classes("w-full grow min-h-40")
        self._by_currency: dict[str, tuple[ui.label, ui.echart]] = {}
        with components.card("Latest orders").classes("mt-2"):
            self._latest_empty = ui.label().classes("opacity-70")
            self._latest = components.orders_table(on_order)
        self._footer = ui.label().classes("text-xs opacity-60 mt-2")

    def show(self, seen: StatusSnapshot, clock: TimeFormat) -> None:
        """Draw a snapshot."""
        status = seen.status
        shown = charts.window([*seen.minutes.values(), *seen.revenue.values()], int(status.at.timestamp()))
        self._show_tiles(status)
        self._show_alarms(status, clock)
        minutes = seen.minutes
        both = {"in": minutes.get("records", NOTHING), "stored": minutes.get("stored", NOTHING)}
        components.redraw(self._rates, charts.rates(both, shown))
        latencies = {name: minutes.get(f"latency_{name}", NOTHING) for name in ("p50", "p99")}
        components.redraw(self._latencies, charts.levels(latencies, shown))
        age = {"age": minutes.get("age", NOTHING)}
        components.redraw(self._age, charts.levels(age, shown, divisor=1000))
        troubles = {name: minutes.get(name, NOTHING) for name in _TROUBLES}
        components.redraw(self._troubles, charts.rates(troubles, shown, seconds=MINUTE))
        self._show_revenue(seen, shown)
        self._show_shards(status)
        self._show_latest(seen, clock)
        cost = seen.dollars_an_hour
        kept = "Figures are CloudWatch's, of whole minutes, and the table's."
        self._footer.set_text(kept + ("" if cost is None else f" To look costs ${cost:.2f} an hour."))

    def _show_tiles(self, status: Status) -> None:
        self._in.set(f"{count(_short(status.records.last_minute))}/s", _five(status.records.five_minutes))
        self._stored.set(f"{count(_short(status.stored.last_minute))}/s", _five(status.stored.five_minutes))
        latency = status.latency
        if latency is None:
            self._latency.set("–", "nothing stored lately")
        else:
            text = f"{latency.p50:,.0f} / {latency.p99:,.0f} ms"
            self._latency.set(text, f"worst of five minutes {latency.p99_worst:,.0f} ms")
        age, left = status.iterator_age, status.until_data_loss
        if age is None or left is None:
            self._waiting.set("unknown", "nothing reads the stream", "bad")
            self._until_loss.set("unknown", f"the stream keeps {length(status.retention)}", "bad")
        else:
            waits = f"≤ {status.backlog:,}" if status.backlog else "nothing"
            self._waiting.set(waits, f"iterator age {length(_short(age))}")
            tone: components.Tone = "bad" if left < status.retention / 2 else ""
            self._until_loss.set(
                length(round(left)), f"of {length(status.retention)} that the stream keeps", tone
            )
        duplicates, conflicts, invalid = (status.counts[name].five_minutes for name in _TROUBLES)
        bad = conflicts + invalid
        other = f"{conflicts:,} conflicts, {invalid:,} invalid; besides, {duplicates:,} duplicates"
        self._bad.set(f"{bad:,}", other, "warn" if bad else "")

    def _show_alarms(self, status: Status, clock: TimeFormat) -> None:
        if self._alarms_drawn == [*status.alarms]:
            return
        self._alarms_drawn = [*status.alarms]
        self._alarms.clear()
        quiet = [alarm for alarm in status.alarms if alarm.state != "alarm"]
        with self._alarms:
            for alarm in status.alarms:
                if alarm.state == "alarm":
                    _draw_alarm(alarm, clock)
            if quiet:
                said = f"{len(quiet)} alarms are quiet"
                with ui.expansion(said, icon="notifications_none").classes("w-full").props("dense"):
                    for alarm in quiet:
                        with ui.row().classes("w-full gap-x-3 gap-y-0 py-1 items-baseline"):
                            ui.label(alarm.name).classes("font-medium")
                            ui.label(alarm.says).classes("opacity-70 text-sm min-w-0")

    def _show_revenue(self, seen: StatusSnapshot, shown: charts.Window) -> None:
        revenue = {name: minutes for name, minutes in seen.revenue.items() if any(minutes.values())}
        busiest = sorted(revenue, key=lambda name: (-len(revenue[name]), name))[:_MOST_CURRENCIES]
        if sorted(busiest) != [*self._by_currency] or not busiest:
            self._revenue.clear()
            self._by_currency.clear()
            with self._revenue:
                for name in sorted(busiest):
                    with ui.column().classes("gap-0 min-w-0"):
                        label = ui.label().classes("text-sm")
                        self._by_currency[name] = label, ui.echart({}).classes("w-full h-28")
                if not busiest:
                    ui.label("None yet. A currency is here some time after its first order.").classes(
                        "opacity-70"
                    )
        for name, (label, chart) in self._by_currency.items():
            # A minute that has just ended is not complete yet.
            full = (shown.until - _SETTLING) // MINUTE * MINUTE - MINUTE
            label.set_text(f"{name} {money(revenue[name].get(full, 0), name)}")
            components.redraw(chart, charts.sums(name, revenue[name], shown))

    def _show_shards(self, status: Status) -> None:
        shards = status.shards
        said = f"{shards.count} shard{'s' * (shards.count > 1)}"
        if shards.count > len(shards.hottest):
            said += f", the {len(shards.hottest)} fullest here"
        if not shards.hottest:
            said += "; no traffic, or the stack has ShardMetrics=false"
        if shards.hot:
            said += f". {shards.hot} is hot: {shards.advice}"
        self._shards_say.set_text(said)
        self._shards.set_visibility(bool(shards.hottest))
        components.redraw(self._shards, charts.shares(shards.hottest, shards.hot))

    def _show_latest(self, seen: StatusSnapshot, clock: TimeFormat) -> None:
        orders = seen.latest
        self._latest_empty.set_text(
            f"None to show: {seen.why_none}. Send one, or: orders stack simulate --rate 10"
        )
        self._latest_empty.set_visibility(not orders)
        self._latest.set_visibility(bool(orders))
        self._latest.rows = components.order_rows(orders, clock)


def _draw_alarm(alarm: AlarmState, clock: TimeFormat) -> None:
    with ui.card().classes("w-full p-3 gap-1 border-l-4 border-red-600").props("flat bordered"):
        with ui.row().classes("w-full items-baseline gap-x-3 gap-y-0"):
            ui.icon("notifications_active").classes("text-red-600 self-center")
            ui.label(alarm.name).classes("font-semibold text-red-600")
            ui.label(alarm.says).classes("min-w-0")
            if alarm.since:
                ui.label(f"since {clock.text(alarm.since)}").classes("opacity-70 text-sm").props(
                    f'title="{utc(alarm.since)}"'
                )
        if alarm.runbook.startswith(("http://", "https://")):
            ui.link(alarm.runbook, alarm.runbook, new_tab=True).classes("text-sm break-all")
        said = page_of(alarm.runbook)
        if said:
            with ui.expansion("What to do", icon="menu_book").classes("w-full").props("dense"):
                ui.markdown(said).classes("text-sm")


def _five(value: float) -> str:
    return f"{count(_short(value))}/s over five minutes"


def _short(value: float) -> float:
    return float(f"{value:.3g}")
