"""A deployed stack, found by its name: the resources that its outputs name."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import ClientError

from orderstream.errors import CloudError
from orderstream.ops.cloud import Cloud, cloud_errors

DEFAULT_STACK = "orderstream"


def stream_of(event_source_arn: str) -> str:
    """The ARN of the stream that a mapping reads, be it by a registered consumer."""
    return event_source_arn.partition("/consumer/")[0]


def consumer_of(event_source_arn: str) -> str:
    """The name of the registered consumer by which a mapping reads its stream, "" if there is none."""
    # …:stream/NAME/consumer/CONSUMER:SECONDS
    return event_source_arn.partition("/consumer/")[2].partition(":")[0]


@dataclass(frozen=True)
class Stack:
    """The names of a stack's resources; `customer_index` is None where the table has none."""

    name: str
    stream: str
    table: str
    customer_index: str | None
    bucket: str
    function: str
    mapping_id: str


def find_stack(cloud: Cloud, name: str) -> Stack:
    """The stack called `name`. Raises CloudError when there is none, or it is not one of Orderstream."""
    with cloud_errors(f"cannot look for stack {name}"):
        try:
            found = cloud.cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            found = []
    if not found:
        raise CloudError(
            f"there is no stack {name} here",
            hint='for the laptop: orders up, then eval "$(orders env)"; '
            "for AWS: orders deploy, or name another with --stack",
        )
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found[0].get("Outputs", [])}
    try:
        return Stack(
            name=name,
            stream=outputs["StreamName"],
            table=outputs["TableName"],
            customer_index=outputs["CustomerIndex"] if outputs["CustomerIndex"] != "none" else None,
            bucket=outputs["ArchiveBucket"],
            function=outputs["FunctionName"],
            mapping_id=outputs["EventSourceMapping"],
        )
    except KeyError as missing:
        raise CloudError(
            f"stack {name} ({found[0]['StackStatus']}) has no output {missing}",
            hint="is it a stack of Orderstream, and is its deployment complete?",
        ) from None
