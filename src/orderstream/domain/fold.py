"""Fold the events of an order into its state. The same events give the same state, however they arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from orderstream.domain.fields import InvalidValue, exact_number, exact_sum
from orderstream.domain.lifecycle import AMENDED, CAPTURED, PAID, REFUNDED, Transitions, first_status
from orderstream.domain.order_event import HASH_LENGTH, position_hash
from orderstream.domain.user_model import order_model

_NOTHING = Decimal(0)

# The attributes of an order's item that follow from its events. An order without events has only its Status.
STATE = (
    "Status",
    "Version",
    "UpdatedAt",
    "Total",
    "Captured",
    "Refunded",
    "Balance",
    "AmendedItems",
    "Forbidden",
    "MissingSeq",
    "Pending",
    "PendingSince",
    "Applied",
)
# What Pending says: the order itself has not arrived, or an event with a lower `seq` than others has not.
PENDING_ORDER, PENDING_EVENT = "order", "event"


class Effect(Enum):
    """What an event does. DUPLICATE: it was sent twice; CONFLICT: its id is that of another event."""

    APPLIED = "applied"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    DUPLICATE = "duplicate"


class Step(msgspec.Struct, frozen=True):
    """An event of the table OrderEvents, its effect, and the state after it; `reason` is why it has none."""

    row: Mapping[str, Any]
    effect: Effect
    reason: str
    status: str
    total: Decimal
    captured: Decimal
    refunded: Decimal


class Folded(msgspec.Struct, frozen=True):
    """The state of an order, as attributes of its item (see STATE), and how its events led to it.

    The state has no Version: that counts how often it changed.
    """

    state: dict[str, Any]
    steps: list[Step]


class _Refused(Exception):
    """An event cannot be applied; the message says why."""


class _State(msgspec.Struct):
    status: str
    total: Decimal
    captured: Decimal
    refunded: Decimal
    updated_at: str
    has_items: bool
    items: list[Any] | None = None


def in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events of an order as they are applied.

    Those with a `Seq` are in its order. Each of the others stands behind those that occurred before it or at
    the same time. At one time, those whose time is that of their arrival are in the order of the stream, and
    others in that of their event_id.
    """
    numbered = sorted((row for row in rows if "Seq" in row), key=_by_seq)
    placed: list[tuple[str, int, int, Any]] = []
    latest = ""
    for number, row in enumerate(numbered):
        # The number counts, not the clock of the source.
        latest = max(latest, row["OccurredAt"])
        placed.append((latest, 0, number, row))
    others = sorted((row for row in rows if "Seq" not in row), key=_by_time)
    placed += [(row["OccurredAt"], 1, number, row) for number, row in enumerate(others)]
    return [entry[3] for entry in sorted(placed, key=lambda entry: entry[:3])]


def fold(item: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], transitions: Transitions) -> Folded:
    """The state of an order after events of the table OrderEvents, in whatever order they are given.

    `item` is the order's item: its OrderAmount, Currency, Items and ReceivedAt count.
    """
    state = _State(
        status=first_status(transitions),
        total=item["OrderAmount"],
        captured=_NOTHING,
        refunded=_NOTHING,
        updated_at=item["ReceivedAt"],
        has_items=bool(item.get("Items")),
    )
    steps: list[Step] = []
    seen: dict[str, Mapping[str, Any]] = {}
    for row in in_order(rows):
        effect, reason = _effect(row, seen, state, item.get("Currency"), transitions)
        steps.append(Step(row, effect, reason, state.status, state.total, state.captured, state.refunded))
    return Folded(_attributes(state, steps), steps)


def with_state(item: Mapping[str, Any]) -> dict[str, Any]:
    """A stored item as it is shown: without `Applied`, and with its state even if it has no events."""
    shown = {name: value for name, value in item.items() if name != "Applied"}
    if "Version" in item or is_placeholder(item):
        return shown
    of_no_events = {
        # Earlier versions stored another status, which no event has changed.
        "Status": first_status(order_model().TRANSITIONS),
        "Version": 1,
        "UpdatedAt": item.get("ReceivedAt"),
        "Total": item.get("OrderAmount"),
        "Captured": _NOTHING,
        "Refunded": _NOTHING,
        "Balance": _NOTHING,
    }
    return shown | {name: value for name, value in of_no_events.items() if value is not None}


def applied_hashes(item: Mapping[str, Any]) -> set[str]:
    """The hashes of the events whose effect the item has (see `position_hash`)."""
    text = item.get("Applied", "")
    return {text[start : start + HASH_LENGTH] for start in range(0, len(text), HASH_LENGTH)}


