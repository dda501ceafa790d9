"""Totals are printed with all digits, and what a customer is called cannot act on a terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orderstream.output.totals import print_check, print_totals
from orderstream.recovery.totals import TotalsCheck, TotalsDifference
from orderstream.storage.totals import Dimension, Total, TotalsReport
from orderstream.totals.contribution import Sums

BEGIN = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
HOSTILE = "a\x1b[31m\u202eb"
SUMS = Sums(2, Decimal("1E+3"), Decimal("12345678901234567890.12"), Decimal("-0.001"))


def report(*customers: str) -> TotalsReport:
    totals = [Total({Dimension.CUSTOMER: one, Dimension.CURRENCY: "EUR"}, SUMS) for one in customers]
    return TotalsReport(BEGIN, BEGIN.replace(hour=19), "", totals)


def test_amounts_have_all_digits_and_customers_no_control_characters(capsys: Any) -> None:
    print_totals(report(HOSTILE), [Dimension.CUSTOMER], 10, as_json=False)
    said = capsys.readouterr()
    for text in ("1000.00", "12345678901234567890.12", "-0.001", "12345678901234567890.119"):
        assert text in said.out
    assert "\x1b" not in said.out and "\u202e" not in said.out
    assert "from 2026-11-22T18:30Z to 2026-11-22T19:30Z" in said.err


def test_json_has_every_key_and_exact_numbers(capsys: Any) -> None:
    print_totals(report(HOSTILE), [Dimension.CUSTOMER], 10, as_json=True)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert json.loads(out, parse_float=Decimal) == {
        "hour": None,
        "minute": None,
        "customer_id": HOSTILE,
        "currency": "EUR",
        "status": None,
        "orders": 2,
        "total": 1000,
        "captured": Decimal("12345678901234567890.12"),
        "refunded": Decimal("-0.001"),
        "net": Decimal("12345678901234567890.119"),
    }


def test_what_is_not_shown_is_counted(capsys: Any) -> None:
    print_totals(report("a", "b", "c"), [Dimension.CUSTOMER], 1, as_json=True)
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1 and "2 more are not shown: --limit 3" in said.err


def test_a_difference_is_shown_with_both_sides_and_the_remedy(capsys: Any) -> None:
    found = TotalsDifference("2026-11-22T18:30Z", "EUR", "paid", Sums(1, Decimal(5)), Sums(2, Decimal(7)))
    print_check(TotalsCheck(9, [found], 1), as_json=False)
    said = capsys.readouterr()
    assert "5.00" in said.out and "7.00" in said.out
    assert "differences between the totals and the table: 1" in said.err
    assert "orders totals --rebuild" in said.err and "that changed all the time: 1" in said.err
