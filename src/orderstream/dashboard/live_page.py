"""The page with figures, charts, alarms with their runbook, and the latest orders."""

from __future__ import annotations

from nicegui import ui

from orderstream.aws.metrics import MINUTE
from orderstream.dashboard import charts, components, links
from orderstream.dashboard.alarm_list import AlarmList
from orderstream.dashboard.history import SPANS, USUAL, Figures
from orderstream.dashboard.order_table import latest_rows, latest_table
from orderstream.dashboard.revenue_charts import RevenueCharts
from orderstream.dashboard.status_feed import StatusSnapshot
from orderstream.dashboard.tables import set_rows
from orderstream.dashboard.tiles import tiles_of
from orderstream.dashboard.viewer import Viewer
from orderstream.errors import OrderstreamError
from orderstream.monitoring.figures import NOTHING
from orderstream.monitoring.health import Status

_PROBLEMS = ("duplicates", "conflicts", "invalid")
_LATENCIES = {"median": "latency_p50", "slowest 1 %": "latency_p99"}
_MOST_LATEST = 10
_SECONDS_BETWEEN_DRAWINGS = 1.0
_LABELS = {"15m": "15 m", "1h": "1 h", "3h": "3 h", "24h": "24 h"}


class LivePage:
    """The page, for the last `span`: one of SPANS."""

    def __init__(self, viewer: Viewer, span: str) -> None:
        self._viewer = viewer
        self._name = span if span in SPANS else USUAL
        self._span = SPANS[self._name]
        self._drawn = -1
        viewer.paused = False
        with ui.grid().classes("w-full grid-cols-2 md:grid-cols-3 xl:grid-cols-6 gap-2"):
            self._tiles = [components.Tile() for _ in range(6)]
        self._alarms = AlarmList(viewer.clock)
        self._draw_controls()
        period = "minute" if self._span.period == MINUTE else f"{self._span.period // MINUTE} minutes"
        with ui.grid().classes("w-full grid-cols-1 lg:grid-cols-2 xl:grid-cols-3 gap-2 mt-2"):
            self._rates = components.chart("Orders per second")
            self._revenue = RevenueCharts(period)
            self._latencies = components.chart("Time to store, ms")
            self._age = components.chart("Longest wait, s")
            self._problems = components.chart("Duplicates, conflicts and invalid records per minute")
            with components.card("Load of each shard, last 5 minutes"):
                self._shards_say = ui.label().classes("text-sm opacity-70")
                self._shards = ui.echart({}).classes("w-full grow min-h-40")
        with components.card("Latest orders").classes("mt-2"):
            self._latest_empty = ui.label().classes("opacity-70")
            self._latest = latest_table()
            ui.link("All orders", links.orders())
        self._footer = ui.label().classes("text-xs opacity-60 mt-2")
        ui.timer(_SECONDS_BETWEEN_DRAWINGS, self._draw)

    def _draw_controls(self) -> None:
        with ui.row().classes("w-full items-center gap-x-3 gap-y-1 mt-3"):
            ui.toggle(
                _LABELS,
                value=self._name,
                on_change=lambda event: ui.navigate.to(links.live(range=event.value)),
            ).props("dense no-caps unelevated padding='2px 10px'")
            self._pause = ui.button("Pause", icon="pause", on_click=self._turn).props("flat dense no-caps")
            ui.label(
                f"Times in {self._viewer.clock.zone}. Shaded: the current period, still counting."
            ).classes("text-xs opacity-70")
            self._problem = ui.label().classes("text-sm text-red-600 dark:text-red-400 break-words")

    def _turn(self) -> None:
        self._viewer.paused = not self._viewer.paused
        self._pause.set_text("Resume" if self._viewer.paused else "Pause")
        self._pause.props(f"icon={'play_arrow' if self._viewer.paused else 'pause'}")

    async def _draw(self) -> None:
        feed = self._viewer.feed
        seen = feed.seen
        if seen is None or self._viewer.paused or self._viewer.hidden or self._drawn == feed.looks:
            return
        self._drawn = feed.looks
        status = seen.status
        latest = Figures(seen.minutes, seen.revenue, int(status.at.timestamp()))
        try:
            figures = await feed.history.of(
                self._span, lambda: feed.deployment, status.consumer.consumer, latest
            )
        except OrderstreamError as error:
            # The charts stay as they are.
            self._problem.set_text(error.message)
        else:
            self._problem.set_text("")
            self._show_charts(figures)
        for tile, text in zip(self._tiles, tiles_of(status), strict=True):
            tile.set(text)
        self._alarms.show(status.alarms)
        self._show_shards(status)
        self._show_latest(seen)
        cost = seen.dollars_an_hour
        kept = "Figures come from CloudWatch, for whole minutes; orders come from the table."
        self._footer.set_text(kept + ("" if cost is None else f" Polling costs ${cost:.2f} an hour."))

    def _show_charts(self, figures: Figures) -> None:
        minutes = figures.minutes
        axis = charts.window(self._span.seconds, self._span.period, figures.until)
        both = {"in": minutes.get("records", NOTHING), "stored": minutes.get("stored", NOTHING)}
        components.redraw(self._rates, charts.rates(both, axis))
        latencies = {label: minutes.get(name, NOTHING) for label, name in _LATENCIES.items()}
        components.redraw(self._latencies, charts.levels(latencies, axis))
        age = {"age": minutes.get("age", NOTHING)}
        components.redraw(self._age, charts.levels(age, axis, divisor=1000))
        problems = {name: minutes.get(name, NOTHING) for name in _PROBLEMS}
        components.redraw(self._problems, charts.rates(problems, axis, seconds=MINUTE))
        self._revenue.show(figures.revenue, axis)

    def _show_shards(self, status: Status) -> None:
        shards = status.shards
        said = f"{shards.count} shard{'s' * (shards.count > 1)}"
        if shards.count > len(shards.hottest) > 0:
            said += f"; the {len(shards.hottest)} busiest are shown"
        if not shards.hottest:
            said += "; no traffic, or the stack has ShardMetrics=false"
        if shards.hot:
            said += f". {shards.hot} is hot: {shards.advice}"
        self._shards_say.set_text(said)
        self._shards.set_visibility(bool(shards.hottest))
        components.redraw(self._shards, charts.shares(shards.hottest, shards.hot))

    def _show_latest(self, seen: StatusSnapshot) -> None:
        orders = seen.latest[:_MOST_LATEST]
        self._latest_empty.set_text(
            f"None to show: {seen.why_none}. Send one, or run: orders stack simulate --rate 10"
        )
        self._latest_empty.set_visibility(not orders)
        self._latest.set_visibility(bool(orders))
        set_rows(self._latest, latest_rows(self._viewer, orders))
