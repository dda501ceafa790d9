"""A stack of a version without events gets the table of events, and the index, by one update."""

from __future__ import annotations

import copy
from typing import Any

from orderstream.aws.clients import AwsClients
from tests.integration.deployed import TEMPLATE_BODY, deploy

_OF_EVENTS = ("OrderEvents", "CheckPending", "CheckPendingLog", "CheckPendingRole")
_ALARMS = ("EventsWaitingAlarm", "SequenceGapAlarm", "ForbiddenEventsAlarm", "TableThrottledAlarm")


def without_events() -> dict[str, Any]:
    """The template as it was before there were events."""
    body = copy.deepcopy(dict(TEMPLATE_BODY))
    resources = body["Resources"]
    # The dashboard is about all that there is.
    for name in (*_OF_EVENTS, *_ALARMS, "Dashboard"):
        del resources[name]
    for name in ("EventsTableName", "Dashboard"):
        del body["Outputs"][name]
    table = resources["Orders"]["Properties"]
    *table["AttributeDefinitions"], _, _ = table["AttributeDefinitions"]
    *table["GlobalSecondaryIndexes"], _ = table["GlobalSecondaryIndexes"]
    del resources["ProcessOrders"]["Properties"]["Environment"]["Variables"]["EVENTS_TABLE_NAME"]
    role = resources["ProcessOrdersRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    role["Statement"] = [one for one in role["Statement"] if one.get("Sid") != "InsertEvents"]
    return body


def indexes(cloud: AwsClients) -> set[str]:
    table = cloud.dynamodb.describe_table(TableName="Orders")["Table"]
    return {one["IndexName"] for one in table.get("GlobalSecondaryIndexes", ())}


def test_a_stack_of_a_version_without_events_is_updated_in_place(cloud: AwsClients) -> None:
    before = deploy(cloud, without_events())
    assert before.events_table == "" and indexes(cloud) == {"ByCustomer"}
    item: Any = {"OrderID": {"S": "A-1"}, "CustomerID": {"S": "c"}, "OrderDate": {"S": "2026"}}
    cloud.dynamodb.put_item(TableName=before.table, Item=item)
    after = deploy(cloud)
    assert (after.table, after.bucket) == (before.table, before.bucket)
    assert after.events_table == "OrderEvents" and indexes(cloud) == {"ByCustomer", "ByPending"}
    assert cloud.dynamodb.get_item(TableName=after.table, Key={"OrderID": item["OrderID"]})["Item"] == item
    events = cloud.dynamodb.describe_table(TableName=after.events_table)["Table"]
    assert [one["AttributeName"] for one in events["KeySchema"]] == ["OrderID", "Position"]
    function = cloud.lambda_.get_function_configuration(FunctionName=after.function)
    assert function["Environment"]["Variables"]["EVENTS_TABLE_NAME"] == "OrderEvents"