def split_by_applied(
    item: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The events whose effect the item has, and the others."""
    hashes = applied_hashes(item)
    split: tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]] = ([], [])
    for row in rows:
        split[position_hash(row["Position"]) not in hashes].append(row)
    return split


def is_placeholder(item: Mapping[str, Any]) -> bool:
    """Whether an item stands for an order that has not arrived, while its events have."""
    return "EventID" not in item and item.get("Pending") == PENDING_ORDER


def version_of(item: Mapping[str, Any]) -> int:
    """The version of an item: 1 without events, and one more for each change."""
    return int(item.get("Version", 1))


def _by_seq(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["Seq"], row.get("ProducerEventID", ""), row["Position"]


def _by_time(row: Mapping[str, Any]) -> tuple[Any, ...]:
    shard_id, *numbers = _record(row).split(":")
    arrival = (shard_id, *map(int, numbers))
    return row["OccurredAt"], arrival, row.get("ProducerEventID", ""), row["Position"]


def _effect(
    row: Mapping[str, Any],
    seen: dict[str, Mapping[str, Any]],
    state: _State,
    currency: str | None,
    transitions: Transitions,
) -> tuple[Effect, str]:
    """Apply an event to the state; say what it did, and if nothing, why."""
    known = seen.setdefault(_identity(row), row)
    if known is not row:
        if _content(known) == _content(row):
            return Effect.DUPLICATE, "was sent before"
        return Effect.CONFLICT, "has the event_id of another event"
    try:
        _apply(row, state, currency, transitions)
    except _Refused as refused:
        return Effect.FORBIDDEN, str(refused)
    state.updated_at = max(state.updated_at, row["OccurredAt"])
    return Effect.APPLIED, ""


def _identity(row: Mapping[str, Any]) -> str:
    """What two rows of the same event share: the id that the producer gave, or else the content.

    An event that has neither an id nor a number nor a time is another one in each record.
    """
    if "ProducerEventID" in row:
        return f"id {row['ProducerEventID']}"
    is_alone = "Seq" not in row and _record(row)
    return f"record {_record(row)}" if is_alone else f"content {_content(row)}"


def _content(row: Mapping[str, Any]) -> str:
    """The fingerprint of an event."""
    return str(row["Position"]).split("/")[1]


def _record(row: Mapping[str, Any]) -> str:
    """The record of an event that does not say when it occurred; empty for others."""
    return str(row["Position"]).partition("/")[2].partition("/")[2]


def _apply(row: Mapping[str, Any], state: _State, currency: str | None, transitions: Transitions) -> None:
    event, amount = row["Event"], row.get("Amount")
    if event not in transitions.get(state.status, ()):
        raise _Refused(f"{event} may not follow {state.status}")
    if row.get("Currency", currency) != currency:
        raise _Refused(f"is in {row['Currency']}, the order is in {currency}")
    if event == AMENDED:
        _amend(row, state)
    elif amount is not None and event in (CAPTURED, PAID):
        state.captured = _sum(state.captured, amount)
    elif event == REFUNDED:
        refunded = _sum(state.refunded, amount or _NOTHING)
        if refunded > state.captured:
            raise _Refused(f"refunds {refunded:f} in all, of {state.captured:f} that was captured")
        state.refunded = refunded
    if event in transitions and (event != REFUNDED or state.refunded == state.captured):
        state.status = event


def _amend(row: Mapping[str, Any], state: _State) -> None:
    if "Items" in row:
        state.items = row["Items"]
        state.has_items = bool(state.items)
    elif state.has_items and row["Amount"] != state.total:
        raise _Refused("has an amount to which the items do not add up")
    state.total = row["Amount"]


def _sum(one: Decimal, other: Decimal) -> Decimal:
    try:
        return exact_number(exact_sum(one, other))
    except InvalidValue as refused:
        raise _Refused(f"gives a sum that {refused.message}") from None


def _attributes(state: _State, steps: Sequence[Step]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Status": state.status,
        "UpdatedAt": state.updated_at,
        "Total": state.total,
        "Captured": state.captured,
        "Refunded": state.refunded,
        "Balance": exact_sum(state.captured, -state.refunded),
    }
    if state.items is not None:
        found["AmendedItems"] = state.items
    forbidden = sum(step.effect in (Effect.FORBIDDEN, Effect.CONFLICT) for step in steps)
    if forbidden:
        found["Forbidden"] = forbidden
    numbered = [step.row for step in steps if "Seq" in step.row]
    known = {int(row["Seq"]) for row in numbered}
    missing = next((seq for seq in range(1, len(known) + 1) if seq not in known), None)
    after = [row["OccurredAt"] for row in numbered if missing and row["Seq"] > missing]
    if after:
        found["MissingSeq"] = missing
        found["Pending"] = PENDING_EVENT
        found["PendingSince"] = min(after)
    found["Applied"] = "".join(sorted(position_hash(step.row["Position"]) for step in steps))
    return found
