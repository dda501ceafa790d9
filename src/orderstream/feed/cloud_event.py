"""The CloudEvent (1.0, JSON) that announces a change of an order.

Its `id` is the id and the version of the order, so an announcement that is repeated has the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orderstream.domain.fold import Effect, Folded, Step, applied_hashes, fold, split_by_applied, with_state
from orderstream.domain.lifecycle import first_status
from orderstream.domain.order import Order
from orderstream.domain.order_event import position_hash
from orderstream.domain.personal import items_without_personal, without_personal
from orderstream.feed.changes import Change, Item

TYPE = "orderstream.order."
# A record with its key, and an entry on an event bus with its source and type, can have 1 MiB.
MAX_BYTES = 1_000_000
PLACED, UPDATED, ERASED = "placed", "updated", "erased"
_JSON = msgspec.json.Encoder(decimal_format="number")
# Of the item, what concerns only the pipeline itself.
_INTERNAL = ("Fingerprint", "NormalizedFingerprint", "ArchiveKey", "EventID", "Pending", "PendingSince")
# What is left out of an announcement that would be too large.
LARGE = ("Items", "AmendedItems", "items", "details")


def cloud_event(
    change: Change,
    rows: Sequence[Mapping[str, Any]],
    model: type[Order],
    *,
    source: str,
    personal: bool,
    most_bytes: int = MAX_BYTES,
) -> bytes:
    """The JSON of a change; `rows` are the events of the order, as in the table OrderEvents.

    Without `personal` it has no values of fields that are marked as personal, no customer, and no details of
    the event. Items and details are left out if it would have more than `most_bytes`; `truncated` says so.
    """
    data: dict[str, Any] = {"version": change.version}
    name, at = ERASED, change.at
    if change.after is not None:
        step, reached = _what_happened(change, rows, model)
        name, at = _name_and_time(change, step)
        data["order"] = _shown(change.after, model, personal)
        data["reached"] = reached
        if step:
            data["event"] = _event(step, model, personal)
    found = {
        "specversion": "1.0",
        "id": f"{change.order_id}/{change.version}",
        "source": source,
        "type": f"{TYPE}{name}",
        "subject": change.order_id,
        "time": at,
        "datacontenttype": "application/json",
        "data": data,
    }
    body = _JSON.encode(found)
    if len(body) > most_bytes:
        for part in ("order", "event"):
            if part in data:
                data[part] = {name: value for name, value in data[part].items() if name not in LARGE}
        data["truncated"] = True
        body = _JSON.encode(found)
    return body


def _what_happened(
    change: Change, rows: Sequence[Mapping[str, Any]], model: type[Order]
) -> tuple[Step | None, list[str]]:
    """The event that made the version, if one did, and the statuses that the order reached by it."""
    assert change.after is not None
    had = applied_hashes(change.before or {})
    now = fold(change.after, split_by_applied(change.after, rows)[0], model.TRANSITIONS)
    steps = [step for step in now.steps if position_hash(step.row["Position"]) not in had]
    step = steps[0] if len(steps) == 1 else None
    if change.before is None:
        return step, _statuses(now, model)
    before = _statuses(
        fold(change.before, split_by_applied(change.before, rows)[0], model.TRANSITIONS), model
    )
    return step, [status for status in _statuses(now, model) if status not in before]


def _statuses(folded: Folded, model: type[Order]) -> list[str]:
    """The statuses that an order went through."""
    steps = (step.status for step in folded.steps if step.effect is Effect.APPLIED)
    return list(dict.fromkeys((first_status(model.TRANSITIONS), *steps)))


def _name_and_time(change: Change, step: Step | None) -> tuple[str, str]:
    assert change.after is not None
    if step:
        return step.row["Event"], step.row["OccurredAt"]
    if change.version == 1:
        return PLACED, change.after["ReceivedAt"]
    # Repaired, or changed by more than one event at once.
    return UPDATED, change.at


def _shown(item: Item, model: type[Order], personal: bool) -> dict[str, Any]:
    shown = {name: value for name, value in with_state(item).items() if name not in _INTERNAL}
    return shown if personal else without_personal(shown, model)


def _event(step: Step, model: type[Order], personal: bool) -> dict[str, Any]:
    """An event as it was sent, with what it did."""
    row = step.row
    named = {
        "event_id": "ProducerEventID",
        "seq": "Seq",
        "amount": "Amount",
        "currency": "Currency",
        "items": "Items",
    }
    found = {"event": row["Event"], "occurred_at": row["OccurredAt"]}
    found |= {name: row[attribute] for name, attribute in named.items() if attribute in row}
    if not personal and "items" in found:
        found["items"] = items_without_personal(row["Items"], model)
    if personal and "Details" in row:
        found["details"] = msgspec.Raw(row["Details"].encode())
    found["effect"] = step.effect.value
    if step.reason:
        found["reason"] = step.reason
    return found
