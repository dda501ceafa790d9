"""Every question in docs/how-to/query-the-archive.md has the answer that the records in the archive give."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from reference import PROJECT

from orderstream.archive.sql import run_query
from orderstream.archive.views import columns_of
from orderstream.aws.clients import AwsClients
from orderstream.pipeline.records import Record
from tests.integration.pipeline_harness import Pipe

pytestmark = pytest.mark.system

PAGE = (PROJECT / "docs/how-to/query-the-archive.md").read_text()
QUESTIONS = PAGE.partition("\n## Recipes\n")[2].partition("\n## ")[0]
RECIPES = {
    section.partition("\n")[0]: section.partition("```sql\n")[2].partition("```")[0]
    for section in QUESTIONS.split("\n### ")[1:]
    if "```sql\n" in section
}

SIX = datetime(2026, 11, 22, 18, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LATER = SIX + 3 * HOUR


def order(order_id: str | None, customer: str, amount: str, **more: Any) -> bytes:
    fields = {"order_id": order_id, "customer_id": customer, "amount": amount} | more
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def event(order_id: str, name: str, **more: Any) -> bytes:
    return json.dumps({"order_id": order_id, "event": name} | more).encode()


def item(sku: str, quantity: int, unit_price: str) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "unit_price": unit_price}


# When each arrived, and what.
SENT = [
    (SIX, order("A-1", "anna", "19.90", items=[item("pen", 3, "1.30"), item("ink", 1, "16.00")])),
    (SIX + MINUTE, order("A-2", "boris", "0.10", channel="app")),
    (SIX + MINUTE, order("A-3", "boris", "0.20", channel="app")),
    (SIX + 2 * MINUTE, order("A-4", "cyril", "13.00", currency="USD", items=[item("pen", 10, "1.30")])),
    # Again, and again.
    (SIX + 3 * MINUTE, order("A-1", "anna", "19.9", items=[item("pen", 3, "1.3"), item("ink", 1, "16")])),
    (SIX + HOUR, order("A-2", "boris", "0.10", channel="app")),
    (SIX + 2 * HOUR, order("A-2", "boris", "0.10", channel="app")),
    # Other content under an id that is taken.
    (SIX + HOUR, order("A-3", "boris", "99.00", channel="app")),
    # Without an id, and two hours late.
    (SIX + HOUR, order(None, "dora", "5.00", order_date="2026-11-22T17:00:00Z")),
    # No orders.
    (SIX + HOUR, order("A-9", "anna", "-1")),
    (SIX + HOUR, order("A-8", "", "-2")),
    (SIX + HOUR, b"hello"),
    # What became of two orders, with an event that was sent twice and one of an unknown name.
    (LATER, event("A-1", "paid", event_id="p-1", amount="19.90")),
    (LATER + MINUTE, event("A-1", "paid", event_id="p-1", amount="19.90")),
    (LATER + 2 * MINUTE, event("A-1", "shipped", occurred_at="2026-11-22T20:30:00Z")),
    (LATER + 3 * MINUTE, event("A-4", "shipped")),
    (LATER + 4 * MINUTE, event("A-1", "refunded", amount="2.50")),
    (LATER + 5 * MINUTE, event("A-1", "refunded", amount="1.25", currency="EUR")),
    (LATER + 6 * MINUTE, event("A-4", "refunded", amount="13.00")),
    (LATER + 7 * MINUTE, event("A-1", "lost")),
]
DORAS = "shardId-1:8"

EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "Revenue by hour and currency": [
        (SIX - HOUR, "EUR", 1, Decimal("5.00")),
        (SIX, "EUR", 3, Decimal("20.20")),
        (SIX, "USD", 1, Decimal("13.00")),
    ],
    "Top customers": [
        ("anna", "EUR", 1, Decimal("19.90")),
        ("cyril", "USD", 1, Decimal("13.00")),
        ("dora", "EUR", 1, Decimal("5.00")),
        ("boris", "EUR", 2, Decimal("0.30")),
    ],
    "Items sold, by SKU": [
        ("pen", "USD", 10, Decimal("13.00")),
        ("pen", "EUR", 3, Decimal("3.90")),
        ("ink", "EUR", 1, Decimal("16.00")),
    ],
    "What was quarantined, and why": [
        ("not_positive", "$.amount", 2, SIX + HOUR),
        ("conflict", "$.order_id", 1, SIX + HOUR),
        ("empty", "$.customer_id", 1, SIX + HOUR),
        ("not_json", "$", 1, SIX + HOUR),
        ("unknown_event", "$.event", 1, LATER + 7 * MINUTE),
    ],
    "Conflicts: what was there, and what came": [("A-3", Decimal("0.20"), Decimal("99.00"), SIX + HOUR)],
    "Orders that shops sent again": [
        ("A-2", "boris", 2, 2 * HOUR - MINUTE),
        ("A-1", "anna", 1, 3 * MINUTE),
    ],
    "Orders without an id of their own": [("dora", 1, SIX + HOUR)],
    "Orders that came late": [(DORAS, "dora", SIX - HOUR, SIX + HOUR, 2 * HOUR)],
    "A field that the model does not know": [
        ("app", "EUR", 2, Decimal("0.30")),
        (None, "EUR", 2, Decimal("24.90")),
        (None, "USD", 1, Decimal("13.00")),
    ],
    "The busiest minutes": [
        (SIX + HOUR, 6),
        (SIX + MINUTE, 2),
        (SIX, 1),
        (SIX + 2 * MINUTE, 1),
        (SIX + 3 * MINUTE, 1),
    ],
    "How long orders take to be shipped": [(SIX.replace(hour=0), 2, 3 * HOUR + MINUTE)],
    "Refunds by currency": [("EUR", 2, Decimal("3.75")), ("USD", 1, Decimal("13.00"))],
    "Events without repeats": [
        ("A-1", "shipped", None, SIX + 2.5 * HOUR, None),
        ("A-1", "paid", "p-1", LATER, Decimal("19.90")),
        ("A-1", "refunded", None, LATER + 4 * MINUTE, Decimal("2.50")),
        ("A-1", "refunded", None, LATER + 5 * MINUTE, Decimal("1.25")),
        ("A-4", "shipped", None, LATER + 3 * MINUTE, None),
        ("A-4", "refunded", None, LATER + 6 * MINUTE, Decimal("13.00")),
    ],
}


@pytest.fixture
def pipe(cloud: AwsClients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """A pipe that took what was sent, most of it twice."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pipe = Pipe(cloud)
    pipe.make_function()
    records = [
        Record(f"shardId-1:{number}", "shardId-1", str(number), "k", arrived_at, data)
        for number, (arrived_at, data) in enumerate(SENT)
    ]
    pipe.process(records[:7])
    pipe.process(records[3:])
    return pipe


def test_every_recipe_gives_the_known_answer(pipe: Pipe) -> None:
    assert RECIPES.keys() == EXPECTED.keys()
    assert len(RECIPES) == QUESTIONS.count("```sql")
    for name, query in RECIPES.items():
        with run_query(pipe.deployment, query) as answer:
            assert [tuple(row) for row in answer.rows()[1]] == EXPECTED[name], name
            assert answer.unrepresentable == 0 and answer.synced.damaged == []


def test_the_page_names_every_column() -> None:
    section = PAGE.partition("\n## Views and columns\n")[2].partition("\n## ")[0]
    documented = {
        name: kind
        for names, kind in re.findall(r"^\| (`.+?`) \| (.*?) \|", section, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    promised = columns_of("orders") | columns_of("events")
    assert {name: documented.get(name) for name in promised} == promised
    for name in columns_of("quarantine"):
        assert f"`{name}`" in section
