"""Figures that are enough for each alarm of the template."""

from __future__ import annotations

HOUR = 3600
# What is enough for an alarm, by the ids of its metrics: nothing but this was ever published.
EVIDENCE: dict[str, list[dict[str, float]]] = {
    "data-loss": [{"age": 8 * HOUR * 1000}],
    "delivery-stalled": [{"incoming": 1}],
    "quarantine": [{"conflicts": 2, "received": 2}, {"invalid": 2, "received": 2}],
    "table-throttled": [{"table": 1}, {"index": 1}, {"pending": 1}, {"events": 1}],
    "table-errors": [{"inserts": 1}, {"reads": 1}],
    "latency-burn-fast-1h": [{"late": 1, "stored": 2}],
    "latency-burn-fast-5m": [{"late": 1, "stored": 2}],
    "latency-burn-slow-6h": [{"late": 1, "stored": 2}],
    "latency-burn-slow-30m": [{"late": 1, "stored": 2}],
    "archive-maintenance": [{"errors": 1}, {"findings": 1}],
    "api-errors": [{"failed": 1}, {"throttled": 1}],
    "conflicts": [{"m": 1}],
    "forbidden-events": [{"m": 1}],
    "events-waiting": [{"age": HOUR + 1}],
    "sequence-gap": [{"age": HOUR + 1}],
    "function-errors": [{"m": 1}],
    "function-throttles": [{"m": 1}],
    "discarded-batches": [{"m": 1}],
    "delivery-failures": [{"m": 1}],
    "dropped-records": [{"m": 1}],
    "producer-throttled": [{"m": 1}],
    "iterator-age": [{"m": 60_001}],
    "feed-age": [{"m": 60_001}],
    "event-bus": [{"failed": 1}, {"partly": 1}, {"discarded": 1}, {"announced": 1}],
    "totals-age": [{"m": 60_001}],
    "webhook-failing": [{"age": HOUR + 1}, {"lag": (HOUR + 1) * 1000}],
    "webhook-dead-letters": [{"m": 1}],
    "canary": [{"m": 0}],
}
