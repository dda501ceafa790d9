"""Checks how a deployment changes tables: what DynamoDB refuses, and what has to be confirmed."""

from __future__ import annotations

from collections.abc import Mapping

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import StackDescription
from orderstream.domain.item import indexes
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError
from orderstream.sdk.errors import translate_errors

# The index of orders that wait, which versions before events do not have.
_PENDING = "ByPending"
_BY_CUSTOMER = "ByCustomer"
_FLOORS = ("TableWriteMinimum", "TableReadMinimum", "EventWriteMinimum")
# What DynamoDB updates by the same call as the class of a table.
_WITH_CLASS = (
    "TableBilling",
    *_FLOORS,
    "TableWarmWriteUnits",
    "CustomerIndex",
    "ChangeFeed",
    "Totals",
    "DeletionProtection",
    "KmsKeyArn",
)


def ensure_updatable(
    cloud: AwsClients, found: StackDescription, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Raise InputError if DynamoDB cannot make the changes of the table Orders in one update.

    `before` and `after` are the values of all parameters of the deployed stack `found`.
    """
    if before["TableClass"] != after["TableClass"]:
        others = [name for name in _WITH_CLASS if before[name] != after[name]]
        if others:
            raise InputError(
                f"DynamoDB changes the class of a table alone, and not with {', '.join(others)}",
                hint="deploy TableClass before or after the others",
            )
    table = found.outputs.get("TableName")
    if table is None:
        return
    with translate_errors(f"cannot read table {table}"):
        described = cloud.dynamodb.describe_table(TableName=table)["Table"]
    there = {
        one["IndexName"]: one.get("Projection", {}).get("ProjectionType", "ALL")
        for one in described.get("GlobalSecondaryIndexes", ())
    }
    wanted = _wanted_indexes(after)
    _ensure_one_index(there, wanted)
    _ensure_projection(there, wanted, after["IndexProjection"])


def _ensure_one_index(there: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    changed = sorted(there.keys() ^ wanted.keys())
    if len(changed) > 1:
        hint = "mark or unmark one field as indexed, deploy, and then the next"
        if _PENDING in changed:
            hint = f"deploy without the other changes first: this version of Orderstream adds {_PENDING}"
        raise InputError(
            f"DynamoDB adds or removes one index in an update, and these would change: {', '.join(changed)}",
            hint=hint,
        )


def _ensure_projection(there: Mapping[str, str], wanted: Mapping[str, str], projection: str) -> None:
    other = [name for name in there if name in wanted and there[name] != wanted[name]]
    if other:
        own = [name for name in other if name != _BY_CUSTOMER]
        hint = (
            f"remove it: --parameter CustomerIndex=false --parameter IndexProjection={projection}; then add"
            " it: --parameter CustomerIndex=true"
        )
        if own:
            hint = f"the indexes of the order model first: unmark {own[0]} as indexed, and deploy"
        raise InputError(f"DynamoDB cannot change what an index stores: {', '.join(other)}", hint=hint)


def _wanted_indexes(parameters: Mapping[str, str]) -> dict[str, str]:
    """The indexes that the table is deployed with, each with its type of projection."""
    names = [_BY_CUSTOMER] if parameters["CustomerIndex"] == "true" else []
    names += indexes(order_model())
    projection = "KEYS_ONLY" if parameters["IndexProjection"] == "keys" else "ALL"
    return {_PENDING: "KEYS_ONLY", **dict.fromkeys(names, projection)}


def capacity_warnings(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """What to confirm if a deployment sets the capacity of existing tables."""
    names = [name for name in ("TableBilling", *_FLOORS) if before[name] != after[name]]
    if after["TableBilling"] != "provisioned" or not names:
        return ()
    floors = ", ".join(f"{name}={after[name]}" for name in _FLOORS)
    return (
        f"the tables would get the capacity {floors}, whatever they consume now (orders status): above it,"
        " orders would wait for minutes, until it has scaled",
    )
