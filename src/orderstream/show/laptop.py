"""The laptop cloud and its demo, as people and programs see them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.text import Text

from orderstream.show.console import err, out, print_json
from orderstream.show.orders import order
from orderstream.show.terminal import Table

if TYPE_CHECKING:
    from orderstream.local.demo import Outcome
    from orderstream.ops.tpch import Totals

MOST_DISCREPANCIES = 20


def ready(port: int, usual_port: int, api_url: str, page: str, *, empty: bool = False) -> None:
    """The laptop cloud runs: what to do with it."""
    which = "" if port == usual_port else f" --port {port}"
    err.print(
        Text.assemble(
            ("ready", "green"), f" on http://127.0.0.1:{port}; Ctrl-C stops it. In another terminal:"
        )
    )
    err.print(f'  eval "$(orders env{which})"')
    if empty:
        err.print("  orders deploy")
    err.print("""  orders send '{"customer_id": "12345", "amount": 250.00}'""")
    err.print("  orders list --customer 12345")
    err.print(f"live page on {api_url}{page}")
    err.print(f"orders over HTTP on {api_url} (/docs):")
    body = """-d '{"customer_id": "12345", "amount": 250.00}'"""
    err.print(f"  curl {api_url}/orders -H 'Content-Type: application/json' {body}")


def exports(environment: dict[str, str], *, as_json: bool) -> None:
    """Environment variables, for a shell or as JSON."""
    if as_json:
        print_json(environment)
        return
    # A profile of the user's own would win over the keys.
    print("unset AWS_PROFILE")
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}")


def outcome(result: Outcome, totals: tuple[Totals, Totals] | None, *, as_json: bool) -> None:
    """The demo's account."""
    found = result.report.counts
    rows: dict[str, int | float] = {
        "sent": result.sent,
        "stored": found.stored,
        "duplicates": found.duplicates,
        "conflicts": found.conflicts,
        "quarantined": found.conflicts + found.invalid,
        "archived": found.archived,
        "orders/s": round(result.orders_per_second),
        "latency p50 ms": round(result.latency_p50),
        "latency p99 ms": round(result.latency_p99),
    }
    if totals:
        theirs, ours = totals
        rows["customers"] = len(theirs)
        rows["customers whose totals agree"] = sum(ours.get(name) == of for name, of in theirs.items())
    if as_json:
        print_json(rows | {"agrees": result.agrees, "order": result.order, "raw": result.raw.decode()})
        return
    table = Table(
        "record", "count", title="Every record accounted for" if result.agrees else "NOT accounted for"
    )
    table.columns[1].justify = "right"
    wanted = {
        "stored": result.expected.get("order", 0),
        "duplicates": result.expected.get("duplicate", 0),
        "conflicts": result.expected.get("conflict", 0),
        "quarantined": result.expected.get("conflict", 0) + result.expected.get("bad", 0),
        "archived": result.sent,
    }
    table.add_column("on purpose", justify="right")
    for name, value in rows.items():
        expected = wanted.get(name)
        table.add_row(name, f"{value:,}", "" if expected is None else f"{expected:,}")
    out.print(table)
    for one in result.report.discrepancies[:MOST_DISCREPANCIES]:
        err.print(Text(one.kind, "red"), f"{one.id}: {one.detail}")
    out.print("One of them, as stored:")
    order(result.order, as_json=False)
    out.print("and as sent:")
    out.print(result.raw.decode())


def page(url: str) -> None:
    """The live page is there."""
    err.print(Text.assemble(("ready", "green"), "; Ctrl-C ends it. Open in a browser:"))
    err.print(f"  {url}")
