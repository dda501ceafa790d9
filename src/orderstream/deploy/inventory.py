"""Takes the inventory of a stack: resources, orders, objects, pending work, and the cost of keeping it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.aws.stack import DEFAULT_STACK, StackDescription, describe_stack
from orderstream.capacity.prices import GB, S3Prices, tiered
from orderstream.deploy.retained import find_retained, goes_with_the_stack, is_discarded, names_of
from orderstream.deploy.stack_state import Resource, resources
from orderstream.deploy.table_inventory import TableInventory, table_inventory
from orderstream.deploy.target import target_of, values_for
from orderstream.progress import Progress
from orderstream.recovery import dead_letters
from orderstream.recovery.dead_letters import FailedBatch
from orderstream.recovery.quarantine import list_quarantined
from orderstream.recovery.watermark import iterator_age
from orderstream.sdk.errors import error_code, translate_errors
from orderstream.webhooks.signing_secrets import secrets_of_stack

BEHIND_SECONDS = 60
ARCHIVE, DISCARDED = "archive", "discarded batches"
_TABLE, _BUCKET = "AWS::DynamoDB::Table", "AWS::S3::Bucket"
_FUNCTION, _MAPPING = "AWS::Lambda::Function", "OrdersToFunction"
# Their logs may outlive the stack: Lambda recreates a deleted log group when a function logs.
_FUNCTIONS = (
    "Canary",
    "CheckPending",
    "MaintainArchive",
    "OrdersApi",
    "ProcessOrders",
    "PublishChanges",
    "UpdateTotals",
    "QueueDeliveries",
    "SendDeliveries",
)


@dataclass(frozen=True)
class BucketInventory:
    """A bucket or prefix: current objects, all versions with their bytes, delete markers.

    `lock` describes the default Object Lock retention, "" if none. `purpose` is ARCHIVE or DISCARDED for a
    stack's buckets.
    """

    name: str
    objects: int
    versions: int
    markers: int
    size: int
    lock: str = ""
    purpose: str = ""


@dataclass(frozen=True)
class PendingWork:
    """Unfinished work: quarantined records not resubmitted, discarded batches, and the delivery state.

    `age_seconds` is how far behind the function was in the last minutes, None if it had nothing to do.
    """

    age_seconds: float | None
    delivery: str
    quarantined: int
    discarded: int

    @property
    def is_behind(self) -> bool:
        """Whether orders waited longer than it takes to fill a batch."""
        return (self.age_seconds or 0) > BEHIND_SECONDS


@dataclass(frozen=True)
class Inventory:
    """Everything that belongs to the stack called `stack`; `standing` is None if CloudFormation has none."""

    stack: str
    standing: StackDescription | None
    resources: tuple[Resource, ...]
    tables: tuple[TableInventory, ...]
    buckets: tuple[BucketInventory, ...]
    pending: PendingWork | None
    logs: tuple[str, ...]
    code: BucketInventory | None
    # The secrets of webhooks, by name.
    secrets: tuple[str, ...] = ()

    @property
    def is_protected(self) -> bool:
        """Whether the stack's deletion protection is on."""
        return self.standing is not None and self.standing.parameters.get("DeletionProtection") == "true"

    @property
    def is_empty(self) -> bool:
        """Whether nothing exists at all."""
        return not (self.standing or self.tables or self.buckets or self.logs or self.code or self.secrets)

    @property
    def mapping_id(self) -> str:
        """The UUID of the event source mapping, "" if there is none."""
        return _mapping_of(self.resources)

    @property
    def monthly_cost(self) -> Decimal:
        """US dollars a month to keep the tables and to store the data in buckets, without any requests."""
        objects = Decimal(sum(one.size for one in self.buckets)) / GB
        of_tables = sum((one.monthly_cost for one in self.tables), Decimal(0))
        return of_tables + tiered(objects, S3Prices().stored_gb_month_tiers)


def _mapping_of(has: tuple[Resource, ...]) -> str:
    # Other mappings read the stream of the table.
    return next((one.physical_id for one in has if one.logical_id == _MAPPING), "")


def code_bucket(cloud: AwsClients) -> str:
    """The bucket to which deployments upload code; "" if nothing was ever deployed."""
    place = target_of(cloud)
    if place.code_bucket:
        return place.code_bucket
    managed = describe_stack(cloud, "aws-sam-cli-managed-default")
    return managed.outputs.get("SourceBucket", "") if managed else ""


