"""The results as tables."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from bench import laptop, producer
from bench.artifacts import ALL
from bench.thresholds import targets

_LABELS = {peer.name: peer.label for peer in ALL}


def show(results: dict[str, Any], console: Console) -> None:
    """Print all that was measured, and the targets last."""
    machine = results["machine"]
    console.print(
        f"{machine['processor']}, {machine['processors']} processors; Python {machine['python']}, "
        + ", ".join(f"{name} {version}" for name, version in results["versions"].items())
        + f"; {results['date']}"
    )
    if "handlers" in results:
        _show_handlers(results["handlers"], console)
        _show_floor(results["floor"], console)
        _show_choices(results["choices"], console)
    if "cold_starts" in results:
        _show_cold_starts(results["cold_starts"], console)
    if "producer" in results:
        producer.show(results["producer"], console)
    if "laptop" in results:
        laptop.show(results["laptop"], console)
    _show_targets(results, console)


def _table(title: str, *columns: str) -> Table:
    table = Table(*columns, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _show_handlers(handlers: dict[str, Any], console: Console) -> None:
    settings: list[dict[str, Any]] = []
    for one in handlers["figures"]:
        if one["setting"] not in settings:
            settings.append(one["setting"])
    for setting in settings:
        waits = f", {setting['table_ms']:g} ms table / {setting['bucket_ms']:g} ms bucket"
        found = [one for one in handlers["figures"] if one["setting"] == setting]
        table = _table(
            f"{found[0]['orders']:,} orders of {setting['size']} B{waits if setting['table_ms'] else ''}",
            "handler",
            "CPU µs/order",
            "±",
            "wall µs/order",
            "±",
            "orders/s/core",
            "requests/1,000",
            "$/million",
            "times (a)",
        )
        by_what = "wall_us" if setting["table_ms"] else "cpu_us"
        for one in found:
            table.add_row(
                _LABELS[one["peer"]],
                f"{one['cpu_us']:,.1f}",
                f"{one['cpu_spread'] / 2:.0%}",
                f"{one['wall_us']:,.1f}",
                f"{one['wall_spread'] / 2:.0%}",
                f"{1e6 / one['cpu_us']:,.0f}",
                f"{one['requests_per_1000']:,.0f}",
                one["dollars_per_million"],
                f"{found[0][by_what] / one[by_what]:.1f}",
            )
        console.print(table)
    parse = max(one["parse_us"] for one in handlers["figures"])
    console.print(f"The runtime's own reading of the event is not in it: {parse:.1f} µs an order at most.")
    peaks = ", ".join(f"{_LABELS[name]} {peak:.0f} MB" for name, peak in handlers["peak_mb"].items())
    console.print(f"Most memory of a process that handles one event of the largest kind: {peaks}.")


def _show_floor(floor: dict[str, dict[str, float]], console: Console) -> None:
    table = _table(
        "Where the time goes, CPU µs an order; call: of the SDK, with a body that is ready", "size"
    )
    for part in next(iter(floor.values())):
        table.add_column(part, justify="right")
    for size, parts in floor.items():
        table.add_row(f"{size} B", *(f"{value:.1f}" for value in parts.values()))
    console.print(table)


def _show_choices(choices: dict[str, list[dict[str, Any]]], console: Console) -> None:
    table = _table("What each choice bought, µs an order", "choice", "size", "of", "without", "with", "times")
    for size, found in choices.items():
        for one in found:
            values = [f"{one['before']:.1f}", f"{one['after']:.1f}", f"{one['before'] / one['after']:.2f}"]
            table.add_row(one["choice"], f"{size} B", one["what"], *values)
    console.print(table)


def _show_cold_starts(starts: list[dict[str, Any]], console: Console) -> None:
    table = _table(
        "Cold start", "handler", ".pyc", "ready ms", "±", "first order ms", "artifact MB", "ready, of (a)"
    )
    for one in starts:
        naive = next(
            other for other in starts if other["peer"] == "naive" and other["has_pyc"] == one["has_pyc"]
        )
        table.add_row(
            _LABELS[one["peer"]],
            "yes" if one["has_pyc"] else "no",
            f"{one['ready_ms']:.0f}",
            f"{one['spread'] / 2:.0%}",
            f"{one['first_ms']:.0f}",
            f"{one['artifact_mb']:.1f}",
            f"{one['ready_ms'] / naive['ready_ms']:.2f}",
        )
    console.print(table)


def _show_targets(results: dict[str, Any], console: Console) -> None:
    table = _table("Targets", "what", "measured", "aimed at", "")
    for target in targets(results):
        table.add_row(target.name, target.measured, target.bound, "met" if target.is_met else "missed")
    console.print(table)
