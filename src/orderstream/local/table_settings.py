"""Patches MiniStack's CloudFormation: a table in a template has its TTL, its class, and its capacity scales.

Nothing consumes capacity there, so that a scaled table stays at its minimum.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from orderstream.local.patches import require_attr

Attributes = tuple[str, dict[str, str]]
Handler = Callable[..., Attributes]
_CAPACITY = "ProvisionedThroughput"


def follow_aws() -> None:
    """Apply the patches."""
    handlers = require_attr(provisioners, "_RESOURCE_HANDLERS")
    table = handlers["AWS::DynamoDB::Table"]
    table["create"] = _keeping(table["create"], 1)
    table["update"] = _keeping(table["update"], 2)
    for kind, identify in (
        ("AWS::ApplicationAutoScaling::ScalableTarget", _target_id),
        ("AWS::ApplicationAutoScaling::ScalingPolicy", _policy_id),
    ):
        handlers[kind] = _noted(identify)


def _keeping(handle: Handler, at: int) -> Handler:
    """The same handler, which also follows what MiniStack ignores in the properties, its argument `at`."""
    update_ttl = require_attr(dynamodb, "_update_ttl")
    update_table = require_attr(dynamodb, "_update_table")

    def handled(*arguments: Any, **more: Any) -> Attributes:
        given = _with_numbers(arguments[at])
        made = handle(*arguments[:at], given, *arguments[at + 1 :], **more)
        table = {"TableName": made[0]}
        update_table(table | {"TableClass": given.get("TableClass", "STANDARD")})
        if ttl := given.get("TimeToLiveSpecification"):
            # In a template, it may be text.
            specification = {**ttl, "Enabled": str(ttl["Enabled"]).lower() == "true"}
            update_ttl(table | {"TimeToLiveSpecification": specification})
        return made

    return handled


def _with_numbers(table: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a table or an index, with its capacity in numbers: in a template, they are text."""
    found = dict(table)
    if _CAPACITY in found:
        found[_CAPACITY] = {name: int(units) for name, units in found[_CAPACITY].items()}
    if "GlobalSecondaryIndexes" in found:
        found["GlobalSecondaryIndexes"] = [_with_numbers(one) for one in found["GlobalSecondaryIndexes"]]
    return found


def _noted(identify: Callable[[Mapping[str, Any]], str]) -> dict[str, Callable[..., Any]]:
    """Handlers of a type that MiniStack lacks, which only give it an id."""

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Attributes:
        return identify(properties), {}

    def update(name: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Attributes:
        return create("", new, stack_name)

    def delete(name: str, properties: dict[str, Any]) -> None:
        pass

    return {"create": create, "update": update, "delete": delete}


def _target_id(target: Mapping[str, Any]) -> str:
    return "|".join(target[name] for name in ("ResourceId", "ScalableDimension", "ServiceNamespace"))


def _policy_id(policy: Mapping[str, Any]) -> str:
    return json.dumps([policy["ScalingTargetId"], policy["PolicyName"]])
