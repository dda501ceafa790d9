"""Validates values for the template's parameters before anything is built."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.intrinsics import Resolver
from orderstream.errors import InputError

# The units that provisioned tables have at least and at most.
_CAPACITY = (
    ("TableWriteMinimum", "TableWriteMaximum"),
    ("EventWriteMinimum", "TableWriteMaximum"),
    ("TableReadMinimum", "TableReadMaximum"),
)


@dataclass(frozen=True)
class Parameter:
    """A parameter as declared in the template; `rules` are its constraints by CloudFormation's names."""

    name: str
    default: str | None
    description: str
    rules: Mapping[str, Any]

    def problem(self, value: str) -> str:
        """What is wrong with the value, or ""."""
        rules = self.rules
        allowed = [str(one) for one in rules.get("AllowedValues", ())]
        if allowed and value not in allowed:
            return f"must be one of {', '.join(allowed)}"
        if rules.get("Type") == "Number":
            return self._number_problem(value)
        if "AllowedPattern" in rules and not re.fullmatch(rules["AllowedPattern"], value):
            return str(rules.get("ConstraintDescription") or f"must match {rules['AllowedPattern']}")
        if len(value) < int(rules.get("MinLength", 0)):
            return f"must have {rules['MinLength']} characters or more"
        if len(value) > int(rules.get("MaxLength", len(value))):
            return f"must have {rules['MaxLength']} characters or less"
        return ""

    def _number_problem(self, value: str) -> str:
        try:
            number = Decimal(value)
        except InvalidOperation:
            return "must be a number"
        least, most = self.rules.get("MinValue"), self.rules.get("MaxValue")
        if not number.is_finite() or (least is not None and number < least):
            return f"must be {least} or more"
        if most is not None and number > most:
            return f"must be {most} or less"
        return ""


def declared(template: Path) -> dict[str, Parameter]:
    """The parameters of a template, by name."""
    return {
        name: Parameter(
            name,
            str(rules["Default"]) if "Default" in rules else None,
            str(rules.get("Description", "")).strip(),
            rules,
        )
        for name, rules in document(template).get("Parameters", {}).items()
    }


def defaults(known: Mapping[str, Parameter]) -> dict[str, str]:
    """The default of each parameter, "" for a required one."""
    return {name: one.default or "" for name, one in known.items()}


@cache
def document(template: Path) -> Mapping[str, Any]:
    """A template as JSON values, with CloudFormation's short-form tags and YAML's aliases expanded."""
    # The parser makes one object of all aliases of an anchor. Through JSON, each becomes its own.
    found: dict[str, Any] = json.loads(json.dumps(yaml_parse(template.read_text())))
    return found


def given(options: Iterable[str]) -> dict[str, str]:
    """The values in options of the form NAME=VALUE. Raises InputError."""
    values: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise InputError(f"{option!r} is not NAME=VALUE", hint="for example: --parameter BatchSize=500")
        values[name.strip()] = value
    return values


def checked(options: Iterable[str], usual: Mapping[str, str]) -> dict[str, str]:
    """The values in options of the form NAME=VALUE, over the `usual` ones, for our template.

    Raises InputError.
    """
    values = {**usual, **given(options)}
    ensure_valid(values, declared(TEMPLATE))
    return values


def ensure_valid(values: Mapping[str, str], known: Mapping[str, Parameter]) -> None:
    """Raise InputError for the first name or value that the template does not declare or allow."""
    for name, value in values.items():
        if name not in known:
            lower = {one.lower(): one for one in known}
            close = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)
            near = ", ".join(lower[one] for one in close)
            raise InputError(
                f"the template has no parameter {name}",
                hint=f"did you mean {near}?" if near else f"there are {', '.join(known)}",
            )
        if problem := known[name].problem(value):
            raise InputError(f"{name} {problem}, not {value!r}", hint=f"{name}: {known[name].description}")


def ensure_agreed(values: Mapping[str, str], template: Path) -> None:
    """Raise InputError for the first of the template's Rules that the values, of all parameters, violate.

    Also for a maximum age at which the stream's retention ends before Lambda discards an order, and for less
    capacity at most than at least.
    """
    resolver = Resolver(values, {})
    for rule in document(template).get("Rules", {}).values():
        if resolver.holds(rule["RuleCondition"]):
            for one in rule["Assertions"]:
                if not resolver.holds(one["Assert"]):
                    said = one["AssertDescription"]
                    raise InputError(said, hint="give it with --parameter NAME=VALUE")
    age, hours = int(values["MaximumRecordAgeSeconds"]), int(values["RetentionHours"])
    # A template rule cannot do arithmetic.
    if age >= hours * 3600:
        raise InputError(
            f"MaximumRecordAgeSeconds={age} is not below the {hours * 3600} s of RetentionHours={hours}:"
            " the stream would forget orders before Lambda discards them into a bucket",
            hint="0 is nine tenths of the retention",
        )
    for floor, ceiling in _CAPACITY if values["TableBilling"] == "provisioned" else ():
        if int(values[floor]) > int(values[ceiling]):
            raise InputError(
                f"{floor}={values[floor]} is above {ceiling}={values[ceiling]}",
                hint=f"tables scale from the minimum to the maximum: --parameter {ceiling}=UNITS",
            )
