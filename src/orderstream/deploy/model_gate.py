"""Checks an order model against what is deployed, before it is deployed itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from orderstream.archive.model_comparison import ModelComparison, compare_model
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import bind
from orderstream.aws.stack import StackDescription
from orderstream.deploy.rendering import BUILT_IN, MODEL_OUTPUT, model_output
from orderstream.domain.item import indexes
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError
from orderstream.progress import Progress
from orderstream.project.current import current_project
from orderstream.sdk.errors import translate_errors
from orderstream.storage.bucket import TimeRange

# What a deployment checks at most; `orders model check` has no limit.
MOST_RECORDS = 100_000
# The index of orders that wait, which versions before events do not have.
_PENDING = "ByPending"


def check_model(
    cloud: AwsClients,
    stack: str,
    found: StackDescription | None,
    given: Mapping[str, str],
    *,
    age: timedelta,
    progress: Progress,
) -> ModelComparison | None:
    """Run the model over the records of the last `age`, if the stack was deployed with another one.

    `given` are the parameters to deploy with. Raises InputError if DynamoDB cannot make the changes of
    indexes in one update, or if the stack has a model of a project, and this process works in none.
    """
    if found is None or not found.is_ours or found.outputs.get(MODEL_OUTPUT) == model_output():
        return None
    # A stack of a version before projects does not say its model.
    name = found.outputs.get(MODEL_OUTPUT, BUILT_IN).partition(" ")[0]
    if current_project() is None and name != BUILT_IN:
        raise InputError(
            f"stack {stack} has the order model {name} of a project, and there is no project here",
            hint=f'use its folder, or ORDERS_PROJECT; model = "{BUILT_IN}" there is the built-in order',
        )
    _ensure_one_index(cloud, found, given)
    if MODEL_OUTPUT not in found.outputs:
        return None
    deployment = bind(cloud, stack, found)
    span = TimeRange(cloud.now() - age)
    return compare_model(deployment, span, limit=MOST_RECORDS, progress=progress)


def ensure_accepted(done: ModelComparison, most: int) -> None:
    """Raise InputError if the model newly refuses more than `most` records that were orders."""
    refused = sum(change.count for change in done.newly_refused.values())
    if refused > most:
        code, change = max(done.newly_refused.items(), key=lambda one: one[1].count)
        sample = change.samples[0]
        raise InputError(
            f"the order model refuses {refused:,} of the records that were orders, most by {code}:"
            f" {sample['order_id']}: {sample['path']} {sample['message']}",
            hint=f"orders model check shows them; to deploy anyway: --max-newly-refused {refused}",
        )


def _ensure_one_index(cloud: AwsClients, found: StackDescription, given: Mapping[str, str]) -> None:
    table = found.outputs["TableName"]
    with translate_errors(f"cannot read table {table}"):
        described = cloud.dynamodb.describe_table(TableName=table)["Table"]
    there = {one["IndexName"] for one in described.get("GlobalSecondaryIndexes", ())}
    changed = sorted(there ^ _wanted_indexes(found.parameters | dict(given)))
    if len(changed) > 1:
        hint = "mark or unmark one field as indexed, deploy, and then the next"
        if _PENDING in changed:
            hint = f"deploy without the other changes first: this version of Orderstream adds {_PENDING}"
        raise InputError(
            f"DynamoDB adds or removes one index in an update, and these would change: {', '.join(changed)}",
            hint=hint,
        )


def _wanted_indexes(parameters: Mapping[str, str]) -> set[str]:
    by_customer = {"ByCustomer"} if parameters.get("CustomerIndex", "true") == "true" else set[str]()
    return {_PENDING, *by_customer, *indexes(order_model())}
