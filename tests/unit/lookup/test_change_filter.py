"""A condition in SQL selects announcements, exactly, and reaches nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orderstream.errors import InputError
from orderstream.lookup.change_filter import change_filter
from orderstream.storage.announcements import CloudEvent, read_change


def change(number: int, **data: Any) -> CloudEvent:
    found = read_change(
        msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": f"A/{number}",
                "source": "/orderstream/test",
                "type": f"orderstream.order.{data.pop('type', 'paid')}",
                "subject": "A",
                "time": data.pop("time", "2026-11-30T10:00:00.000000Z"),
                "data": {"version": number} | data,
            },
        )
    )
    assert found is not None
    return found


def selected(condition: str, *changes: CloudEvent) -> set[int]:
    with change_filter(condition) as found:
        return found.select(changes)


def amount(text: str) -> dict[str, Any]:
    return {"OrderAmount": msgspec.Raw(text.encode())}


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("amount > 1000", {1}),
        ("amount = 1000.0000000001", {1}),
        ("amount IS NULL", {2, 3}),
        ("version BETWEEN 1 AND 2", {0, 1}),
        ("type = 'erased'", {2}),
        ("'paid' IN reached", {0}),
        ("time < '2026-11-30T09:00:00Z'", {3}),
        ("effect = 'forbidden' OR event = 'packed'", {1}),
        ("data->>'$.order.Note' = 'x'", {0}),
        ("order_id = 'A' -- and a comment", {0, 1, 2, 3}),
        ("id = 'A/1' AND status = 'paid' AND customer_id = 'c'", {0}),
    ],
)
def test_a_condition_selects_by_what_is_announced(condition: str, wanted: set[int]) -> None:
    paid = {"Status": "paid", "CustomerID": "c", "Note": "x"} | amount("999.99")
    changes = (
        change(1, order=paid, reached=["paid"], event={"event": "paid", "effect": "applied"}),
        change(2, order=amount("1000.0000000001"), event={"event": "packed", "effect": "forbidden"}),
        change(3, type="erased"),
        change(4, order=amount("1e40"), time="2026-11-30T08:00:00.000000Z"),
    )
    assert selected(condition, *changes) == wanted


def test_a_value_of_another_type_is_null() -> None:
    odd = change(1, order={"Status": ["a"], "OrderAmount": "many", "Total": True}, time="yesterday")
    assert selected("amount IS NULL AND time IS NULL", odd) == {0}


def test_nothing_is_selected_of_nothing_and_the_next_page_is_another() -> None:
    with change_filter("version = 2") as found:
        assert found.select([]) == set()
        assert found.select([change(1), change(2)]) == {1}
        assert found.select([change(2), change(1)]) == {0}


@pytest.mark.parametrize(
    "condition",
    [
        "amount >",
        "no_such = 1",
        "1 = 1); DROP TABLE changes; SELECT (1",
        "amount = 'many'",
        "(SELECT count(*) FROM read_text('/etc/passwd')) > 0",
        "(SELECT count(*) FROM found) > 0",
    ],
)
def test_what_is_no_condition_is_refused_with_the_columns(condition: str) -> None:
    with pytest.raises(InputError) as refused:
        selected(condition, change(1))
    assert refused.value.hint.startswith("for example: amount > 1000")


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b'{"id": 1}', b'{"type": "other"}', b"[" * 100_000])
def test_what_others_put_on_the_stream_is_no_change(data: bytes) -> None:
    assert read_change(data) is None
