"""Removes everything that a run created, in whatever state it is, and checks that nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from botocore.exceptions import ClientError

from orderstream.acceptance import roles
from orderstream.acceptance.context import Context, Evidence, expect, name_of_second
from orderstream.acceptance.leftovers import (
    LOOKS,
    detectors,
    leftovers,
    queues,
    subscriptions,
    workgroups,
)
from orderstream.aws.stack import describe_stack
from orderstream.deploy import destroy as destroying
from orderstream.deploy.inventory import collect
from orderstream.errors import NotShownError, OrderstreamError
from orderstream.sdk.errors import error_code, translate_errors

# How long CloudFormation may be busy after an interrupted run, and services still list deleted resources.
_SETTLED_SECONDS = 1800.0
_GONE_SECONDS = 300.0
# An invocation that outlives its function may recreate its log group, so this checks twice.
_LATE_SECONDS = 10.0


def nothing_left(context: Context) -> Evidence:
    """Remove everything, and check every service for resources named after the stack."""
    if context.keep:
        raise NotShownError("--keep leaves the stack up")

    def look() -> Evidence:
        clean_up(context)
        for seconds in (0.0, _LATE_SECONDS):
            context.sleep(seconds)
            found = leftovers(context)
            expect(not found, f"left: {'; '.join(found)}")
        return {"kinds_looked_for": len(LOOKS), "left": 0}

    return context.until(look, seconds=_GONE_SECONDS, what="what is still listed")


def clean_up(context: Context) -> None:
    """Remove the run's stacks, and what its checks created in addition. May be repeated.

    A failure does not stop the removal of the rest. Raises CheckFailedError that names what is left.
    """
    # A stack that has left only data or code is not listed anywhere.
    steps: list[Callable[[], None]] = [
        partial(remove_stack, context, name) for name in (name_of_second(context.name), context.name)
    ]
    for remove in (remove_queue, remove_lock_bucket, remove_workgroup, _remove_detectors, _remove_roles):
        steps.append(partial(remove, context))
    problems = []
    for step in steps:
        try:
            step()
        except OrderstreamError as error:
            problems.append(error.message)
    expect(not problems, "; ".join(problems))


def remove_stack(context: Context, stack: str) -> None:
    """Remove a stack of the run with its data. Raises CheckFailedError if something of it is left."""
    cloud = context.cloud

    def settled() -> None:
        found = describe_stack(cloud, stack)
        busy = found is not None and found.status.endswith("_IN_PROGRESS")
        expect(not busy or (found and found.is_new), f"{stack} is {found.status if found else 'gone'}")

    context.until(settled, seconds=_SETTLED_SECONDS, what="CloudFormation")
    there = collect(cloud, stack, progress=context.progress)
    if there.is_empty:
        return
    done = destroying.destroy(
        cloud,
        there,
        delete_data=True,
        tell=lambda step: context.progress(f"{stack} {step}"),
        progress=context.progress,
    )
    expect(not done.left, f"left: {'; '.join(done.left)}")


def queue_name(context: Context) -> str:
    """The name of the queue that receives alarms."""
    return f"{context.name}-alarms"


def remove_queue(context: Context) -> None:
    """Remove the alarm queue and its subscription."""
    sns = context.cloud.client("sns")
    with translate_errors("cannot remove the queue of the alarms"):
        for arn in subscriptions(context):
            # A subscription that is pending confirmation or deleted has no ARN.
            if arn.startswith("arn:"):
                sns.unsubscribe(SubscriptionArn=arn)
        for url in queues(context):
            context.cloud.sqs.delete_queue(QueueUrl=url)


def lock_bucket(context: Context) -> str:
    """The name of the bucket with Object Lock."""
    return f"{context.name}-lock-{context.account}-{context.region}"


def remove_lock_bucket(context: Context) -> None:
    """Remove the bucket with Object Lock, including objects locked in GOVERNANCE mode."""
    s3, name = context.cloud.s3, lock_bucket(context)
    with translate_errors(f"cannot remove s3://{name}"):
        try:
            for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
                for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    s3.delete_object(
                        Bucket=name,
                        Key=one["Key"],
                        VersionId=one["VersionId"],
                        BypassGovernanceRetention=True,
                    )
            s3.delete_bucket(Bucket=name)
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise


def remove_workgroup(context: Context) -> None:
    """Remove the Athena workgroup with its queries. Their results are in the archive bucket."""
    with translate_errors("cannot remove the workgroup of Athena"):
        for name in workgroups(context):
            context.cloud.client("athena").delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)


def _remove_detectors(context: Context) -> None:
    with translate_errors("cannot remove what learned the rate of orders"):
        for one in detectors(context):
            context.cloud.cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=one)


def _remove_roles(context: Context) -> None:
    roles.remove(context.cloud, context.name)
