"""A table has the capacity, class and index that its parameters say, and lists are the same either way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.deploy.table_inventory import table_inventory
from orderstream.pipeline.attributes import attribute_value
from orderstream.storage.orders import Item, by_customer, list_orders, page_of_orders
from tests.integration import deployed

pytestmark = pytest.mark.system

PROVISIONED = {
    "TableBilling": "provisioned",
    "TableWriteMinimum": "20",
    "TableReadMinimum": "3",
    "EventWriteMinimum": "2",
    "TableClass": "infrequent-access",
}


def described(deployment: Deployment, table: str = "") -> Any:
    return deployment.cloud.dynamodb.describe_table(TableName=table or deployment.table)["Table"]


def capacity(of: Any) -> tuple[int, int]:
    return of["ProvisionedThroughput"]["WriteCapacityUnits"], of["ProvisionedThroughput"]["ReadCapacityUnits"]


def test_tables_are_provisioned_with_their_floors_and_go_back_to_on_demand(cloud: AwsClients) -> None:
    deployment = deployed.deploy(cloud)
    assert described(deployment)["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    deployment = deployed.deploy(cloud, **PROVISIONED)
    orders, events = described(deployment), described(deployment, deployment.events_table)
    for table in (orders, events):
        assert table["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
        assert table["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
        drift = cloud.cloudformation.detect_stack_resource_drift(
            StackName="orderstream", LogicalResourceId=table["TableName"]
        )
        assert drift["StackResourceDrift"]["StackResourceDriftStatus"] == "IN_SYNC"
    assert (capacity(orders), capacity(events)) == ((20, 3), (2, 3))
    indexes = {one["IndexName"]: capacity(one) for one in orders["GlobalSecondaryIndexes"]}
    assert indexes == {"ByCustomer": (20, 3), "ByPending": (1, 1)}
    left = table_inventory(cloud, deployment.table)
    assert left and (left.write_units, left.read_units) == (41, 7)
    # 42.4 units of $0.00065 for 730 hours.
    assert left.monthly_cost == Decimal("20.1188")
    assert scaled(cloud) == {
        f"table/{name}|dynamodb:{kind}:{dimension}CapacityUnits|dynamodb"
        for name, kind in (
            ("Orders", "table"),
            ("Orders/index/ByCustomer", "index"),
            ("Orders/index/ByPending", "index"),
            ("OrderEvents", "table"),
        )
        for dimension in ("Write", "Read")
    }
    deployment = deployed.deploy(cloud)
    assert described(deployment)["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert described(deployment)["TableClassSummary"]["TableClass"] == "STANDARD"
    left = table_inventory(cloud, deployment.table)
    assert left and left.monthly_cost == left.write_units == 0
    assert not scaled(cloud)


def scaled(cloud: AwsClients) -> set[str]:
    """The physical ids of the scalable targets."""
    pages = cloud.cloudformation.get_paginator("list_stack_resources").paginate(StackName="orderstream")
    return {
        one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] == "AWS::ApplicationAutoScaling::ScalableTarget"
        and one["ResourceStatus"] != "DELETE_COMPLETE"
    }


def listed(deployment: Deployment, limit: int = 500) -> list[Item]:
    return list(list_orders(deployment, by_customer(deployment, "c-1"), limit=limit))


def test_an_index_of_keys_lists_the_same_orders_in_the_same_order(cloud: AwsClients) -> None:
    deployment = deployed.deploy(cloud)
    for number in range(130):
        item: Item = {
            "OrderID": f"A-{number * 7919 % 1000:03}",
            "CustomerID": "c-1",
            # Several at a time.
            "OrderDate": f"2026-11-22T10:00:{number // 3:02}.000000Z",
            "OrderAmount": number,
            "Currency": "EUR",
            "Status": "placed",
            "EventID": f"shardId-000000000000:{number}",
        }
        row = {name: attribute_value(value) for name, value in item.items()}
        cloud.dynamodb.put_item(TableName=deployment.table, Item=row)
    whole = listed(deployment)
    assert len(whole) == 130 and whole[0]["OrderAmount"] == 129
    first = page_of_orders(deployment, by_customer(deployment, "c-1"), limit=50)
    deployed.deploy(cloud, CustomerIndex="false", IndexProjection="keys")
    deployment = deployed.deploy(cloud, IndexProjection="keys")
    (index,) = [
        one for one in described(deployment)["GlobalSecondaryIndexes"] if "Customer" in one["IndexName"]
    ]
    assert index["Projection"]["ProjectionType"] == "KEYS_ONLY"
    assert listed(deployment) == whole
    assert listed(deployment, 9) == whole[:9]
    again = page_of_orders(deployment, by_customer(deployment, "c-1"), limit=50)
    assert again == first
    second = page_of_orders(deployment, by_customer(deployment, "c-1"), limit=100, begin=again.next)
    assert second.orders == whole[50:]
