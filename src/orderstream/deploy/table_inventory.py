"""Takes the inventory of a table: what it holds, and what it costs to keep."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from orderstream.aws.clients import AwsClients
from orderstream.capacity.prices import GB, HOURS_A_MONTH, DynamoPrices
from orderstream.sdk.errors import translate_errors


@dataclass(frozen=True)
class TableInventory:
    """A table: items and bytes as last counted by DynamoDB, on AWS within the last six hours.

    `write_units` and `read_units` per second are provisioned for it and its indexes; 0 on demand.
    """

    name: str
    items: int
    size: int
    index_size: int
    is_protected: bool
    write_units: int = 0
    read_units: int = 0

    @property
    def monthly_cost(self) -> Decimal:
        """US dollars a month to keep it, without any requests: storage, backup, and provisioned units."""
        price = DynamoPrices()
        # A unit that is warmed costs what a provisioned one costs in an hour, and a read unit a fifth.
        units = self.write_units + Decimal(self.read_units) / 5
        return (
            Decimal(self.size + self.index_size) / GB * price.stored_gb_month
            + Decimal(self.size) / GB * price.recovery_gb_month
            + units * HOURS_A_MONTH * price.warm_write_unit
        )


def table_inventory(cloud: AwsClients, name: str) -> TableInventory | None:
    """The inventory of a table; None if it does not exist."""
    with translate_errors(f"cannot look at table {name}"):
        try:
            found = cloud.dynamodb.describe_table(TableName=name)["Table"]
        except cloud.dynamodb.exceptions.ResourceNotFoundException:
            return None
    indexes = found.get("GlobalSecondaryIndexes", [])
    is_on_demand = found.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    capacity = [] if is_on_demand else [one["ProvisionedThroughput"] for one in (found, *indexes)]
    return TableInventory(
        name,
        found.get("ItemCount", 0),
        found.get("TableSizeBytes", 0),
        sum(index.get("IndexSizeBytes", 0) for index in indexes),
        bool(found.get("DeletionProtectionEnabled")),
        sum(one["WriteCapacityUnits"] for one in capacity),
        sum(one["ReadCapacityUnits"] for one in capacity),
    )
