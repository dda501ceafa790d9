"""Patches MiniStack's CloudFormation: a table in a template has its time to live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from orderstream.local.patches import require_attr

Attributes = tuple[str, dict[str, str]]


def follow_aws() -> None:
    """Apply the patch."""
    update_ttl = require_attr(dynamodb, "_update_ttl")
    handlers = require_attr(provisioners, "_RESOURCE_HANDLERS")["AWS::DynamoDB::Table"]

    def keeping(handle: Callable[..., Attributes], at: int) -> Callable[..., Attributes]:
        """The same handler, which then sets the TTL of the properties that are its argument `at`."""

        def handled(*arguments: Any, **more: Any) -> Attributes:
            made = handle(*arguments, **more)
            if given := arguments[at].get("TimeToLiveSpecification"):
                # In a template, it may be text.
                specification = {**given, "Enabled": str(given["Enabled"]).lower() == "true"}
                update_ttl({"TableName": made[0], "TimeToLiveSpecification": specification})
            return made

        return handled

    handlers["create"] = keeping(handlers["create"], 1)
    handlers["update"] = keeping(handlers["update"], 2)
