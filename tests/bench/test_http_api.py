"""The load on the HTTP API accounts for every order, and a lost one would be told."""

from __future__ import annotations

import msgspec
import pytest
from bench.http_api import AS_IT_IS, ROWS, THROTTLED, compare, measure, report
from bench.http_clients import Order
from bench.pages import PAGES

from orderstream.domain.decode import decode

pytestmark = pytest.mark.system

SENT: dict[str, Order] = {name: {"customer_id": name, "amount": "1.50"} for name in ("a", "b")}
STORED = {name: decode(msgspec.json.encode(order)).fingerprint for name, order in SENT.items()}


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (STORED, {}),
        ({"a": STORED["a"]}, {"lost": ["b"]}),
        (STORED | {"b": STORED["a"]}, {"different": ["b"]}),
        (STORED | {"c": STORED["a"]}, {"strays": ["c"]}),
    ],
)
def test_an_order_that_is_lost_or_different_or_was_never_accepted_is_told(
    stored: dict[str, str], expected: dict[str, list[str]]
) -> None:
    assert compare(SENT, stored) == {"lost": [], "different": [], "strays": []} | expected


def test_every_order_that_was_accepted_is_stored_and_the_page_has_the_rows() -> None:
    found = measure(clients=3, seconds=2)
    assert list(found["runs"]) == [AS_IT_IS, THROTTLED]
    for run in found["runs"].values():
        assert run["verify agrees"]
        assert run["orders accepted"] > 0
        assert run["refused (422)"] > 0
        assert 0 < run["p50 ms"] <= run["p95 ms"] <= run["p99 ms"]
    for page in ("\n".join(report(found)), PAGES["http_api"].read_text()):
        assert all(f"\n| {row} | " in page for row in ROWS)
