"""A spreadsheet opens the export of orders, and runs nothing of it."""

from __future__ import annotations

import csv
import io
from typing import Annotated

import pytest

import orderstream
from orderstream.dashboard.order_csv import as_csv, harmless
from orderstream.dashboard.order_table import in_words
from orderstream.domain.user_model import set_order_model
from orderstream.lookup.order_search import FoundOrder
from orderstream.lookup.record_summary import RecordSummary


@pytest.mark.parametrize(
    "cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
)
def test_a_cell_that_would_be_run_is_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-19.90", "19.90", "", "A-1001", "a=b", "shardId-1:2"])
def test_numbers_and_other_text_stay_as_they_are(cell: str) -> None:
    assert harmless(cell) == cell


def test_every_cell_is_read_back_whatever_is_in_it() -> None:
    hostile = 'a,"b"\n=c'
    one = FoundOrder(
        "2026-11-22T18:00:00.000000Z",
        "s:1",
        hostile,
        "stored",
        RecordSummary("=x", "-5", "EUR"),
        {"Status": "paid", "Version": 2},
    )
    (row,) = csv.DictReader(io.StringIO(as_csv([one]).decode(), newline=""))
    assert row["order"] == hostile
    assert (row["customer"], row["amount"], row["status"], row["order status"]) == (
        "'=x",
        "-5",
        "Stored",
        "paid",
    )


class Merchandise(orderstream.Order):
    merchant_id: Annotated[orderstream.Name, orderstream.indexed]


def test_the_indexed_fields_of_the_model_have_columns_of_their_own() -> None:
    set_order_model(lambda: Merchandise)
    try:
        one = FoundOrder("2026", "s:1", "A-1", "stored", RecordSummary("c"), {"MerchantID": "=M-1"})
        (row,) = csv.DictReader(io.StringIO(as_csv([one]).decode(), newline=""))
        assert row["MerchantID"] == "'=M-1"
        assert in_words("MerchantID") == "Merchant ID"
    finally:
        set_order_model(lambda: orderstream.Order)
