"""Validate the fields of a model by its rules, and collect every violation with its path.

Each field of a model is annotated with the rule that reads it, `Annotated[Decimal, positive]`, or is a
tuple of another model; an optional field is `| None`.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from orderstream.domain.fields import InvalidValue, json_type

M = TypeVar("M", bound=msgspec.Struct)

# More than anyone reads. Without a limit, a record with many tiny items that each break three rules would
# take a hundred times its own size in the quarantine.
MAX_REASONS = 100
# The limit for all records that are written or reported together; each keeps its first few.
MAX_REASONS_TOGETHER = 1000
FIRST_REASONS = 3
MAX_MESSAGE = 300
MORE_REASONS = "more_reasons"


class Violation(msgspec.Struct, frozen=True):
    """One broken rule: the `path` of the value ("$.amount"), a stable `code`, a `message` for people."""

    path: str
    code: str
    message: str


def bounded(reasons: Sequence[Violation], records: int) -> list[Violation]:
    """The reasons of one record, limited to its share if `records` records are reported together.

    A last reason, `more_reasons`, gives the number left out. Long messages are truncated.
    """
    most = max(FIRST_REASONS, MAX_REASONS_TOGETHER // records)
    if len(reasons) <= most + 1:
        most += 1
    kept = [_shortened(reason) for reason in reasons[:most]]
    if left_out := len(reasons) - len(kept):
        message = f"has {left_out} or more other faults, not listed because many records of the batch are bad"
        kept.append(Violation("$", MORE_REASONS, message))
    return kept


def _shortened(reason: Violation) -> Violation:
    if len(reason.message) <= MAX_MESSAGE:
        return reason
    return msgspec.structs.replace(reason, message=reason.message[: MAX_MESSAGE - 1] + "…")


class ValidationErrors:
    """The reasons found so far in one record."""

    def __init__(self) -> None:
        self.reasons: list[Violation] = []

    def add(self, path: str, code: str, message: str) -> None:
        """Record a reason; only the first MAX_REASONS are kept."""
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append(Violation(path, code, message))
        elif len(self.reasons) == MAX_REASONS:
            self.reasons.append(Violation("$", MORE_REASONS, f"has more than {MAX_REASONS} faults"))


class _Field(msgspec.Struct, frozen=True):
    """How a field is read: by a rule, or as a list of another model."""

    name: str
    is_required: bool
    rule: Callable[[Any], Any] | None = None
    elements: "ModelReader[Any] | None" = None


class ModelReader(Generic[M]):
    """Reads a model from decoded JSON objects. Raises TypeError for a model without these annotations."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        hints = get_type_hints(model, include_extras=True)
        fields = [_field(name, hints[name]) for name in model.__struct_fields__]
        self._fields = [(one.name, one.is_required, one.rule, one.elements) for one in fields]

    def read(self, fields: dict[str, Any], path: str, check: ValidationErrors) -> M:
        """The model, with None for each field that is absent, null or invalid; `check` has the reasons."""
        values: list[Any] = []
        for name, is_required, rule, elements in self._fields:
            value = fields.get(name)
            if value is None:
                if is_required:
                    check.add(f"{path}.{name}", "missing", "is required")
            elif rule is None:
                value = elements and elements._read_list(value, f"{path}.{name}", check)
            else:
                try:
                    value = rule(value)
                except InvalidValue as refused:
                    check.add(f"{path}.{name}", refused.code, refused.message)
                    value = None
            values.append(value)
        return self._model(*values)

    def _read_list(self, value: Any, path: str, check: ValidationErrors) -> tuple[M, ...] | None:
        """Every element of a list of objects; None if any of them is invalid."""
        if not isinstance(value, list):
            check.add(path, "not_an_array", f"must be an array, not {json_type(value)}")
            return None
        before = len(check.reasons)
        elements: list[M] = []
        for number, fields in enumerate(value):
            if len(check.reasons) > MAX_REASONS:
                break
            here = f"{path}[{number}]"
            if isinstance(fields, dict):
                elements.append(self.read(fields, here, check))
            else:
                check.add(here, "not_an_object", f"must be an object, not {json_type(fields)}")
        return tuple(elements) if len(check.reasons) == before else None


def _field(name: str, hint: Any) -> _Field:
    options = [option for option in get_args(hint) if option is not type(None)]
    is_required = type(None) not in get_args(hint)
    if not is_required:
        (hint,) = options
    if get_origin(hint) is tuple:
        return _Field(name, is_required, elements=ModelReader(get_args(hint)[0]))
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{name}: {hint} is neither annotated with its rule nor a tuple of a model")
    return _Field(name, is_required, rule=get_args(hint)[1])
