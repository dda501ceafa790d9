"""The lifecycle of an order: its statuses, and which events may follow in each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

# Each status with the events that may follow in it. The first status is that of an order without events. An
# event with the name of a status leads to it.
Transitions = Mapping[str, tuple[str, ...]]

# Events about money. `amended` and `captured` lead to no status. `refunded` leads to the status of that name,
# if there is one, once everything captured is refunded.
AMENDED, CAPTURED, REFUNDED, PAID = "amended", "captured", "refunded", "paid"
_WITHOUT_STATUS = frozenset((AMENDED, CAPTURED))
_MONEY = frozenset((AMENDED, CAPTURED, REFUNDED))
# Must have an amount, can have one, and must be greater than zero.
NEEDS_AMOUNT = frozenset((CAPTURED, REFUNDED))
MAY_HAVE_AMOUNT = _MONEY | {PAID}
# What becomes of the order itself is announced under these names.
_RESERVED = frozenset(("erased",))
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

TRANSITIONS: Transitions = {
    "placed": ("paid", "cancelled", "amended", "captured", "refunded"),
    "paid": ("packed", "cancelled", "amended", "captured", "refunded"),
    "packed": ("shipped", "cancelled", "amended", "captured", "refunded"),
    "shipped": ("delivered", "returned", "captured", "refunded"),
    "delivered": ("returned", "captured", "refunded"),
    "returned": ("captured", "refunded"),
    "cancelled": ("refunded",),
    "refunded": (),
}


def first_status(transitions: Transitions) -> str:
    """The status of an order without events."""
    return next(iter(transitions))


def event_names(transitions: Transitions) -> frozenset[str]:
    """The events that can follow in any status."""
    return frozenset(name for names in transitions.values() for name in names)


def transition_faults(transitions: object) -> Iterator[str]:
    """What is wrong with a table of transitions."""
    if not isinstance(transitions, Mapping) or not transitions:
        yield 'must be a dict such as {"placed": ("paid",), "paid": ()}'
        return
    for status, names in transitions.items():
        if not isinstance(names, tuple | list):
            yield f"{status!r}: its events must be a tuple, such as ('paid',)"
            return
        for name in (status, *names):
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                yield f"{name!r} must be made of small letters, digits and _"
                return
    for status in transitions:
        if status in _WITHOUT_STATUS | _RESERVED:
            yield f"{status} cannot be a status"
    for status, names in transitions.items():
        for name in names:
            if name not in transitions and name not in _MONEY:
                yield f"{name} follows {status}, but is no status: add {name!r}: ()"
    reached = _reached(transitions)
    for status in transitions:
        if status not in reached:
            yield f"no event leads to {status}"


def _reached(transitions: Transitions) -> set[str]:
    """The statuses that events can lead to from the first one."""
    reached: set[str] = set()
    ahead = [first_status(transitions)]
    while ahead:
        status = ahead.pop()
        if status not in reached:
            reached.add(status)
            ahead += [name for name in transitions[status] if name in transitions]
    return reached
