"""A shard is read when its parents are drained, and from where it was left."""

from orderstream.local.esm.shards import TRIM_HORIZON, Position, Shard, position, readable, start_of

PARENT, OTHER = Shard("shard-0"), Shard("shard-1")
LEFT, RIGHT = Shard("shard-2", ("shard-0",)), Shard("shard-3", ("shard-0",))
MERGED = Shard("shard-4", ("shard-0", "shard-1"))
LATEST = Position(timestamp=1764432000.25)


def test_shards_without_parents_are_read_at_once() -> None:
    assert readable([PARENT, OTHER], set(), set()) == [PARENT, OTHER]


def test_a_shard_under_way_is_not_started_again() -> None:
    assert readable([PARENT, OTHER], set(), {PARENT.id}) == [OTHER]


def test_a_drained_shard_is_not_read_again() -> None:
    assert readable([PARENT, OTHER], {PARENT.id}, set()) == [OTHER]


def test_children_wait_until_their_parent_is_drained() -> None:
    assert readable([PARENT, LEFT, RIGHT], set(), {PARENT.id}) == []
    assert readable([PARENT, LEFT, RIGHT], {PARENT.id}, set()) == [LEFT, RIGHT]


def test_a_merged_shard_waits_for_both_parents() -> None:
    assert readable([PARENT, OTHER, MERGED], {PARENT.id}, {OTHER.id}) == []
    assert readable([PARENT, OTHER, MERGED], {PARENT.id, OTHER.id}, set()) == [MERGED]


def test_grandchildren_wait_for_their_parents_in_turn() -> None:
    grandchild = Shard("shard-5", (LEFT.id,))
    assert readable([PARENT, LEFT, grandchild], {PARENT.id}, set()) == [LEFT]


def test_a_parent_that_is_no_longer_listed_counts_as_drained() -> None:
    assert readable([LEFT, RIGHT], set(), set()) == [LEFT, RIGHT]


def test_a_parent_that_is_no_longer_listed_but_has_records_under_way_does_not() -> None:
    assert readable([LEFT, RIGHT], set(), {PARENT.id}) == []


def test_reading_goes_on_after_what_is_done() -> None:
    assert start_of(PARENT, {PARENT.id: "17"}, LATEST) == Position("17")


def test_a_first_start_obeys_the_starting_position() -> None:
    assert start_of(PARENT, {}, LATEST) == LATEST
    assert start_of(PARENT, {}, TRIM_HORIZON) == TRIM_HORIZON


def test_a_shard_that_came_later_is_read_from_its_first_record() -> None:
    assert start_of(LEFT, {PARENT.id: "17"}, None) == TRIM_HORIZON


def test_a_shard_of_which_nothing_was_done_starts_as_it_did_before() -> None:
    assert start_of(PARENT, {PARENT.id: str(LATEST)}, None) == LATEST


def test_a_position_comes_back_from_its_text() -> None:
    for place in (LATEST, TRIM_HORIZON, Position("000123")):
        assert position(str(place)) == place
