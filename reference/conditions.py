"""The conditions of template.yaml in words: `HttpApi` is not `none`."""

from __future__ import annotations

from typing import Any

from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import document
from reference.markdown import code


def in_words(condition: Any) -> str:
    """When a condition of the template, by name or inline, holds; "" for none."""
    if not condition:
        return ""
    if isinstance(condition, str):
        return in_words(document(TEMPLATE)["Conditions"][condition])
    match condition:
        case {"Condition": name}:
            return in_words(name)
        case {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}:
            return f"{code(name)} is set"
        case {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, value]}]}:
            return f"{code(name)} is not {code(value)}"
        case {"Fn::Equals": [{"Ref": name}, value]}:
            return f"{code(name)} is {code(value)}" if value else f"{code(name)} is empty"
        case {"Fn::Not": [one]}:
            return f"not: {in_words(one)}"
        case {"Fn::And": parts}:
            return " and ".join(map(in_words, parts))
        case {"Fn::Or": parts}:
            return " or ".join(map(in_words, parts))
    raise ValueError(f"not a condition that can be said: {condition}")
