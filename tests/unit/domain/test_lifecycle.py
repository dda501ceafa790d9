"""The table of transitions: what it allows is data, and a mistake in it is found when it is loaded."""

import pytest

from orderstream.domain.lifecycle import TRANSITIONS, event_names, first_status, transition_faults


def test_an_order_is_placed_first_and_the_usual_way_is_open_to_it() -> None:
    assert first_status(TRANSITIONS) == "placed"
    way = ("placed", "paid", "packed", "shipped", "delivered", "returned", "refunded")
    for status, event in zip(way, way[1:], strict=False):
        assert event in TRANSITIONS[status]
    assert TRANSITIONS["refunded"] == ()
    assert event_names(TRANSITIONS) == (TRANSITIONS.keys() - {"placed"}) | {"amended", "captured"}


def test_the_transitions_that_come_with_the_package_have_no_faults() -> None:
    assert list(transition_faults(TRANSITIONS)) == []


@pytest.mark.parametrize(
    ("transitions", "message"),
    [
        ({}, "must be a dict"),
        (["placed"], "must be a dict"),
        ({"placed": "paid"}, "'placed': its events must be a tuple"),
        ({"placed": ("Paid",)}, "'Paid' must be made of small letters"),
        ({"placed": (7,)}, "7 must be made of small letters"),
        ({"placed": ("paid",)}, "paid follows placed, but is no status"),
        ({"placed": ("paid",), "paid": (), "packed": ()}, "no event leads to packed"),
        ({"placed": ("paid",), "paid": (), "packed": ("packed",)}, "no event leads to packed"),
        ({"placed": ("amended",), "amended": ()}, "amended cannot be a status"),
        ({"placed": ("erased",), "erased": ()}, "erased cannot be a status"),
    ],
)
def test_a_fault_is_named(transitions: object, message: str) -> None:
    assert any(fault.startswith(message) for fault in transition_faults(transitions))


def test_events_about_money_need_no_status() -> None:
    assert (
        list(transition_faults({"open": ("amended", "captured", "refunded", "closed"), "closed": ()})) == []
    )
