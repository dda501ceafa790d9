"""Collects every rule that a record breaks, each with the path of the value that breaks it."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from orderstream.domain.values import Refused, kind

T = TypeVar("T")

# More than anyone reads. A record of many tiny lines, each wrong in three ways, would otherwise leave
# a hundred times its own size in the quarantine.
MAX_REASONS = 100


class Reason(msgspec.Struct, frozen=True):
    """One broken rule: the `path` of the value ("$.amount"), a stable `code`, a `message` for people."""

    path: str
    code: str
    message: str


class Checks:
    """The reasons found so far in one record; a check returns the value or None, and goes on."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []

    def required(self, path: str, value: Any, rule: Callable[[Any], T]) -> T | None:
        """`rule(value)`, or None with a reason noted; absent and null are reasons."""
        if value is None:
            self._note(Reason(path, "missing", "is required"))
            return None
        return self.optional(path, value, rule)

    def optional(self, path: str, value: Any, rule: Callable[[Any], T]) -> T | None:
        """`rule(value)`, or None with a reason noted; absent and null are None without a reason."""
        if value is None:
            return None
        try:
            return rule(value)
        except Refused as refused:
            self._note(Reason(path, refused.code, refused.message))
            return None

    def optional_list(
        self, path: str, value: Any, read: Callable[[str, dict[str, Any], "Checks"], T | None]
    ) -> tuple[T, ...] | None:
        """Every element of a list of objects through `read`; None where absent or any element is bad."""
        if value is None:
            return None
        if not isinstance(value, list):
            self._note(Reason(path, "not_an_array", f"must be an array, not {kind(value)}"))
            return None
        elements: list[T] = []
        for number, entry in enumerate(value):
            if len(self.reasons) > MAX_REASONS:
                return None
            here = f"{path}[{number}]"
            if not isinstance(entry, dict):
                self._note(Reason(here, "not_an_object", f"must be an object, not {kind(entry)}"))
                continue
            element = read(here, entry, self)
            if element is not None:
                elements.append(element)
        return tuple(elements) if len(elements) == len(value) else None

    def that(self, path: str, holds: bool, code: str, message: str) -> None:
        """Note a reason unless `holds`."""
        if not holds:
            self._note(Reason(path, code, message))

    def _note(self, reason: Reason) -> None:
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append(reason)
        elif len(self.reasons) == MAX_REASONS:
            self.reasons.append(Reason("$", "more_reasons", f"has more than {MAX_REASONS} faults"))
