"""Checks an order model against what is deployed, before it is deployed itself."""

from __future__ import annotations

from datetime import timedelta

from orderstream.archive.model_comparison import ModelComparison, compare_model
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import bind
from orderstream.aws.stack import StackDescription
from orderstream.deploy.rendering import BUILT_IN, MODEL_OUTPUT, model_output
from orderstream.errors import InputError
from orderstream.progress import Progress
from orderstream.project.current import current_project
from orderstream.storage.bucket import TimeRange

# What a deployment checks at most; `orders model check` has no limit.
MOST_RECORDS = 100_000


def check_model(
    cloud: AwsClients,
    stack: str,
    found: StackDescription | None,
    *,
    age: timedelta,
    progress: Progress,
) -> ModelComparison | None:
    """Run the model over the records of the last `age`, if the stack was deployed with another one.

    Raises InputError if the stack has a model of a project, and this process works in none.
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
    if MODEL_OUTPUT not in found.outputs:
        return None
    deployment = bind(cloud, stack, found)
    span = TimeRange(cloud.now() - age)
    return compare_model(deployment, span, limit=MOST_RECORDS, progress=progress)


def ensure_accepted(done: ModelComparison, most: int) -> None:
    """Raise InputError if the model newly refuses more than `most` records that were orders or events."""
    refused = sum(change.count for change in done.newly_refused.values())
    if refused > most:
        code, change = max(done.newly_refused.items(), key=lambda one: one[1].count)
        sample = change.samples[0]
        raise InputError(
            f"the order model refuses {refused:,} of the records that were orders or events, most by {code}:"
            f" {sample['order_id']}: {sample['path']} {sample['message']}",
            hint=f"orders model check shows them; to deploy anyway: --max-newly-refused {refused}",
        )
