"""Checks of deployment and removal: the full stack, one that fails, one that adopts retained resources."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orderstream.acceptance.cleanup import remove_stack
from orderstream.acceptance.context import Context, Evidence, expect, name_of_second
from orderstream.acceptance.leftovers import leftovers
from orderstream.acceptance.traffic import accounted, await_stored, new_orders, send
from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import describe_stack
from orderstream.deploy import destroy as destroying
from orderstream.deploy.changes import STATEFUL_TYPES
from orderstream.deploy.deploy import DeploymentPlan, execute, plan_deployment
from orderstream.deploy.destroy import DestroyResult
from orderstream.deploy.inventory import collect
from orderstream.deploy.retained import goes_with_the_stack
from orderstream.deploy.stack_state import resources
from orderstream.errors import CheckFailedError, CloudError, NotShownError
from orderstream.sdk.errors import translate_errors

# All features of the template, except those that need the user's resources (a key, a bucket for access logs,
# a token issuer) or a quota (reserved concurrency, which a new account does not have).
PARAMETERS = {
    # Provisioned shards, so that they can be split; the second deployment is on demand.
    "ShardCount": "1",
    "RetentionHours": "24",
    "ArchiveMaintenance": "compact",
    "CanaryMinutes": "5",
    "HttpApi": "iam",
    # Low, so that a few requests exceed it.
    "ApiRate": "5",
    "ApiBurst": "5",
    "Tracing": "Active",
    "LogRetentionDays": "1",
    # More than the checks send a second, so that no latency is that of scaling.
    "TableBilling": "provisioned",
    "TableWriteMinimum": "15",
    "TableReadMinimum": "5",
    "EventWriteMinimum": "5",
    "IndexProjection": "keys",
    "RecoveryDays": "7",
}
# Rerunning `orders destroy` removes what it reported as left: if a function logs after its log group was
# deleted, Lambda recreates the group.
_ATTEMPTS = 3
ADOPTED_WITH = PARAMETERS | {"ShardCount": "0", "EnhancedFanOut": "false"}


def deploy(
    context: Context, cloud: AwsClients, parameters: Mapping[str, str]
) -> tuple[float, DeploymentPlan]:
    """Deploy the stack as `orders deploy --yes` does; return the duration in seconds, and the plan."""
    with plan_deployment(
        cloud, context.name, parameters, tell=lambda step: context.progress(f"{context.name} {step}")
    ) as plan:
        begin = time.monotonic()
        execute(cloud, plan, progress=context.progress)
        return time.monotonic() - begin, plan


def destroy(context: Context, cloud: AwsClients, *, delete_data: bool) -> tuple[DestroyResult, Evidence]:
    """Remove the stack as `orders destroy --yes` does; return also how long its steps took."""
    steps: list[tuple[str, float]] = []

    def tell(step: str) -> None:
        steps.append((step, time.monotonic()))
        context.progress(f"{context.name} {step}")

    attempts = 0
    while True:
        attempts += 1
        found = collect(cloud, context.name, progress=context.progress)
        done = destroying.destroy(
            cloud,
            found,
            delete_data=delete_data,
            tell=tell,
            progress=context.progress,
        )
        if not done.left or attempts == _ATTEMPTS:
            break
    expect(not done.left, f"left: {'; '.join(done.left)}")
    took: Evidence = {"attempts": attempts}
    for (step, begin), (_, end) in zip(steps, steps[1:], strict=False):
        for words, name in (
            ("stopping delivery", "stopping_delivery_s"),
            ("deleting stack", "deleting_stack_s"),
        ):
            if step.startswith(words):
                took[name] = round(end - begin, 1)
    return done, took


def deployment(context: Context) -> Evidence:
    """Deploy the test stack with all features."""
    if not context.place.is_local:
        context.deployer.begin(context.account, context.region)

    def first(cloud: AwsClients) -> tuple[float, DeploymentPlan]:
        # Remove what an attempt with insufficient permissions left.
        remove_stack(context, context.name)
        return deploy(context, cloud, PARAMETERS)

    seconds, plan = context.deployer.do("deploy", first)
    found = describe_stack(context.cloud, context.name)
    expect(found, f"there is no stack {context.name}")
    assert found
    return {
        "stack": context.name,
        "resources": len(resources(context.cloud, found.id)),
        "seconds": round(seconds, 1),
        "by": context.deployer.arn or "the caller",
        "sha256": {one.name: one.sha256[:16] for one in plan.artifacts},
    }


def failed_deployment(context: Context) -> Evidence:
    """Deploy a second stack that must fail: its archive has the name of an existing bucket."""
    other = replace(context, name=name_of_second(context.name))
    parameters = {
        "ArchiveBucketName": context.deployment.discarded_bucket,
        "HttpApi": "none",
        "ArchiveMaintenance": "none",
    }
    try:
        deploy(other, context.cloud, parameters)
    except CloudError as error:
        said = error.message.splitlines()
    else:
        raise CheckFailedError(f"{other.name} was made, with the bucket of another stack")
    finally:
        left = [one for one in leftovers(other) if not one.startswith("code ")]
        # As for every stack, its uploaded code stays until `orders destroy`.
        remove_stack(context, other.name)
    expect(not left, f"left: {'; '.join(left)}")
    return {"said": said[1].strip() if len(said) > 1 else said[0], "left": 0}


def adoption(context: Context) -> Evidence:
    """Remove the stack without its data, and deploy it again with a different stream mode."""
    cloud = context.cloud
    before = accounted(context).counts
    _, took = context.deployer.do("destroy", lambda one: destroy(context, one, delete_data=False))
    seconds, plan = context.deployer.do("deploy again", lambda one: deploy(context, one, ADOPTED_WITH))
    adopted = sorted(change.logical_id for change in plan.changes if change.action == "Import")
    kept = sorted(
        change.logical_id
        for change in plan.changes
        if change.type in STATEFUL_TYPES - {"AWS::Kinesis::Stream"}
        and not goes_with_the_stack(change.logical_id)
    )
    expect(adopted == kept, f"adopted were {adopted}, not {kept}")
    after = accounted(context).counts
    # The canary may have stored an order meanwhile.
    expect(after.items >= before.items, f"{after.items:,} items are there, {before.items:,} were")
    drifted = {name: found for name in adopted if (found := _drift(cloud, context.name, name))}
    expect(not drifted, f"not as the template has it: {drifted}")
    orders = new_orders("adopted", 1)
    send(context, orders)
    await_stored(context, orders)
    return {
        "adopted": adopted,
        "items": after.items,
        "archived": after.archived,
        "discrepancies": 0,
        "drifted": 0,
        **took,
        "deploying_s": round(seconds, 1),
    }


def _drift(cloud: AwsClients, stack: str, logical_id: str) -> list[str]:
    """The properties of a resource that differ from the template."""
    with translate_errors(f"cannot detect drift of {logical_id}"):
        found: Any = cloud.cloudformation.detect_stack_resource_drift(
            StackName=stack, LogicalResourceId=logical_id
        )["StackResourceDrift"]
    return [
        f"{one['PropertyPath']} {one['DifferenceType']}: {one.get('ActualValue', '')[:80]}"
        for one in found.get("PropertyDifferences", [])
    ]


def removal(context: Context) -> Evidence:
    """Remove the stack with all its data."""
    if context.keep:
        raise NotShownError("--keep leaves the stack up")
    done, took = context.deployer.do(
        "destroy --delete-data", lambda one: destroy(context, one, delete_data=True)
    )
    return {"versions": done.versions, "left": 0, **took}


def deployers_policy(context: Context) -> Evidence:
    """So far, a role with only the deployer's policy has deployed, updated and removed the stack."""
    deployer = context.deployer
    if deployer.unavailable:
        raise NotShownError(deployer.unavailable)
    expect(not deployer.refused, "; ".join(deployer.refused))
    return {"role": deployer.arn, "characters": deployer.sizes, "did": deployer.done}
