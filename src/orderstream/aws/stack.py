"""A stack, found by its name: its state in CloudFormation and the resources in its outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients, translate_errors
from orderstream.errors import CloudError

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


@dataclass(frozen=True)
class Stack:
    """The names of a stack's resources; `customer_index` is None if the table has none.

    `ids_by_sender` is how its HTTP API separates order ids by sender: the parameter OrderIdsBySender.
    `discarded_bucket` holds the batches that Lambda discarded. `alias` is the function alias that receives
    orders. Both are "" for a stack last deployed before it had one.
    """

    name: str
    stream: str
    table: str
    customer_index: str | None
    bucket: str
    function: str
    mapping_id: str
    ids_by_sender: str = "none"
    discarded_bucket: str = ""
    alias: str = ""

    @property
    def live_function(self) -> str:
        """The qualified name that invokes the version of the function that receives orders."""
        return f"{self.function}:{self.alias}" if self.alias else self.function


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


def find_stack(cloud: AwsClients, name: str) -> Stack:
    """The stack called `name`. Raises CloudError if there is none, or it is not an Orderstream stack."""
    found = describe_stack(cloud, name)
    if found is None:
        raise CloudError(
            f"there is no stack {name} here",
            hint='for the local cloud: orders up, then eval "$(orders env)"; '
            "for AWS: orders deploy, or name another with --stack",
        )
    return stack_resources(name, found)


def stack_resources(name: str, found: StackDescription) -> Stack:
    """The resources of the stack called `name`. Raises CloudError if it is not an Orderstream stack."""
    outputs = found.outputs
    try:
        return Stack(
            name=name,
            stream=outputs["StreamName"],
            table=outputs["TableName"],
            customer_index=outputs["CustomerIndex"] if outputs["CustomerIndex"] != "none" else None,
            bucket=outputs["ArchiveBucket"],
            function=outputs["FunctionName"],
            mapping_id=outputs["EventSourceMapping"],
            ids_by_sender=found.parameters.get("OrderIdsBySender", "none"),
            discarded_bucket=outputs.get("DiscardedBucket", ""),
            alias=outputs.get("FunctionAlias", ""),
        )
    except KeyError as missing:
        raise CloudError(
            f"stack {name} ({found.status}) has no output {missing}",
            hint="is it a stack of Orderstream, and is its deployment complete?",
        ) from None
