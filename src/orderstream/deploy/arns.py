"""Calculates the ARNs of a stack's resources before it exists."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session

from orderstream.deploy.intrinsics import Resolver
from orderstream.errors import InputError
from orderstream.webhooks.signing_secrets import secret_prefix

# The stack in which SAM CLI keeps its bucket for code.
SAM_STACK = "aws-sam-cli-managed-default"

# Types whose resources are named by a property: service, prefix of the name in an ARN, the property, and the
# suffix of the ARNs of subresources.
_NAMED = {
    "AWS::Kinesis::Stream": ("kinesis", "stream/", "Name", "/*"),
    "AWS::DynamoDB::Table": ("dynamodb", "table/", "TableName", "/*"),
    "AWS::Lambda::Function": ("lambda", "function:", "FunctionName", ":*"),
    "AWS::Logs::LogGroup": ("logs", "log-group:", "LogGroupName", ":*"),
    "AWS::Pipes::Pipe": ("pipes", "pipe/", "Name", ""),
}


@dataclass(frozen=True)
class Where:
    """A stack's name and location: account id and region, or placeholders for them."""

    stack: str
    account: str = "ACCOUNT"
    region: str = "REGION"
    partition: str = "aws"

    def arn(self, service: str, rest: str) -> str:
        """The ARN of a resource of the account in the region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{rest}"


def owned_by(
    where: Where, found: Iterable[tuple[str, Mapping[str, Any]]], resolver: Resolver
) -> dict[str, set[str]]:
    """The ARNs of the stack's resources, by service.

    `found` are types and properties of its resources. Names that AWS generates contain the stack's name or an
    id.
    """
    owned: dict[str, set[str]] = defaultdict(set)

    def own(service: str, *names: str) -> None:
        owned[service].update(names)

    found = list(found)
    scales = any(kind == "AWS::ApplicationAutoScaling::ScalableTarget" for kind, _ in found)
    for kind, properties in found:
        if kind == "AWS::S3::Bucket":
            bucket = f"arn:{where.partition}:s3:::{resolver.text(properties['BucketName']) or ''}"
            own("s3", bucket, f"{bucket}/*")
        elif kind == "AWS::Glue::Database":
            database = resolver.text(properties["DatabaseInput"]["Name"])
            own("glue", where.arn("glue", "catalog"), where.arn("glue", f"database/{database}"))
            own(
                "glue",
                where.arn("glue", f"table/{database}/*"),
                where.arn("glue", f"userDefinedFunction/{database}/*"),
            )
        elif kind in _NAMED:
            service, prefix, naming, within = _NAMED[kind]
            arn = where.arn(service, f"{prefix}{resolver.text(properties[naming]) or ''}")
            own(service, arn, f"{arn}{within}")
            if scales and properties.get("BillingMode", "PAY_PER_REQUEST") != "PAY_PER_REQUEST":
                # The alarms by which the table and its indexes scale.
                name = arn.rpartition("/")[2]
                own("cloudwatch", where.arn("cloudwatch", f"alarm:TargetTracking-table/{name}*"))
        if kind == "AWS::Pipes::Pipe":
            # Without a name of a bus, its role can get any.
            bus = resolver.text(properties["Target"]) or ""
            own("events", f"{bus}*" if bus.endswith("/") else bus)
    own("lambda", where.arn("lambda", "event-source-mapping:*"))
    # Their names are ids.
    own("application-autoscaling", where.arn("application-autoscaling", "scalable-target/*"))
    own("secretsmanager", where.arn("secretsmanager", f"secret:{secret_prefix(where.stack)}*"))
    own("events", where.arn("events", f"rule/{where.stack}-*"))
    own("sns", where.arn("sns", f"{where.stack}-*"))
    own("sqs", where.arn("sqs", f"{where.stack}-*"))
    own("cloudwatch", where.arn("cloudwatch", f"alarm:{where.stack}-*"))
    own("cloudwatch", f"arn:{where.partition}:cloudwatch::{where.account}:dashboard/{where.stack}")
    api = f"arn:{where.partition}:apigateway:{where.region}::"
    own("apigateway", f"{api}/apis", f"{api}/apis/*", f"{api}/tags/*")
    own("s3", *(f"arn:{where.partition}:s3:::{SAM_STACK}-*{end}" for end in ("", "/*")))
    stacks = (where.stack, SAM_STACK)
    own("cloudformation", *(where.arn("cloudformation", f"stack/{stack}/*") for stack in stacks))
    own(
        "cloudformation",
        f"arn:{where.partition}:cloudformation:{where.region}:aws:transform/Serverless-2016-10-31",
    )
    return owned


def where_of(stack: str, account: str, region: str | None) -> Where:
    """The location of a stack, from the options. Raises InputError for an invalid account id or region."""
    if not re.fullmatch(r"ACCOUNT|[0-9]{12}", account):
        raise InputError(f"{account!r} is not a valid account id", hint="an account id has 12 digits")
    if region is None:
        return Where(stack, account)
    partition = botocore.session.Session().get_partition_for_region(region) if _is_known(region) else ""
    if not partition:
        raise InputError(f"the SDK knows no region {region}", hint="for example: --region eu-west-1")
    return Where(stack, account, region, partition)


def _is_known(region: str) -> bool:
    return re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", region) is not None
