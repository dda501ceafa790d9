"""The sources of a migration: table, bucket and stream that were made by hand. Checks that they are fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.aws.stack import stream_of
from orderstream.errors import InputError
from orderstream.migration.conversion import KEY
from orderstream.sdk.errors import error_code, translate_errors

# A mapping in another state may still deliver.
_STOPPED = {"Disabled", "Deleting"}
_NAME_HINT = "is it the right name, region and account?"


@dataclass(frozen=True)
class LegacySources:
    """The names of the old table, bucket and stream; None for one that is not to be read.

    Raises InputError without a table and a bucket.
    """

    table: str | None = None
    bucket: str | None = None
    stream: str | None = None

    def __post_init__(self) -> None:
        if not (self.table or self.bucket):
            raise InputError(
                "which orders? there is neither a table nor a bucket to read",
                hint="give --from-table, --from-bucket or both; --from-stream only completes them",
            )


def ensure_fit(deployment: Deployment, sources: LegacySources) -> None:
    """Raise InputError unless the sources exist, are none of the stack's own, and are of the known form."""
    own = {
        sources.table: (deployment.table,),
        sources.bucket: (deployment.bucket, deployment.discarded_bucket),
        sources.stream: (deployment.stream,),
    }
    for name, names in own.items():
        if name is not None and name in names:
            raise InputError(
                f"{name} belongs to stack {deployment.name} itself",
                hint="name another stack with --stack; to rebuild a table: orders archive replay",
            )
    if sources.table:
        _ensure_table(deployment.cloud, sources.table)
    if sources.bucket:
        _ensure_bucket(deployment.cloud, sources.bucket)
    if sources.stream:
        stream_arn(deployment.cloud, sources.stream)


def legacy_deployment(deployment: Deployment, sources: LegacySources) -> Deployment:
    """The old resources in place of the stack's own: to list and read them."""
    names = {
        "TableName": sources.table,
        "ArchiveBucket": sources.bucket,
        "StreamName": sources.stream,
    }
    return replace(deployment, resources={key: name for key, name in names.items() if name is not None})


def stream_arn(cloud: AwsClients, name: str) -> str:
    """The ARN of a stream. Raises InputError if there is none."""
    with translate_errors(f"cannot look for stream {name}"):
        try:
            answer = cloud.kinesis.describe_stream_summary(StreamName=name)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise InputError(f"there is no stream {name}", hint=_NAME_HINT) from None
    return answer["StreamDescriptionSummary"]["StreamARN"]


def delivering(cloud: AwsClients, arn: str) -> list[str]:
    """The event source mappings that may still deliver records of a stream, as "UUID of FUNCTION"."""
    with translate_errors(f"cannot look for what reads {arn}"):
        # All of them: Lambda cannot be asked for those that read the stream through a registered consumer.
        pages = cloud.lambda_.get_paginator("list_event_source_mappings").paginate()
        mappings = [one for page in pages for one in page["EventSourceMappings"]]
    return [
        f"{one['UUID']} of {one['FunctionArn'].rpartition(':function:')[2]}"
        for one in mappings
        if stream_of(one.get("EventSourceArn", "")) == arn and one["State"] not in _STOPPED
    ]


def _ensure_table(cloud: AwsClients, name: str) -> None:
    with translate_errors(f"cannot look for table {name}"):
        try:
            table = cloud.dynamodb.describe_table(TableName=name)["Table"]
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise InputError(f"there is no table {name}", hint=_NAME_HINT) from None
    key = [(one["AttributeName"], one["KeyType"]) for one in table["KeySchema"]]
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    if key != [(KEY, "HASH")] or types[KEY] != "S":
        found = ", ".join(f"{attribute} ({types[attribute]})" for attribute, _ in key)
        raise InputError(
            f"the key of table {name} is {found}, not {KEY} (S)",
            hint="export the orders as JSON, and send them: orders send FILE",
        )


def _ensure_bucket(cloud: AwsClients, name: str) -> None:
    with translate_errors(f"cannot look for bucket {name}"):
        try:
            cloud.s3.list_objects_v2(Bucket=name, MaxKeys=1)
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise
            raise InputError(f"there is no bucket {name}", hint=_NAME_HINT) from None
