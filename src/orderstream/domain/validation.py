"""Validate the fields of a model by its rules, and collect every violation with its path.

A field is of a type with a rule, a bool, of an enum, of another model, or a tuple of those; an optional field
is `| None` or has a default.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Generic, TypeVar, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo

from orderstream.domain.declaration import Declared, declared_fields, plain_type
from orderstream.domain.fields import (
    InvalidValue,
    boolean,
    json_type,
    member_of,
    rule_of,
)

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


Rule = Callable[[Any], Any]
# Reads a value that has others inside: given the value, its path, and where to put the reasons.
Reader = Callable[[Any, str, ValidationErrors], Any]


class ModelReader(Generic[M]):
    """Reads a model from decoded JSON objects. Raises TypeError for a model with a type that has no rule."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        fields = zip(msgspec.structs.fields(model), declared_fields(model), strict=True)
        self._fields = [_field(field, declared) for field, declared in fields]
        # A model that extends another may have fields that only their names can be given for.
        self._positional = len(model.__match_args__)
        self._by_name = model.__struct_fields__[self._positional :]

    def read(self, value: Any, path: str, errors: ValidationErrors) -> M | None:
        """The model, with the default of each field that is absent or null, and None for each invalid one.

        `errors` has the reasons. None if `value` is not an object.
        """
        if not isinstance(value, dict):
            errors.add(path, "not_an_object", f"must be an object, not {json_type(value)}")
            return None
        values: list[Any] = []
        for name, is_required, default, rule, inside in self._fields:
            found = value.get(name)
            if found is None:
                if is_required:
                    errors.add(f"{path}.{name}", "missing", "is required")
                found = default
            elif rule is None:
                found = inside and inside(found, f"{path}.{name}", errors)
            else:
                try:
                    found = rule(found)
                except InvalidValue as refused:
                    errors.add(f"{path}.{name}", refused.code, refused.message)
                    found = None
            values.append(found)
        if not self._by_name:
            return self._model(*values)
        named = dict(zip(self._by_name, values[self._positional :], strict=True))
        return self._model(*values[: self._positional], **named)


def _valid(read: Reader) -> Reader:
    """The same, but None for a value with anything invalid inside."""

    def read_valid(value: Any, path: str, errors: ValidationErrors) -> Any:
        before = len(errors.reasons)
        found = read(value, path, errors)
        return found if len(errors.reasons) == before else None

    return read_valid


def _by_rule(rule: Rule) -> Reader:
    def read(value: Any, path: str, errors: ValidationErrors) -> Any:
        try:
            return rule(value)
        except InvalidValue as refused:
            errors.add(path, refused.code, refused.message)
            return None

    return read


def _list_of(element: Reader) -> Reader:
    def read(value: Any, path: str, errors: ValidationErrors) -> tuple[Any, ...] | None:
        if not isinstance(value, list):
            errors.add(path, "not_an_array", f"must be an array, not {json_type(value)}")
            return None
        elements: list[Any] = []
        for number, one in enumerate(value):
            if len(errors.reasons) > MAX_REASONS:
                break
            elements.append(element(one, f"{path}[{number}]", errors))
        return tuple(elements)

    return read


def _field(field: FieldInfo, declared: Declared) -> tuple[str, bool, Any, Rule | None, Reader | None]:
    """A field's name, whether it is required, its default, and its rule or what reads inside it."""
    try:
        inside = _inside(declared.hint)
        rule = None if inside else rule_for(declared.hint)
    except LookupError as error:
        raise TypeError(f"{field.name}: {error}") from None
    except TypeError as error:
        raise TypeError(f"{field.name}.{error}") from None
    return field.name, *default_of(field, declared), rule, inside and _valid(inside)


def default_of(field: FieldInfo, declared: Declared) -> tuple[bool, Any]:
    """Whether a field is required, and its default."""
    default = None if field.default is msgspec.NODEFAULT else field.default
    return field.required and not declared.is_optional, default


def _inside(hint: Any) -> Reader | None:
    """What reads a list or another model; None for other types."""
    plain = plain_type(hint)
    if get_origin(plain) is tuple:
        element = get_args(plain)[0]
        return _list_of(_inside(element) or _by_rule(rule_for(element)))
    is_model = isinstance(plain, type) and issubclass(plain, msgspec.Struct)
    return ModelReader(plain).read if is_model else None


def rule_for(hint: Any) -> Rule:
    """The rule of a type without others inside. Raises LookupError if it has none."""
    plain = plain_type(hint)
    if isinstance(plain, type) and issubclass(plain, Enum):
        return member_of(plain)
    return boolean if plain is bool else rule_of(hint)
