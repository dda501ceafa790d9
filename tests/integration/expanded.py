"""template.yaml as CloudFormation makes it of given parameters: SAM expanded, conditions resolved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from orderstream.deploy.intrinsics import Resolver
from tests.integration.deployed import TEMPLATE_BODY

REGION, ACCOUNT = "eu-west-1", "111122223333"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
# Everything that a deployment can have.
EVERYTHING = {
    "ArchiveMaintenance": "compact",
    "ChangeFeed": "true",
    "ChangeEventBus": "default",
    "Totals": "true",
    "Webhooks": "true",
    "CanaryMinutes": "5",
    "TableBilling": "provisioned",
    "TableClass": "infrequent-access",
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
    pseudo = {"Region": REGION, "AccountId": ACCOUNT, "Partition": "aws", "StackName": "orderstream"}
    known = Resolver(values | {f"AWS::{name}": value for name, value in pseudo.items()}, plain["Conditions"])
    plain["Resources"] = {
        name: {part: value for part, value in _resolved(resource, known).items() if part != "Condition"}
        for name, resource in plain["Resources"].items()
        if known.holds(resource.get("Condition"))
    }
    # Nobody asks for them any more, and some name what is not made.
    return json.dumps({part: plain[part] for part in ("AWSTemplateFormatVersion", "Resources")})


def resources(kind: str, given: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    """The properties of the resources of a kind, by their logical ids."""
    found = expanded(given)["Resources"].items()
    return {name: one["Properties"] for name, one in found if one["Type"] == kind}


def _resolved(value: Any, known: Resolver) -> Any:
    """A value without `If` and without references to parameters; other references stay."""
    if isinstance(value, list):
        return [one for one in (_resolved(one, known) for one in value) if one is not _NOTHING]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Fn::If": [condition, yes, no]}:
            return _resolved(yes if known.holds(condition) else no, known)
        case {"Ref": "AWS::NoValue"}:
            return _NOTHING
        case {"Fn::Split": [separator, {"Ref": str(name)}]} if name in known.values:
            return known.values[name].split(separator)
        case {"Ref": _} | {"Fn::Join": _} if (text := known.text(value)) is not None:
            return text
        case {"Fn::Sub": str(text)}:
            for name, found in known.values.items():
                text = text.replace(f"${{{name}}}", found)
            return {"Fn::Sub": text} if "${" in text else text
    resolved = {name: _resolved(one, known) for name, one in value.items()}
    return {name: one for name, one in resolved.items() if one is not _NOTHING}
