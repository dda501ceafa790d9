"""Destroys a stack in order: stops delivery, deletes the stack and, if requested, its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.event_source_mapping import disable
from orderstream.aws.stack import StackDescription
from orderstream.deploy.empty_bucket import EmptyResult, empty_bucket
from orderstream.deploy.inventory import Inventory, collect
from orderstream.deploy.operation import remove_stack
from orderstream.deploy.retained import TAG, tagged
from orderstream.deploy.table_inventory import TableInventory
from orderstream.deploy.target import target_of
from orderstream.errors import DeploymentError
from orderstream.progress import Progress
from orderstream.sdk.errors import error_code, translate_errors
from orderstream.webhooks.signing_secrets import delete_secret

# AWS takes up to a minute to disable a mapping, and as long to finish a change already in progress.
STOP_SECONDS = 180.0


@dataclass
class DestroyResult:
    """What was deleted, and what is `left` that should have been, one line each."""

    versions: int = 0
    locked: int = 0
    locked_until: datetime | None = None
    left: list[str] = field(default_factory=list)
    after: Inventory | None = None


def ensure_unprotected(found: Inventory) -> None:
    """Raise DeploymentError if the stack's parameter DeletionProtection is true."""
    if found.is_protected:
        raise DeploymentError(
            f"stack {found.stack} is protected from deletion",
            hint=f"orders deploy --stack {found.stack} --parameter DeletionProtection=false takes that off",
        )


def destroy(
    cloud: AwsClients,
    found: Inventory,
    *,
    delete_data: bool,
    tell: Callable[[str], None],
    progress: Progress,
) -> DestroyResult:
    """Delete what `found` lists; table and buckets only with `delete_data`. Then take the inventory again.

    If interrupted, the next call continues. Raises DeploymentError if the stack cannot be deleted.
    """
    ensure_unprotected(found)
    done = DestroyResult()
    if found.standing:
        _stop_delivery(cloud, found, tell)
        _tag_retained(cloud, found, found.standing)
        tell(f"deleting stack {found.stack}")
        remove_stack(cloud, found.standing.id, target_of(cloud).poll_seconds, progress)
    for name in found.secrets:
        tell(f"deleting the secret {name}")
        delete_secret(cloud.secrets, name)
    if found.code:
        tell(f"deleting the code under s3://{found.code.name}/{found.stack}/")
        _add(done, empty_bucket(cloud, found.code.name, prefix=f"{found.stack}/", progress=progress))
    if delete_data:
        for one in found.buckets:
            tell(f"emptying s3://{one.name}")
            _add(done, empty_bucket(cloud, one.name, progress=progress))
            _delete_bucket(cloud, one.name)
        for table in found.tables:
            tell(f"deleting table {table.name}")
            _delete_table(cloud, table)
        for name in found.logs:
            with translate_errors(f"cannot delete log group {name}"):
                cloud.logs.delete_log_group(logGroupName=name)
    tell("looking again")
    done.after = collect(cloud, found.stack, before=found, progress=progress)
    done.left += _left(done.after, delete_data=delete_data)
    return done


def _stop_delivery(cloud: AwsClients, found: Inventory, tell: Callable[[str], None]) -> None:
    """Let running invocations end before their function is deleted."""
    uuid = found.mapping_id
    if not uuid:
        return
    tell("stopping delivery")
    with translate_errors("cannot stop delivery"):
        try:
            state = disable(cloud, uuid, patience=STOP_SECONDS, pause=target_of(cloud).poll_seconds)
        except cloud.lambda_.exceptions.ResourceNotFoundException:
            # An earlier attempt was interrupted after this step.
            return
    if state != "Disabled":
        raise DeploymentError(f"delivery does not stop, it is {state}", hint="run the same command again")


def _tag_retained(cloud: AwsClients, found: Inventory, there: StackDescription) -> None:
    """Tag retained resources that the deployment left untagged, so that they are found again."""
    known = tagged(cloud, found.stack)
    with translate_errors(f"cannot put the tag {TAG} on table and bucket"):
        arns = [f"arn:{there.partition}:s3:::{one.name}" for one in found.buckets]
        for table in found.tables:
            arns.append(cloud.dynamodb.describe_table(TableName=table.name)["Table"]["TableArn"])
        if missing := [arn for arn in arns if arn not in known]:
            answer = cloud.tagging.tag_resources(ResourceARNList=missing, Tags={TAG: found.stack})
            failed = answer.get("FailedResourcesMap", {})
            if failed:
                why = (
                    f"{arn}: {one.get('ErrorCode')} {one.get('ErrorMessage')}" for arn, one in failed.items()
                )
                raise DeploymentError(
                    f"cannot put the tag {TAG} on {'; '.join(why)}",
                    hint="without it, what stays is not found again: run the same command again",
                )


def _delete_bucket(cloud: AwsClients, name: str) -> None:
    with translate_errors(f"cannot delete s3://{name}"):
        try:
            cloud.s3.delete_bucket(Bucket=name)
        except ClientError as error:
            # The second inventory reports what is in it.
            if error_code(error) not in {"BucketNotEmpty", "NoSuchBucket"}:
                raise


def _delete_table(cloud: AwsClients, table: TableInventory) -> None:
    with translate_errors(f"cannot delete table {table.name}"):
        try:
            if table.is_protected:
                cloud.dynamodb.update_table(TableName=table.name, DeletionProtectionEnabled=False)
            cloud.dynamodb.delete_table(TableName=table.name)
        except cloud.dynamodb.exceptions.ResourceNotFoundException:
            return
        delay = max(1, round(target_of(cloud).poll_seconds))
        cloud.dynamodb.get_waiter("table_not_exists").wait(
            TableName=table.name, WaiterConfig={"Delay": delay, "MaxAttempts": 200}
        )


def _add(done: DestroyResult, emptied: EmptyResult) -> None:
    done.versions += emptied.removed
    done.locked += emptied.locked
    done.locked_until = max(filter(None, (done.locked_until, emptied.until)), default=None)
    done.left += emptied.problems


def _left(after: Inventory, *, delete_data: bool) -> list[str]:
    """What still exists that should have been deleted."""
    left = []
    if after.standing:
        left.append(f"stack {after.stack}, which is {after.standing.status}")
    if after.code:
        left.append(f"{after.code.versions:,} objects under s3://{after.code.name}/{after.stack}/")
    left += [f"the secret {name}" for name in after.secrets]
    if delete_data:
        left += [
            f"s3://{one.name} with {one.versions:,} versions and {one.markers:,} delete markers"
            for one in after.buckets
        ]
        left += [f"table {one.name} with {one.items:,} items" for one in after.tables]
        left += [f"log group {name}" for name in after.logs]
    return left
