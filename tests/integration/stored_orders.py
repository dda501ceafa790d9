"""The stack that the command line speaks to, and the orders that its table has."""

from __future__ import annotations

from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.domain.fold import is_placeholder
from orderstream.pipeline.attributes import plain_value
from tests.integration.conftest import Orders


def deployment_of(orders: Orders) -> Deployment:
    """The stack, with the credentials of the command line."""
    given = orders.environment
    cloud = AwsClients(
        given["AWS_ENDPOINT_URL"],
        region=given["AWS_DEFAULT_REGION"],
        access_key=given["AWS_ACCESS_KEY_ID"],
        secret_key=given["AWS_SECRET_ACCESS_KEY"],
        session_token=given["AWS_SESSION_TOKEN"],
    )
    return find_deployment(cloud, DEFAULT_STACK)


def stored(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """The items of orders that have arrived, by OrderID."""
    pages = deployment.cloud.dynamodb.get_paginator("scan").paginate(
        TableName=deployment.table, ConsistentRead=True
    )
    items = [plain_value({"M": item}) for page in pages for item in page["Items"]]
    return {item["OrderID"]: item for item in items if not is_placeholder(item)}
