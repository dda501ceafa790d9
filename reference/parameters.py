"""The reference of template.yaml: its parameters in their groups, its rules, its outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orderstream.capacity.parameter_sets import SETS
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import Parameter, declared, document
from reference.markdown import code, table


def parameters() -> str:
    """A table of parameters for each group of the template; those without a group come last."""
    known = declared(TEMPLATE)
    sections = []
    for label, names in _groups():
        rows = [_row(known.pop(name)) for name in names]
        sections.append(f"### {label}\n\n{_table(rows)}")
    if known:
        rest = _table([_row(one) for one in known.values()])
        sections.append(f"### Other\n\n{rest}" if sections else rest)
    return "\n\n".join(sections)


def sets() -> str:
    """A table of the parameters of each set."""
    rows = [
        (code(name), ", ".join(code(f"{one}={value}") for one, value in values.items()))
        for name, values in SETS.items()
    ]
    return table(("Set", "Parameters"), rows)


def rules() -> str:
    """A list of what the template demands of several parameters together."""
    return "\n".join(
        f"- {one['AssertDescription']}."
        for rule in document(TEMPLATE).get("Rules", {}).values()
        for one in rule["Assertions"]
    )


def outputs() -> str:
    """A table of the stack's outputs."""
    rows = [(code(name), one["Description"]) for name, one in document(TEMPLATE)["Outputs"].items()]
    return table(("Output", "What"), rows)


def _groups() -> Iterator[tuple[str, list[str]]]:
    interface: dict[str, Any] = (
        document(TEMPLATE).get("Metadata", {}).get("AWS::CloudFormation::Interface", {})
    )
    for group in interface.get("ParameterGroups", ()):
        yield group["Label"]["default"], group["Parameters"]


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    return table(("Parameter", "Default", "Allowed", "Meaning"), rows)


def _row(parameter: Parameter) -> tuple[str, str, str, str]:
    default = "required" if parameter.default is None else code(parameter.default) or "empty"
    return code(parameter.name), default, _allowed(parameter), parameter.description


def _allowed(parameter: Parameter) -> str:
    rules = parameter.rules
    if values := rules.get("AllowedValues"):
        return ", ".join(map(code, values))
    if reason := rules.get("ConstraintDescription"):
        return str(reason).strip().removeprefix("must be ")
    if "AllowedPattern" in rules:
        return f"matches {code(rules['AllowedPattern'])}"
    least, most = rules.get("MinValue"), rules.get("MaxValue")
    if least is not None and most is not None:
        return f"{least:,} to {most:,}"
    return f"{least:,} or more" if least is not None else ""
