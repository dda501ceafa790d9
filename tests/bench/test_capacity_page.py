"""The capacity page is what the command prints, and the bytes that plans rest on are what the code writes."""

from decimal import Decimal

import pytest
from bench.capacity import EXAMPLES, PAGE, PICTURE, measure, page
from bench.event_costs import measure_events
from bench.events import SIZES
from bench.feed_costs import measure_feed

from orderstream.capacity.demand import Demand, PlanInput
from orderstream.capacity.reference_data import ReferenceData
from orderstream.capacity.storage import item_bytes


def test_the_page_has_what_the_command_prints() -> None:
    text = PAGE.read_text()
    # `python -m bench.capacity --write` makes it so.
    assert page(text) == text
    assert all(f"$ orders {words}\n" in text for words in EXAMPLES)
    assert PICTURE.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("size", SIZES)
def test_the_bytes_of_an_order_are_what_plans_reckon_to_a_twentieth(size: int) -> None:
    found, close = measure(size, batches=2), pytest.approx
    given = PlanInput(Demand(Decimal(1), Decimal(1), round(found.size)))
    one = given.figures.bytes
    assert item_bytes(given) == close(found.item, rel=0.05)
    assert one.item_keys == close(found.keys, rel=0.05)
    assert one.line + found.size == close(found.line, rel=0.05)
    packed = one.archive_object / 1000 + one.archive_line + float(one.archive_per_byte) * found.size
    assert packed == close(found.packed, rel=0.05)
    assert one.compacted_line + float(one.compacted_per_byte) * found.size == close(found.compacted, rel=0.1)
    assert one.log == close(found.log, rel=0.05)


def test_the_bytes_of_an_event_are_what_plans_reckon_to_a_twentieth() -> None:
    found, one, close = measure_events(batch=40), ReferenceData().events, pytest.approx
    assert one.row + found.size == close(found.row, rel=0.05)
    assert [one.item_first, one.item_next] == close([found.item_first, found.item_next], rel=0.05)
    # Each is a batch of its own, with a query for every order.
    assert min(found.event_us) > found.order_us


@pytest.mark.parametrize("size", SIZES)
def test_the_bytes_of_an_announcement_are_what_plans_reckon_to_a_twentieth(size: int) -> None:
    found, one = measure_feed(batch=40, size=size), ReferenceData().feed
    of_order = one.announcement + float(one.announcement_per_byte) * size
    assert of_order == pytest.approx(found.order_bytes, rel=0.05)
    mean = sum(found.event_bytes) / len(found.event_bytes)
    assert of_order + one.announcement_of_event == pytest.approx(mean, rel=0.05)
    assert one.log == pytest.approx(found.log, rel=0.1)
