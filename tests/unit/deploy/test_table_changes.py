"""What DynamoDB cannot do in one update is refused, and what delays orders is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orderstream.aws.stack import StackDescription
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import declared, defaults
from orderstream.deploy.table_changes import capacity_warnings, ensure_updatable
from orderstream.errors import InputError

DEFAULTS = defaults(declared(TEMPLATE))


class Tables:
    """DynamoDB with the table Orders that has these indexes, each with its projection."""

    def __init__(self, **indexes: str) -> None:
        self._indexes = [
            {"IndexName": name, "Projection": {"ProjectionType": kind}} for name, kind in indexes.items()
        ]

    def describe_table(self, TableName: str) -> dict[str, Any]:  # noqa: N803
        assert TableName == "Orders"
        return {"Table": {"GlobalSecondaryIndexes": self._indexes} if self._indexes else {}}


def check(*indexes: str, projection: str = "ALL", **given: str) -> None:
    """Check a deployment over a stack whose table has these indexes."""
    outputs = {"StreamName": "OrderStream", "TableName": "Orders", "EventSourceMapping": "m"}
    found = StackDescription("arn:aws:cloudformation:::stack/s", "UPDATE_COMPLETE", {}, outputs)
    kinds = {name: "KEYS_ONLY" if name == "ByPending" else projection for name in indexes}
    cloud: Any = SimpleNamespace(dynamodb=Tables(**kinds))
    ensure_updatable(cloud, found, DEFAULTS, DEFAULTS | given)


def test_a_stack_of_a_version_without_events_gets_its_index_in_one_update() -> None:
    check("ByCustomer")
    check(CustomerIndex="false")


def test_with_another_index_it_would_be_two_updates() -> None:
    with pytest.raises(InputError, match="ByCustomer, ByPending") as refused:
        check("ByCustomer", CustomerIndex="false")
    assert "ByPending" in refused.value.hint
    # What is not asked for stays as it is.
    check("ByCustomer", "ByPending", CustomerIndex="false")
    with pytest.raises(InputError, match="ByMerchantID, ByPending"):
        check("ByCustomer", "ByMerchantID")


def test_what_an_index_stores_is_changed_by_removing_and_adding_it() -> None:
    with pytest.raises(InputError, match="cannot change what an index stores: ByCustomer") as refused:
        check("ByCustomer", "ByPending", IndexProjection="keys")
    assert "CustomerIndex=false --parameter IndexProjection=keys" in refused.value.hint
    check("ByCustomer", "ByPending", IndexProjection="keys", CustomerIndex="false")
    check("ByPending", IndexProjection="keys")
    check("ByCustomer", "ByPending", projection="KEYS_ONLY", IndexProjection="keys")
    with pytest.raises(InputError, match="ByCustomer"):
        check("ByCustomer", "ByPending", projection="KEYS_ONLY", IndexProjection="all")


def test_the_class_of_a_table_is_changed_alone() -> None:
    there = ("ByCustomer", "ByPending")
    check(*there, TableClass="infrequent-access")
    check(*there, TableClass="infrequent-access", BatchSize="5")
    with pytest.raises(InputError, match="not with TableBilling, TableReadMinimum"):
        check(*there, TableClass="infrequent-access", TableBilling="provisioned", TableReadMinimum="5")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"TableBilling": "provisioned"}),
        ({"TableBilling": "provisioned"}, {"TableBilling": "provisioned", "EventWriteMinimum": "7"}),
    ],
)
def test_capacity_that_a_deployment_sets_is_told(before: dict[str, str], after: dict[str, str]) -> None:
    (said,) = capacity_warnings(DEFAULTS | before, DEFAULTS | after)
    assert "TableWriteMinimum=1, TableReadMinimum=1, EventWriteMinimum=" in said


def test_a_deployment_that_leaves_the_capacity_alone_needs_no_confirmation() -> None:
    scaling = DEFAULTS | {"TableBilling": "provisioned", "TableWriteMinimum": "500"}
    assert capacity_warnings(scaling, scaling | {"TableWriteMaximum": "9000"}) == ()
    assert capacity_warnings(scaling, scaling | {"TableBilling": "on-demand"}) == ()
    assert capacity_warnings(DEFAULTS, DEFAULTS | {"TableWriteMinimum": "500"}) == ()
