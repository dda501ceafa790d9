"""Reasons are bounded: of one record, and of all records that are quarantined or answered together."""

import asyncio
import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

import pytest

from orderstream.api.ingest import ingest_orders
from orderstream.client import OrderProducer
from orderstream.domain.decode import decode
from orderstream.domain.validation import FIRST_REASONS, MAX_MESSAGE, MAX_REASONS, Violation, bounded
from orderstream.pipeline.archive_codec import ArchiveLine, read_lines
from orderstream.pipeline.quarantine import QuarantineWriter, RejectedRecord
from orderstream.pipeline.records import Record
from orderstream.testing.fakes import FakeStore

ARRIVAL = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
# A thousand bytes with more faults than are ever kept.
BAD = b'{"customer_id":"c","amount":1,"items":[%b]}' % b",".join([b"{}"] * 330)


def quarantined(bodies: list[bytes]) -> tuple[list[ArchiveLine], int]:
    """The lines of bad records, and how many bytes their reasons have."""
    entries = []
    for number, data in enumerate(bodies):
        record = Record(f"shard-1:{number}", "shard-1", str(number), "key", ARRIVAL, data)
        entries.append(RejectedRecord(record, decode(data).reasons, None, data))
    store = FakeStore()
    QuarantineWriter(store).write(entries, {"request_id": "r"})
    ((key, body),) = store.objects.items()
    lines = list(read_lines(key, BytesIO(body)))
    return lines, sum(len(json.dumps(line.reasons)) for line in lines)


def codes(reasons: list[dict[str, str]]) -> list[str]:
    return [reason["code"] for reason in reasons]


def test_a_bad_order_alone_keeps_a_hundred_reasons() -> None:
    ((line,), _) = quarantined([BAD])
    assert codes(line.reasons) == ["missing"] * MAX_REASONS + ["more_reasons"]
    assert line.reasons[-1]["message"] == "has more than 100 faults"


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_the_reasons_of_many_bad_orders_stay_smaller_than_the_orders(count: int) -> None:
    lines, size = quarantined([BAD] * count)
    assert size < max(200_000, count * len(BAD))
    assert all(codes(line.reasons)[:FIRST_REASONS] == ["missing"] * FIRST_REASONS for line in lines)
    assert all(codes(line.reasons)[-1] == "more_reasons" for line in lines)


def test_what_is_cut_is_said() -> None:
    lines, _ = quarantined([BAD] * 500)
    assert lines[0].reasons[-1]["message"] == (
        "has 98 or more other faults, not listed because many records of the batch are bad"
    )


def test_an_order_with_few_reasons_keeps_them_whatever_is_beside_it() -> None:
    lines, _ = quarantined([*[BAD] * 499, b'{"amount":0}'])
    assert codes(lines[-1].reasons) == ["missing", "not_positive"]


def test_a_long_message_is_cut() -> None:
    reason = Violation("$", "refused_by_table", "x" * 10_000)
    assert bounded([reason], 1) == [Violation("$", "refused_by_table", "x" * (MAX_MESSAGE - 1) + "…")]


@pytest.mark.parametrize(
    "data",
    [
        b'{"' + b"x" * 100_000 + b'":}',
        b'{"customer_id":"c","amount":' + b"9" * 100_000 + b"}",
        b'{"customer_id":"' + b"x" * 100_000 + b'","amount":"' + b"y" * 100_000 + b'"}',
        b'{"customer_id":"c","amount":1,"order_date":"'
        + b"9" * 100_000
        + b'","currency":"'
        + b"E" * 9999
        + b'"}',
        b'{"customer_id":"c","amount":1,"items":[{"sku":"s","quantity":9e37,"unit_price":9e125},'
        b'{"sku":"s","quantity":1,"unit_price":1e-130}]}',
        b'{"customer_id":"c","amount":1,"items":{"' + b"x" * 100_000 + b'":1}}',
        b"[NaN" + b"9" * 100_000,
        b"\xff" * 100_000,
        b"\x1f\x8b" + b"x" * 100_000,
    ],
    ids=range(9),
)
def test_no_reason_repeats_what_was_sent_at_any_length(data: bytes) -> None:
    reasons = decode(data).reasons
    assert reasons
    assert all(len(reason.path) + len(reason.message) < 1000 for reason in reasons)


def test_the_answer_to_a_batch_of_bad_orders_is_bounded() -> None:
    # None of them gets as far as the producer.
    answers = asyncio.run(ingest_orders(cast(OrderProducer, None), b"[" + b",".join([BAD] * 500) + b"]"))
    assert len(answers) == 500
    assert len(json.dumps(answers)) < 500 * len(BAD)
    assert all(_codes(answer) == ["missing"] * FIRST_REASONS + ["more_reasons"] for answer in answers)
    assert answers[0]["detail"] == "the order breaks more than 100 rules"
    # Few of them are told all that one alone is.
    (few, _) = asyncio.run(ingest_orders(cast(OrderProducer, None), b"[%b,[]]" % BAD))
    assert len(few["errors"]) == 101


def _codes(answer: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in answer["errors"]]
