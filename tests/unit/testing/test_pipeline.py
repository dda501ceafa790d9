"""`orderstream.testing` shows what becomes of an order, with the retries and discards of an event source."""

from __future__ import annotations

from decimal import Decimal
from itertools import repeat

import pytest

from orderstream.local.esm.lanes import Rules
from orderstream.testing import Pipeline
from orderstream.testing.fakes import client_error

ORDER = {"order_id": "A-1", "customer_id": "c-1", "amount": Decimal("12.50")}


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_an_order_is_stored_and_archived_as_it_was_sent(layout: str) -> None:
    pipeline = Pipeline(layout, currency="CHF")
    event_id = pipeline.put(ORDER)
    pipeline.deliver()
    item = pipeline.orders["A-1"]
    assert (item["OrderAmount"], item["Currency"], item["EventID"]) == (Decimal("12.5"), "CHF", event_id)
    assert pipeline.archived == {event_id: b'{"order_id":"A-1","customer_id":"c-1","amount":"12.50"}'}
    assert [(line["Received"], line["Stored"]) for line in pipeline.metrics if "Stored" in line] == [(1, 1)]


def test_what_is_no_order_or_contradicts_one_is_in_quarantine_with_its_reasons() -> None:
    pipeline = Pipeline()
    pipeline.put(ORDER)
    bad, other = pipeline.put("{}"), pipeline.put(ORDER | {"amount": 13})
    pipeline.deliver()
    assert pipeline.quarantined == {bad: ["missing", "missing"], other: ["conflict"]}
    assert pipeline.orders["A-1"]["OrderAmount"] == Decimal("12.5")


def test_a_throttle_is_retried_until_the_order_is_stored() -> None:
    pipeline = Pipeline()
    refusals = iter(["ThrottlingError"] * 20)
    pipeline.dynamo.fault = lambda order_id: next(refusals, None)
    pipeline.put(ORDER)
    before = pipeline.clock.now
    pipeline.deliver()
    assert "A-1" in pipeline.orders and not pipeline.discarded
    assert pipeline.clock.now > before


def test_a_batch_that_fails_to_the_end_is_discarded_and_its_error_is_known() -> None:
    pipeline = Pipeline()
    pipeline.dynamo.failing_calls = repeat(client_error("AccessDeniedException"))
    pipeline.put(ORDER)
    pipeline.deliver()
    assert [one.condition for one in pipeline.discarded] == ["RetryAttemptsExhausted"]
    assert "AccessDeniedException" in str(pipeline.errors[-1]) and not pipeline.orders


def test_without_a_limit_a_batch_that_always_fails_is_an_error_with_its_cause() -> None:
    pipeline = Pipeline(rules=Rules(reports_failures=True))
    pipeline.dynamo.failing_calls = repeat(client_error("AccessDeniedException"))
    pipeline.put(ORDER)
    with pytest.raises(AssertionError, match="some records are not done") as raised:
        pipeline.deliver()
    assert "AccessDeniedException" in str(raised.value.__cause__)