def collect(
    cloud: AwsClients, stack: str, *, before: Inventory | None = None, progress: Progress
) -> Inventory:
    """Take the inventory; read-only. It includes what is left of the inventory `before`, which the tag index
    may lack.
    """
    found = describe_stack(cloud, stack)
    has = tuple(resources(cloud, found.id)) if found else ()
    usual = values_for(target_of(cloud), stack, {}, has=())
    left = find_retained(
        cloud, stack, names_of(cloud, stack, {**usual, **(found.parameters if found else {})})
    )
    # What goes with the stack is not asked about.
    tables = {
        one.physical_id for one in has if one.type == _TABLE and not goes_with_the_stack(one.logical_id)
    } | {*left.tables}
    names = {one.physical_id for one in has if one.type == _BUCKET} | {*left.buckets}
    if before:
        tables |= {one.name for one in before.tables}
        names |= {one.name for one in before.buckets}
    buckets = tuple(_of_stack(cloud, stack, sorted(names - {""}), progress))
    uploads = code_bucket(cloud)
    code = bucket(cloud, uploads, prefix=f"{stack}/", progress=progress) if uploads else None
    return Inventory(
        stack,
        found,
        has,
        tuple(filter(None, (table_inventory(cloud, name) for name in sorted(tables - {""})))),
        buckets,
        _undrained(cloud, stack, has, buckets, progress),
        tuple(_logs(cloud, stack, has)),
        code if code and code.versions + code.markers else None,
        tuple(secrets_of_stack(cloud.secrets, stack)),
    )


def _of_stack(
    cloud: AwsClients, stack: str, names: Iterable[str], progress: Progress
) -> Iterator[BucketInventory]:
    """The buckets that exist, each with its purpose."""
    for name in names:
        if found := bucket(cloud, name, progress=progress):
            yield replace(found, purpose=DISCARDED if is_discarded(stack, name) else ARCHIVE)


def bucket(cloud: AwsClients, name: str, *, prefix: str = "", progress: Progress) -> BucketInventory | None:
    """The contents of a bucket, or of a prefix in it; None if the bucket does not exist."""
    objects = versions = markers = size = 0
    with translate_errors(f"cannot list the versions of s3://{name}/{prefix}"):
        try:
            for page in cloud.s3.get_paginator("list_object_versions").paginate(Bucket=name, Prefix=prefix):
                for one in page.get("Versions", []):
                    versions += 1
                    objects += one["IsLatest"]
                    size += one["Size"]
                markers += len(page.get("DeleteMarkers", []))
                progress("versions", versions + markers)
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise
            return None
    return BucketInventory(name, objects, versions, markers, size, "" if prefix else _lock(cloud, name))


def _lock(cloud: AwsClients, name: str) -> str:
    with translate_errors(f"cannot read the lock of s3://{name}"):
        try:
            found = cloud.s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
        except ClientError as error:
            if error_code(error) != "ObjectLockConfigurationNotFoundError":
                raise
            return ""
    rule = found.get("Rule", {}).get("DefaultRetention", {})
    if "Days" in rule:
        return f"{rule['Mode']}, {rule['Days']:,} days"
    return f"{rule['Mode']}, {rule['Years']:,} years" if "Years" in rule else "by object"


def _undrained(
    cloud: AwsClients,
    name: str,
    has: tuple[Resource, ...],
    buckets: tuple[BucketInventory, ...],
    progress: Progress,
) -> PendingWork | None:
    """The unfinished work; None if there is no archive to read it from."""
    # There are other functions; only one processes orders.
    made = {one.logical_id: one.physical_id for one in has}
    function, mapping = made.get("ProcessOrders"), _mapping_of(has)
    names = {one.purpose: one.name for one in reversed(buckets)}
    archive = made.get("Archive") or names.get(ARCHIVE)
    if archive is None or archive not in {one.name for one in buckets}:
        return None
    resources = {"ArchiveBucket": archive, "EventSourceMapping": mapping}
    if DISCARDED in names:
        resources["DiscardedBucket"] = names[DISCARDED]
    deployment = Deployment(cloud, name, resources)
    waiting = 0
    for one in list_quarantined(deployment):
        waiting += not one.notes
        progress("quarantined records", waiting)
    age, delivery = None, "no delivery"
    if function:
        age = iterator_age(cloud, function, cloud.now())
    if mapping:
        with translate_errors(f"cannot read event source mapping {mapping}"):
            try:
                delivery = cloud.lambda_.get_event_source_mapping(UUID=mapping)["State"].lower()
            except cloud.lambda_.exceptions.ResourceNotFoundException:
                mapping = ""
    discarded: Iterable[FailedBatch] = ()
    if DISCARDED in names:
        discarded = (
            dead_letters.batches_to_show(deployment, everything=False)
            if mapping
            else dead_letters.pending_objects(deployment)
        )
    return PendingWork(age.total_seconds() if age else None, delivery, waiting, sum(1 for _ in discarded))


def _logs(cloud: AwsClients, stack: str, has: tuple[Resource, ...]) -> list[str]:
    """The functions' log groups that are not resources of the stack."""
    of_stack = {one.physical_id for one in has}
    own = "" if stack == DEFAULT_STACK else f"{stack}-"
    functions = {one.physical_id for one in has if one.type == _FUNCTION} | {own + one for one in _FUNCTIONS}
    found = []
    with translate_errors("cannot look for log groups"):
        for name in sorted(f"/aws/lambda/{function}" for function in functions):
            groups = cloud.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            if name not in of_stack and any(group["logGroupName"] == name for group in groups):
                found.append(name)
    return found
