"""The charts of revenue: one for each of the busiest currencies."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from orderstream.dashboard import charts, components
from orderstream.monitoring.figures import Minutes
from orderstream.output.numbers import revenue as money

# As many as fit side by side.
_MOST_CURRENCIES = 6
# Seconds until the function's figures for a period are available.
_SETTLING = 15


class RevenueCharts:
    """A card with the charts; `period` is the length of a bar in words."""

    def __init__(self, period: str) -> None:
        with components.card(f"Revenue per {period}; in figures: the last full one"):
            self._grid = ui.element("div").classes("w-full grid grid-cols-1 sm:grid-cols-2 gap-2")
        self._by_currency: dict[str, tuple[ui.label, ui.echart]] = {}

    def show(self, figures: Mapping[str, Minutes], axis: charts.Window) -> None:
        """Draw the amounts by currency and period."""
        revenue = {name: minutes for name, minutes in figures.items() if any(minutes.values())}
        busiest = sorted(revenue, key=lambda name: (-len(revenue[name]), name))[:_MOST_CURRENCIES]
        if sorted(busiest) != [*self._by_currency] or not busiest:
            self._lay_out(sorted(busiest))
        for name, (label, chart) in self._by_currency.items():
            # A period that has just ended is not complete yet.
            full = (axis.until - _SETTLING) // axis.period * axis.period - axis.period
            amount = money(revenue[name].get(full, 0), name)
            label.set_text(f"{name} {amount}")
            components.redraw(chart, charts.sums(name, revenue[name], axis))

    def _lay_out(self, currencies: list[str]) -> None:
        self._grid.clear()
        self._by_currency.clear()
        with self._grid:
            for name in currencies:
                with ui.column().classes("gap-0 min-w-0"):
                    label = ui.label().classes("text-sm")
                    self._by_currency[name] = label, ui.echart({}).classes("w-full h-28")
            if not currencies:
                ui.label("None yet. A currency appears some time after its first order.").classes(
                    "opacity-70"
                )
