"""Whatever goes wrong, a consumer of the change feed sees every version, in order, and nothing else (G11)."""

from __future__ import annotations

import pytest

from tests.chaos.feed import FeedStage, play_feed

pytestmark = pytest.mark.system


def test_a_consumer_that_is_killed_sees_every_version_in_order_whatever_goes_wrong() -> None:
    with FeedStage() as stage:
        outcome = play_feed(stage, orders=40, rate=50)
    assert outcome.faults == []
    assert outcome.accounts.versions > outcome.accounts.orders >= 35
