"""The reference of IAM policies, from template.yaml: what each function and a deployer may do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from orderstream.aws.stack import DEFAULT_STACK
from orderstream.deploy.arns import where_of
from orderstream.deploy.permissions import deployer as deployer_policies
from orderstream.deploy.permissions import expanded_template
from reference.conditions import in_words
from reference.markdown import code, table

_ACCOUNT, _REGION = "123456789012", "eu-west-1"


def functions() -> str:
    """A table for each function of what its role allows and denies."""
    template = expanded_template(_REGION)
    resources = template["Resources"]
    parts = []
    for name, function in resources.items():
        if function["Type"] == "AWS::Lambda::Function":
            role, _ = function["Properties"]["Role"]["Fn::GetAtt"]
            rows = [_row(*one) for one in _statements(resources[role]["Properties"])]
            parts.append(f"### {name}\n\n{_table(rows)}")
    return "\n\n".join(parts)


def deployer() -> str:
    """A table of what the deployer's policies allow, for every value of the template's parameters."""
    where = where_of(DEFAULT_STACK, _ACCOUNT, _REGION)
    rows = [_row(one, "") for policy in deployer_policies(where, {}) for one in policy["Statement"]]
    return _table(rows)


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    return table(("Statement", "Actions", "Resources", "Condition"), rows)


def _statements(role: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The statements of a role's policies, each with the name of the condition under which it is there."""
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:
                condition, statement, _ = statement["Fn::If"]
                yield statement, condition
            else:
                yield statement, ""


def _row(statement: dict[str, Any], condition: str) -> tuple[str, str, str, str]:
    name = code(statement["Sid"]) + (" (denied)" if statement["Effect"] == "Deny" else "")
    conditions = [f"if {in_words(condition)}"] if condition else []
    if "Condition" in statement:
        conditions.append(code(_text(statement["Condition"])))
    actions, resources = (_listed(statement[key]) for key in ("Action", "Resource"))
    return name, _codes(actions), _codes([_text(one) for one in resources]), "; ".join(conditions)


def _codes(texts: list[str]) -> str:
    return ", ".join(map(code, texts))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    """A value of the template with its references by name: `Archive/orders/*`."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, "Arn" | "ConsumerARN"]}:
            return str(name)
        case {"Fn::GetAtt": [name, "StreamArn"]}:
            return f"stream of {name}"
        case {"Fn::Sub": str(text)}:
            return text.replace(".Arn}", "}").replace("${", "").replace("}", "")
    return json.dumps(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::Sub": _}:
            return _text(value)
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case list():
            return [_plain(one) for one in value]
    return value
