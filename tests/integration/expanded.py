"""template.yaml as CloudFormation makes it of given parameters: SAM expanded, conditions resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests.integration.deployed import TEMPLATE_BODY

REGION, ACCOUNT = "eu-west-1", "111122223333"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
# Everything that a deployment can have.
EVERYTHING = {
    "ArchiveMaintenance": "compact",
    "CanaryMinutes": "5",
    "EnhancedFanOut": "true",
    "AlarmEmail": "somebody@example.com",
    "KmsKeyArn": KEY,
    "AccessLogBucket": "access-log",
    "Tracing": "Active",
    "MaxConcurrency": "10",
    "HttpApi": "jwt",
    "JwtIssuer": "https://issuer.example",
    "JwtAudience": "shops,partners",
    "OrderIdsBySender": "prefix",
    "CorsOrigins": "https://shop.example,https://b2b.example",
}

_NOTHING = object()


def expanded(given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The template with these values for its parameters; of its resources, those that are made."""
    found: dict[str, Any] = json.loads(_expanded(tuple((given or {}).items())))
    return found


@cache
def _expanded(given: tuple[tuple[str, str], ...]) -> str:
    body = json.loads(json.dumps(TEMPLATE_BODY))
    for resource in body["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    defaults = {name: str(about["Default"]) for name, about in body["Parameters"].items()}
    values = defaults | dict(given)
    assert set(values) == set(defaults), "a parameter that the template does not have"
    plain = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION)).translate(body, values)
    resolver = _Resolver(values, plain["Conditions"])
    plain["Resources"] = {
        name: {part: value for part, value in resolver.resolve(resource).items() if part != "Condition"}
        for name, resource in plain["Resources"].items()
        if resolver.holds(resource.get("Condition"))
    }
    # Nobody asks for them any more, and some name what is not made.
    return json.dumps({part: plain[part] for part in ("AWSTemplateFormatVersion", "Resources")})


def resources(kind: str, given: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """The properties of the resources of a kind, by their logical ids."""
    found = expanded(given)["Resources"].items()
    return {name: one["Properties"] for name, one in found if one["Type"] == kind}


class _Resolver:
    def __init__(self, values: Mapping[str, str], conditions: Mapping[str, Any]) -> None:
        pseudo = {"Region": REGION, "AccountId": ACCOUNT, "Partition": "aws", "StackName": "orderstream"}
        self._values = {**values} | {f"AWS::{name}": value for name, value in pseudo.items()}
        self._conditions = conditions

    def holds(self, condition: Any) -> bool:
        """Whether a condition, by its name or written out, holds. None always does."""
        if condition is None:
            return True
        if isinstance(condition, str):
            return self.holds(self._conditions[condition])
        ((operator, operands),) = condition.items()
        match operator:
            case "Condition":
                return self.holds(operands)
            case "Fn::Not":
                return not self.holds(operands[0])
            case "Fn::And":
                return all(self.holds(operand) for operand in operands)
            case "Fn::Or":
                return any(self.holds(operand) for operand in operands)
        left, right = operands
        return str(self.resolve(left)) == str(self.resolve(right))

    def resolve(self, value: Any) -> Any:
        """A value without `If` and without references to parameters; other references stay."""
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not _NOTHING]
        if not isinstance(value, dict):
            return value
        match value:
            case {"Fn::If": [condition, yes, no]}:
                return self.resolve(yes if self.holds(condition) else no)
            case {"Ref": "AWS::NoValue"}:
                return _NOTHING
            case {"Ref": str(name)}:
                return self._values.get(name, value)
            case {"Fn::Split": [separator, {"Ref": str(name)}]} if name in self._values:
                return self._values[name].split(separator)
            case {"Fn::Join": [glue, list(parts)]} if all(
                isinstance(one, str) for one in map(self.resolve, parts)
            ):
                return glue.join(map(self.resolve, parts))
            case {"Fn::Sub": str(text)}:
                for name, known in self._values.items():
                    text = text.replace(f"${{{name}}}", known)
                return {"Fn::Sub": text} if "${" in text else text
        resolved = {name: self.resolve(one) for name, one in value.items()}
        return {name: one for name, one in resolved.items() if one is not _NOTHING}
