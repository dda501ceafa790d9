"""Finds what a deleted stack retained: tables and buckets tagged with its name, and its functions' logs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients, region_of
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.deploy import parameters
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.intrinsics import Resolver
from orderstream.sdk.errors import error_code, translate_errors

# template.yaml tags tables and buckets with it; the value is the stack's name.
TAG = "orderstream:stack"
TABLE, BUCKET, LOG_GROUP = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup"
# The property that names each type.
NAMING = {TABLE: "TableName", BUCKET: "BucketName", LOG_GROUP: "LogGroupName"}
# Bucket names are global: the second code is returned for another account's bucket.
_OURS, _FOREIGN = "200", "403"
_GONE = {"404", "NoSuchBucket", "NotFound", "ResourceNotFoundException"}


class Named(NamedTuple):
    """A table, bucket or log group of the template, and its name there."""

    logical_id: str
    type: str
    name: str


@dataclass(frozen=True)
class RetainedResources:
    """Tables, buckets and log groups by name. The log groups are those of the stack's functions.

    `others` are tables and buckets with a name from the template whose tag names another stack or is missing.
    `taken` are buckets with such a name that another account owns.
    """

    tables: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()

    @property
    def own(self) -> frozenset[str]:
        """What a stack of this name retained."""
        return frozenset((*self.tables, *self.buckets, *self.logs))

    @property
    def names(self) -> frozenset[str]:
        """Everything that a stack could adopt."""
        return self.own.union(self.others)


def is_discarded(stack: str, bucket: str) -> bool:
    """Whether a bucket of the stack is that of discarded batches, whose name is not a parameter."""
    own = "order-data" if stack == DEFAULT_STACK else re.escape(stack)
    return re.fullmatch(rf"{own}-discarded-[0-9]{{12}}-[a-z0-9-]+", bucket) is not None


def names_of(cloud: AwsClients, stack: str, values: Mapping[str, str]) -> tuple[Named, ...]:
    """The tables, buckets and log groups of a stack, with their names from template.yaml.

    `values` are of its parameters; the others have their defaults. Names that contain the account id are
    omitted if the account is unknown.
    """
    pseudo = {"AWS::StackName": stack, "AWS::Region": region_of(cloud)}
    if cloud.account:
        pseudo["AWS::AccountId"] = cloud.account
    known = parameters.defaults(parameters.declared(TEMPLATE))
    return names_in(parameters.document(TEMPLATE), {**known, **values, **pseudo})


def names_in(template: Mapping[str, Any], values: Mapping[str, str]) -> tuple[Named, ...]:
    """The tables, buckets and log groups of a template whose names follow from `values`.

    `values` must cover all parameters and pseudo parameters.
    """
    resolver = Resolver(values, template.get("Conditions", {}))
    found = [
        (logical_id, one["Type"], resolver.text(one["Properties"].get(NAMING[one["Type"]], {"Ref": ""})))
        for logical_id, one in template["Resources"].items()
        # What goes with its stack is not taken over by the next one.
        if one["Type"] in NAMING
        and (one["Type"] == LOG_GROUP or "DeletionPolicy" in one)
        and resolver.holds(one.get("Condition"))
    ]
    return tuple(Named(logical_id, kind, name) for logical_id, kind, name in found if name)


def goes_with_the_stack(logical_id: str) -> bool:
    """Whether CloudFormation deletes a table or bucket of the template with its stack."""
    return "DeletionPolicy" not in parameters.document(TEMPLATE)["Resources"].get(
        logical_id, {"DeletionPolicy": "Retain"}
    )


def find_retained(cloud: AwsClients, stack: str, named: Collection[Named] = ()) -> RetainedResources:
    """Find resources that are marked as the stack's, whether or not the stack exists.

    The tag index is eventually consistent, so it is only used for names. Whether a resource exists and, for
    the names in `named`, who owns it, is read from the service itself. When a function logs after its log
    group was deleted with the stack, Lambda recreates the log group, without a tag.
    """
    arns = tagged(cloud, stack)
    tables = {arn.rpartition(":table/")[2] for arn in arns if ":table/" in arn}
    buckets = {arn.rpartition(":")[2] for arn in arns if arn.split(":")[2] == "s3"}
    left = {
        TABLE: {name for name in tables if _table_arn(cloud, name)},
        BUCKET: {name for name in buckets if _bucket_answer(cloud, name) == _OURS},
    }
    left[LOG_GROUP] = {
        one.name for one in named if one.type == LOG_GROUP and _log_group_is_there(cloud, one.name)
    }
    others, taken = [], []
    for one in named:
        if one.type == LOG_GROUP or one.name in left[one.type]:
            continue
        if one.type == BUCKET and _bucket_answer(cloud, one.name) == _FOREIGN:
            taken.append(one.name)
            continue
        owner = _owner_of_table(cloud, one.name) if one.type == TABLE else _owner_of_bucket(cloud, one.name)
        if owner == stack:
            left[one.type].add(one.name)
        elif owner is not None:
            others.append(one.name)
    tables_left, buckets_left, logs = (tuple(sorted(left[kind])) for kind in (TABLE, BUCKET, LOG_GROUP))
    return RetainedResources(tables_left, buckets_left, logs, tuple(others), tuple(taken))


def tagged(cloud: AwsClients, stack: str) -> list[str]:
    """The ARNs of tables and buckets tagged with the stack's name, according to the tag index."""
    with translate_errors(f"cannot look for what has the tag {TAG}={stack}"):
        pages = cloud.tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": TAG, "Values": [stack]}],
            ResourceTypeFilters=["dynamodb:table", "s3"],
        )
        return [one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"]]


def _owner_of_table(cloud: AwsClients, name: str) -> str | None:
    """The stack named in a table's tag, "" without a tag; None if the table does not exist."""
    arn = _table_arn(cloud, name)
    if not arn:
        return None
    with translate_errors(f"cannot read the tags of table {name}"):
        pages = cloud.dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        return _owner(tag for page in pages for tag in page["Tags"])


def _table_arn(cloud: AwsClients, name: str) -> str:
    """The ARN of a table, "" if it does not exist. Waits for one that is being deleted."""
    with translate_errors(f"cannot look for table {name}"):
        try:
            table = cloud.dynamodb.describe_table(TableName=name)["Table"]
        except ClientError as error:
            if error_code(error) not in _GONE:
                raise
            return ""
        if table["TableStatus"] == "DELETING":
            cloud.dynamodb.get_waiter("table_not_exists").wait(TableName=name)
            return ""
        return table["TableArn"]


def _owner_of_bucket(cloud: AwsClients, name: str) -> str | None:
    """The stack named in a bucket's tag, "" without a tag; None if the bucket does not exist."""
    with translate_errors(f"cannot read the tags of s3://{name}"):
        try:
            return _owner(cloud.s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except ClientError as error:
            code = error_code(error)
            if code not in _GONE | {"NoSuchTagSet"}:
                raise
            return "" if code == "NoSuchTagSet" else None


def _bucket_answer(cloud: AwsClients, name: str) -> str:
    """S3's status code for a bucket."""
    with translate_errors(f"cannot look for bucket {name}"):
        try:
            cloud.s3.head_bucket(Bucket=name)
        except ClientError as error:
            code = error_code(error)
            if code not in _GONE | {_FOREIGN}:
                raise
            return code
    return _OURS


def _log_group_is_there(cloud: AwsClients, name: str) -> bool:
    with translate_errors(f"cannot look for log group {name}"):
        groups = cloud.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return any(group["logGroupName"] == name for group in groups)


def _owner(tags: Iterable[Mapping[str, Any]]) -> str:
    return next((str(tag["Value"]) for tag in tags if tag["Key"] == TAG), "")
