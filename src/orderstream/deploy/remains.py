"""What a stack leaves when it goes: the table and the buckets with its name in a tag."""

from __future__ import annotations

import re
from dataclasses import dataclass

from botocore.exceptions import ClientError

from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.stack import DEFAULT_STACK

# template.yaml puts it on the table and the buckets; its value is the stack's name.
TAG = "orderstream:stack"
_GONE = {"404", "NoSuchBucket", "NotFound", "ResourceNotFoundException"}


@dataclass(frozen=True)
class Remains:
    """Tables and buckets by name."""

    tables: tuple[str, ...]
    buckets: tuple[str, ...]


def is_discarded(stack: str, bucket: str) -> bool:
    """Whether a bucket of the stack is that of discarded batches, whose name no parameter gives."""
    own = "order-data" if stack == DEFAULT_STACK else re.escape(stack)
    return re.fullmatch(rf"{own}-discarded-[0-9]{{12}}-[a-z0-9-]+", bucket) is not None


def remains(cloud: Cloud, stack: str) -> Remains:
    """The tables and buckets that say they are of the stack, whether that is there or not."""
    arns = tagged(cloud, stack)
    tables = [arn.rpartition(":table/")[2] for arn in arns if ":table/" in arn]
    buckets = [arn.rpartition(":")[2] for arn in arns if arn.split(":")[2] == "s3"]
    # The index of tags takes a while to hear of what has gone.
    return Remains(
        tuple(sorted(name for name in tables if table_is_there(cloud, name))),
        tuple(sorted(name for name in buckets if bucket_is_there(cloud, name))),
    )


def tagged(cloud: Cloud, stack: str) -> list[str]:
    """The ARNs of tables and buckets that have the stack's name in their tag."""
    with cloud_errors(f"cannot look for what has the tag {TAG}={stack}"):
        pages = cloud.tagging.get_paginator("get_resources").paginate(
            TagFilters=[{"Key": TAG, "Values": [stack]}],
            ResourceTypeFilters=["dynamodb:table", "s3"],
        )
        return [one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"]]


def table_is_there(cloud: Cloud, name: str) -> bool:
    """Whether there is such a table."""
    with cloud_errors(f"cannot look for table {name}"):
        try:
            cloud.dynamodb.describe_table(TableName=name)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            return False
    return True


def bucket_is_there(cloud: Cloud, name: str) -> bool:
    """Whether there is such a bucket of ours."""
    with cloud_errors(f"cannot look for bucket {name}"):
        try:
            cloud.s3.head_bucket(Bucket=name)
        except ClientError as error:
            # Names are global: 403 is the answer for somebody else's.
            if error.response["Error"]["Code"] not in _GONE | {"403"}:
                raise
            return False
    return True
