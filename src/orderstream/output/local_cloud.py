"""Prints the local cloud and its demo, for people and programs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.text import Text

from orderstream.output.console import err, out, print_json
from orderstream.output.orders import print_order
from orderstream.output.terminal import SafeTable

if TYPE_CHECKING:
    from orderstream.ingest.samples import Kind
    from orderstream.ingest.tpch import Totals
    from orderstream.local.demo import DemoResult

MOST_DISCREPANCIES = 20
_FIGURES = {
    "orders_per_second": "orders/s",
    "latency_p50_ms": "latency p50 ms",
    "latency_p99_ms": "latency p99 ms",
    "customers_that_agree": "customers whose totals agree",
}


def print_ready(port: int, usual_port: int, api_url: str, page: str, *, empty: bool = False) -> None:
    """Print that the local cloud is running, and how to use it."""
    which = "" if port == usual_port else f" --port {port}"
    err.print(
        Text.assemble(
            ("ready", "green"), f" on http://127.0.0.1:{port}; Ctrl-C stops it. In another terminal:"
        )
    )
    err.print(f'  eval "$(orders stack env{which})"')
    if empty:
        err.print("  orders deploy")
    err.print("""  orders send '{"customer_id": "12345", "amount": 250.00}'""")
    err.print("  orders list --customer 12345")
    err.print(f"dashboard on {api_url}{page}")
    err.print(f"orders over HTTP on {api_url} (/docs):")
    body = """-d '{"customer_id": "12345", "amount": 250.00}'"""
    err.print(f"  curl {api_url}/orders -H 'Content-Type: application/json' {body}")


def print_exports(environment: dict[str, str], *, as_json: bool) -> None:
    """Print environment variables, for a shell or as JSON."""
    if as_json:
        print_json(environment)
        return
    # The user's own profile would take precedence over the keys.
    print("unset AWS_PROFILE")
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")


def print_demo(result: DemoResult, totals: tuple[Totals, Totals] | None, *, as_json: bool) -> None:
    """Print the demo's result."""
    found = result.reconciliation.counts
    outcomes: dict[str, tuple[int, Kind]] = {
        "stored": (found.stored, "order"),
        "duplicates": (found.duplicates, "duplicate"),
        "conflicts": (found.conflicts, "conflict"),
        "invalid": (found.invalid, "bad"),
    }
    counts = {name: count for name, (count, _) in outcomes.items()}
    lost = result.sent - sum(counts.values())
    figures: dict[str, int | None] = {
        "archived": found.archived,
        "orders_per_second": round(result.orders_per_second),
        "latency_p50_ms": round(result.latency_p50),
        "latency_p99_ms": round(result.latency_p99),
        "customers": None,
        "customers_that_agree": None,
    }
    if totals:
        theirs, ours = totals
        figures["customers"] = len(theirs)
        figures["customers_that_agree"] = sum(ours.get(name) == of for name, of in theirs.items())
    if as_json:
        rest = {"agrees": result.agrees, "order": result.order, "raw": result.raw.decode()}
        print_json(counts | {"lost": lost, "sent": result.sent} | figures | rest)
        return
    counts |= ({"not accounted for": lost} if lost else {}) | {"sent": result.sent}
    rows = {_FIGURES.get(name, name): value for name, value in figures.items() if value is not None}
    table = SafeTable(
        "record", "count", title="Every record accounted for" if result.agrees else "NOT accounted for"
    )
    table.columns[1].justify = "right"
    wanted = {name: result.expected.get(kind, 0) for name, (_, kind) in outcomes.items()}
    wanted |= {"sent": sum(result.expected.values()), "archived": result.sent}
    table.add_column("on purpose", justify="right")
    for number, (name, value) in enumerate((counts | rows).items(), start=1):
        expected = wanted.get(name)
        # The sum is below a rule, as in a ledger.
        ends = number in (len(counts) - 1, len(counts))
        table.add_row(name, f"{value:,}", "" if expected is None else f"{expected:,}", end_section=ends)
    out.print(table)
    out.print("Conflicts and invalid records are in quarantine.")
    for one in result.reconciliation.discrepancies[:MOST_DISCREPANCIES]:
        err.print(Text(one.kind, "red"), f"{one.id}: {one.detail}")
    out.print("One of them, as stored:")
    print_order(result.order, as_json=False)
    out.print("and as sent:")
    out.print(result.raw.decode())


def print_dashboard_url(url: str) -> None:
    """Print the URL of the dashboard."""
    err.print(Text.assemble(("ready", "green"), "; Ctrl-C ends it. Open in a browser:"))
    err.print(f"  {url}")
