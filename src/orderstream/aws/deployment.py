"""A deployment: the clients of one account and region, and the names of a stack's resources in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import StackDescription, describe_stack
from orderstream.errors import CloudError

# The outputs of template.yaml without which no command works.
_REQUIRED = (
    "StreamName",
    "TableName",
    "CustomerIndex",
    "ArchiveBucket",
    "DiscardedBucket",
    "FunctionName",
    "FunctionAlias",
    "EventSourceMapping",
)


@dataclass(frozen=True)
class Deployment:
    """The stack called `name`. `resources` are the names of its resources by output key of template.yaml.

    A Lambda function has only the names in its environment. To ask for any other raises CloudError.
    `ids_by_sender` is how the HTTP API separates order ids by sender: the parameter OrderIdsBySender.
    `announces_personal` is the parameter ChangeFeedPersonalData.
    """

    cloud: AwsClients
    name: str
    resources: Mapping[str, str]
    ids_by_sender: str = "none"
    announces_personal: bool = False

    @property
    def stream(self) -> str:
        return self._resource("StreamName")

    @property
    def table(self) -> str:
        return self._resource("TableName")

    @property
    def customer_index(self) -> str | None:
        """The table's index by customer, None if it has none."""
        index = self._resource("CustomerIndex")
        return None if index == "none" else index

    @property
    def bucket(self) -> str:
        """The bucket of the archive."""
        return self._resource("ArchiveBucket")

    @property
    def discarded_bucket(self) -> str:
        """The bucket of the batches that Lambda discarded."""
        return self._resource("DiscardedBucket")

    @property
    def discarded(self) -> Deployment:
        """The same deployment with `discarded_bucket` as its `bucket`: to list and read what is in there."""
        return replace(self, resources={**self.resources, "ArchiveBucket": self.discarded_bucket})

    @property
    def events_table(self) -> str:
        """The table of the events of orders; "" in a stack of a version without events."""
        return self.resources.get("EventsTableName", "")

    @property
    def changes_stream(self) -> str:
        """The stream of changes of orders; "" if the change feed is off."""
        return self.resources.get("ChangesStreamName", "")

    @property
    def change_feed(self) -> Deployment:
        """The same deployment with `changes_stream` as its `stream`: to read what is announced.

        Raises CloudError if the change feed is off.
        """
        stream = self._optional("ChangesStreamName", "no change feed", "ChangeFeed")
        return replace(self, resources={**self.resources, "StreamName": stream})

    @property
    def totals_table(self) -> str:
        """The table of the totals. Raises CloudError if the stack has none."""
        return self._optional("TotalsTableName", "no totals", "Totals")

    @property
    def webhook_endpoints_table(self) -> str:
        """The table of webhooks. Raises CloudError if the stack has none."""
        return self._of_webhooks("WebhookEndpointsTableName")

    @property
    def webhook_deliveries_table(self) -> str:
        """The table of what webhooks have to get. Raises CloudError if the stack has none."""
        return self._of_webhooks("WebhookDeliveriesTableName")

    @property
    def webhook_sender(self) -> str:
        """The function that sends to webhooks. Raises CloudError if the stack has none."""
        return self._of_webhooks("WebhookSenderName")

    @property
    def function(self) -> str:
        return self._resource("FunctionName")

    @property
    def publisher(self) -> str:
        """The function that announces changes, if the change feed is on."""
        return self.function_named("PublishChanges")

    def function_named(self, name: str) -> str:
        """The function that template.yaml calls `name`, whether it is there or not."""
        return self.function.removesuffix("ProcessOrders") + name

    @property
    def alias(self) -> str:
        """The function alias that receives the records."""
        return self._resource("FunctionAlias")

    @property
    def live_function(self) -> str:
        """The qualified name that invokes the version of the function that receives the records."""
        return f"{self.function}:{self.alias}"

    @property
    def mapping_id(self) -> str:
        """The UUID of the event source mapping."""
        return self._resource("EventSourceMapping")

    def _of_webhooks(self, output: str) -> str:
        return self._optional(output, "no webhooks", "ChangeFeed", "Webhooks")

    def _optional(self, output: str, lack: str, *parameters: str) -> str:
        """The resource of an output that exists if these parameters are true."""
        if output not in self.resources:
            wanted = " ".join(f"--parameter {parameter}=true" for parameter in parameters)
            raise CloudError(f"stack {self.name} has {lack}", hint=f"deploy it: orders deploy {wanted}")
        return self.resources[output]

    def _resource(self, output: str) -> str:
        try:
            return self.resources[output]
        except KeyError:
            raise _missing(self.name, output) from None


def find_deployment(cloud: AwsClients, name: str) -> Deployment:
    """The stack called `name`. Raises CloudError if there is none, or it is not an Orderstream stack."""
    found = describe_stack(cloud, name)
    if found is None:
        raise CloudError(
            f"there is no stack {name} here",
            hint='for the local cloud: orders up, then eval "$(orders stack env)"; '
            "for AWS: orders deploy, or name another with --stack",
        )
    return bind(cloud, name, found)


def bind(cloud: AwsClients, name: str, found: StackDescription) -> Deployment:
    """The stack called `name` as described. Raises CloudError if it is not a complete Orderstream stack."""
    for output in _REQUIRED:
        if output not in found.outputs:
            raise _missing(f"{name} ({found.status})", output)
    return Deployment(
        cloud,
        name,
        found.outputs,
        found.parameters.get("OrderIdsBySender", "none"),
        found.parameters.get("ChangeFeedPersonalData") == "true",
    )


def _missing(stack: str, output: str) -> CloudError:
    return CloudError(
        f"stack {stack} has no output {output}",
        hint="is it a stack of Orderstream, and is its deployment complete?",
    )
