"""What a stack leaves when it goes: tables and buckets with its name in a tag, and logs of its functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients, region_of, translate_errors
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.deploy import parameters
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.intrinsics import Resolver

# template.yaml puts it on tables and buckets; its value is the stack's name.
TAG = "orderstream:stack"
TABLE, BUCKET, LOG_GROUP = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup"
# The property that names one.
NAMING = {TABLE: "TableName", BUCKET: "BucketName", LOG_GROUP: "LogGroupName"}
# Names of buckets are global: the second is the answer for somebody else's.
_OURS, _FOREIGN = "200", "403"
_GONE = {"404", "NoSuchBucket", "NotFound", "ResourceNotFoundException"}


class Named(NamedTuple):
    """A table, bucket or log group of the template, and the name that it gives to it."""

    logical_id: str
    type: str
    name: str


@dataclass(frozen=True)
class RetainedResources:
    """Tables, buckets and log groups by name. The log groups are those of the functions of the stack.

    `others` are tables and buckets with a name that the template gives, which no stack of this name left:
    their tag names another stack, or they have none. `taken` are buckets with such a name that are somebody
    else's.
    """

    tables: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()

    @property
    def own(self) -> frozenset[str]:
        """What a stack of this name left."""
        return frozenset((*self.tables, *self.buckets, *self.logs))

    @property
    def names(self) -> frozenset[str]:
        """All that a stack could take over."""
        return self.own.union(self.others)


def is_discarded(stack: str, bucket: str) -> bool:
    """Whether a bucket of the stack is that of discarded batches, whose name no parameter gives."""
    own = "order-data" if stack == DEFAULT_STACK else re.escape(stack)
    return re.fullmatch(rf"{own}-discarded-[0-9]{{12}}-[a-z0-9-]+", bucket) is not None


def names_of(cloud: AwsClients, stack: str, values: Mapping[str, str]) -> tuple[Named, ...]:
    """The tables, buckets and log groups of a stack, with the names that template.yaml gives them.

    `values` are of its parameters; the others have their defaults. A name with the account's id in it is left
    out where nothing tells the account.
    """
    pseudo = {"AWS::StackName": stack, "AWS::Region": region_of(cloud)}
    if cloud.account:
        pseudo["AWS::AccountId"] = cloud.account
    known = parameters.defaults(parameters.declared(TEMPLATE))
    return names_in(parameters.document(TEMPLATE), {**known, **values, **pseudo})


def names_in(template: Mapping[str, Any], values: Mapping[str, str]) -> tuple[Named, ...]:
    """The tables, buckets and log groups of a template whose names follow from `values`.

    Those are of all parameters and of pseudo parameters.
    """
    resolver = Resolver(values, template.get("Conditions", {}))
    found = [
        (logical_id, one["Type"], resolver.text(one["Properties"].get(NAMING[one["Type"]], {"Ref": ""})))
        for logical_id, one in template["Resources"].items()
        if one["Type"] in NAMING and resolver.holds(one.get("Condition"))
    ]
    return tuple(Named(logical_id, kind, name) for logical_id, kind, name in found if name)


def find_retained(cloud: AwsClients, stack: str, named: Collection[Named] = ()) -> RetainedResources:
    """What says that it is of the stack, whether that is there or not.

    The index of tags hears of what comes and what goes with a delay. So it is asked for names only: whether
    something is there, and under the names in `named` also whose it is, is asked of the service itself. When
    a function logs after its log group went with the stack, Lambda makes the log group anew, without a tag.
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
    """The ARNs of tables and buckets that have the stack's name in their tag, by the index of tags."""
    with translate_errors(f"cannot look for what has the tag {TAG}={stack}"):
        pages = cloud.tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": TAG, "Values": [stack]}],
            ResourceTypeFilters=["dynamodb:table", "s3"],
        )
        return [one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"]]


def _owner_of_table(cloud: AwsClients, name: str) -> str | None:
    """The stack that the tag of a table names, "" if it has none; None where there is no such table."""
    arn = _table_arn(cloud, name)
    if not arn:
        return None
    with translate_errors(f"cannot read the tags of table {name}"):
        pages = cloud.dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        return _owner(tag for page in pages for tag in page["Tags"])


def _table_arn(cloud: AwsClients, name: str) -> str:
    """The ARN of a table, "" where there is none. One that is being deleted is waited for."""
    with translate_errors(f"cannot look for table {name}"):
        try:
            table = cloud.dynamodb.describe_table(TableName=name)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return ""
        if table["TableStatus"] == "DELETING":
            cloud.dynamodb.get_waiter("table_not_exists").wait(TableName=name)
            return ""
        return table["TableArn"]


def _owner_of_bucket(cloud: AwsClients, name: str) -> str | None:
    """The stack that the tag of a bucket names, "" if it has none; None where there is no such bucket."""
    with translate_errors(f"cannot read the tags of s3://{name}"):
        try:
            return _owner(cloud.s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in _GONE | {"NoSuchTagSet"}:
                raise
            return "" if code == "NoSuchTagSet" else None


def _bucket_answer(cloud: AwsClients, name: str) -> str:
    """What S3 answers for a bucket."""
    with translate_errors(f"cannot look for bucket {name}"):
        try:
            cloud.s3.head_bucket(Bucket=name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
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
