"""A stack as CloudFormation describes it: its status, parameters and outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.sdk.errors import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

DEFAULT_STACK = "orderstream"


def stream_of(event_source_arn: str) -> str:
    """The ARN of the stream that a mapping reads, directly or through a registered consumer."""
    return event_source_arn.partition("/consumer/")[0]


def consumer_of(event_source_arn: str) -> str:
    """The name of the registered consumer through which a mapping reads its stream, "" if there is none."""
    # …:stream/NAME/consumer/CONSUMER:SECONDS
    return event_source_arn.partition("/consumer/")[2].partition(":")[0]


def table_of(event_source_arn: str) -> str:
    """The name of the table whose DynamoDB stream a mapping reads, "" if it reads a Kinesis stream."""
    # …:table/NAME/stream/LABEL
    return event_source_arn.partition(":table/")[2].partition("/")[0]


# The status of a stack whose change set was created but never executed.
IN_REVIEW = "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class StackDescription:
    """A stack as CloudFormation describes it."""

    id: str
    status: str
    parameters: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def partition(self) -> str:
        """The AWS partition it is in: aws, aws-cn or aws-us-gov."""
        return self.id.split(":")[1]

    @property
    def is_new(self) -> bool:
        """Whether none of its resources exist yet."""
        return self.status == IN_REVIEW

    @property
    def is_ours(self) -> bool:
        """Whether it is an Orderstream stack whose deployment completed at least once."""
        return {"StreamName", "TableName", "EventSourceMapping"} <= self.outputs.keys()


def describe_stack(cloud: AwsClients, stack: str) -> StackDescription | None:
    """The stack with this name or id; None if there is none."""
    with translate_errors(f"cannot look for stack {stack}"):
        try:
            (found,) = cloud.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
    if found["StackStatus"] == "DELETE_COMPLETE" and not stack.startswith("arn:"):
        return None
    return _standing(found)


def describe_stacks(cloud: AwsClients) -> dict[str, StackDescription]:
    """All stacks of the account and region that are not deleted, by name."""
    with translate_errors("cannot list the stacks"):
        pages = cloud.cloudformation.get_paginator("describe_stacks").paginate()
        return {found["StackName"]: _standing(found) for page in pages for found in page["Stacks"]}


def _standing(found: StackTypeDef) -> StackDescription:
    return StackDescription(
        found["StackId"],
        found["StackStatus"],
        {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", [])},
        {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])},
    )
