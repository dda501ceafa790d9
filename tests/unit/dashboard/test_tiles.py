"""The header never says better of a stack than one of its tiles or alarms."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product

import pytest

from orderstream.dashboard.tiles import header_of, tiles_of
from orderstream.monitoring.figures import Minutes
from orderstream.monitoring.health import AlarmState, DeadLetterBacklog, StackFacts, Status, status_of
from orderstream.monitoring.shards import ShardLoads

NOON = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())
HOUR = 3600
READ, OLD, VERY_OLD = ({NOON - 60: 1000.0 * age} for age in (1, 30 * HOUR, 40 * HOUR))
ALARM = AlarmState("conflicts", "alarm", None, "It is so.", "")


def status(figures: Mapping[str, Minutes], *alarms: AlarmState) -> Status:
    nothing = DeadLetterBacklog(0, None, False)
    facts = StackFacts("orderstream", 72 * HOUR, "Enabled", "", "", False, nothing, alarms)
    return status_of(facts, figures, {}, ShardLoads(1, "PROVISIONED", (), None), 0, NOON)


def header(figures: Mapping[str, Minutes], *alarms: AlarmState) -> tuple[str, str]:
    found = status(figures, *alarms)
    return header_of(found, tiles_of(found))


@pytest.mark.parametrize(
    ("figures", "alarms", "says"),
    [
        ({"age": READ}, (), ("all well", "")),
        ({"age": OLD}, (), ("all well", "")),
        ({"age": READ, "invalid": {NOON - 60: 3}}, (), ("3 quarantined", "warn")),
        ({"age": VERY_OLD}, (), ("retention left: 32 h", "bad")),
        ({"age": VERY_OLD, "invalid": {NOON - 60: 3}}, (), ("retention left: 32 h", "bad")),
        ({}, (), ("orders are not processed", "bad")),
        ({"age": READ, "invalid": {NOON - 60: 3}}, (ALARM,), ("1 alarm", "bad")),
        ({"age": READ}, (ALARM, ALARM), ("2 alarms", "bad")),
    ],
)
def test_the_header_says_what_is_most_urgent(
    figures: Mapping[str, Minutes], alarms: tuple[AlarmState, ...], says: tuple[str, str]
) -> None:
    assert header(figures, *alarms) == says


def test_the_header_is_as_urgent_as_the_most_urgent_tile_and_says_why_in_every_case() -> None:
    ages: tuple[Minutes, ...] = ({}, READ, OLD, VERY_OLD)
    numbers: tuple[Minutes, ...] = ({}, {NOON - 60: 1}, {NOON - 240: 1000})
    urgency = ["", "warn", "bad"]
    for age, invalid, conflicts, alarms in product(ages, numbers, numbers, ((), (ALARM,))):
        found = status({"age": age, "invalid": invalid, "conflicts": conflicts}, *alarms)
        tiles = tiles_of(found)
        said = header_of(found, tiles)
        worst = max(urgency.index(tile.tone) for tile in tiles)
        assert urgency.index(said.tone) == (2 if alarms else worst)
        assert (said.text == "all well") == (said.tone == "")


def test_tiles_say_it_in_words_of_a_shop() -> None:
    tiles = {tile.title: tile for tile in tiles_of(status({"age": READ, "conflicts": {NOON - 60: 2}}))}
    assert tiles["Retention left"].value == "71 h 59 min"
    assert tiles["Quarantined in 5 minutes"].value == "2"
    assert tiles["Waiting orders"].value == "none"
    assert tiles["Time to store"].below == "nothing stored lately"
