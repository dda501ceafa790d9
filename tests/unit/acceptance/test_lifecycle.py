"""`events`: which events of a model show what a lifecycle allows and forbids."""

from __future__ import annotations

import pytest

from orderstream.acceptance.lifecycle import event_pair
from orderstream.domain.lifecycle import TRANSITIONS
from orderstream.errors import NotShownError


def test_one_event_can_follow_at_once_and_the_other_not_after_it() -> None:
    allowed, forbidden = event_pair(TRANSITIONS)
    assert allowed in TRANSITIONS["placed"] and forbidden not in TRANSITIONS[allowed]
    assert event_pair({"new": ("refunded", "sent"), "sent": ("refunded",), "refunded": ()}) == (
        "sent",
        "sent",
    )


@pytest.mark.parametrize(
    "transitions",
    [{"new": ()}, {"new": ("refunded",), "refunded": ()}, {"on": ("off",), "off": ("off",)}],
    ids=str,
)
def test_a_model_without_such_events_shows_nothing(transitions: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(NotShownError):
        event_pair(transitions)
