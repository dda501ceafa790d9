"""The pipeline on MiniStack without its Lambda: a stack made by hand, and the function's work done here."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.aws.kinesis_event import EventOrigin, entry_of
from orderstream.aws.kinesis_event import EventRecord as Delivered
from orderstream.domain.object_keys import DISCARDED
from orderstream.local.esm.failures import DiscardedInvocation as LastInvocation
from orderstream.local.esm.failures import (
    MappingSource,
    failure_record,
    message_body,
    object_body,
    object_key,
)
from orderstream.local.esm.lanes import Discarded
from orderstream.pipeline.batch_result import BatchResult
from orderstream.pipeline.deaggregate import deaggregate
from orderstream.pipeline.process import Invocation, process
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.records import Record
from orderstream.pipeline.services import S3Store, lifecycle, make_archive
from orderstream.pipeline.settings import Settings
from orderstream.pipeline.table import OrderTable
from orderstream.storage import stream


class Pipe:
    """Stream, table and buckets in an account of their own, and what the function does with them."""

    def __init__(self, cloud: AwsClients, *, layout: str = "batch") -> None:
        self.cloud = cloud
        # Bucket names are shared by all accounts.
        bucket = f"archive-{uuid.uuid4().hex}"
        self.deployment = Deployment(
            cloud,
            "test",
            {
                "StreamName": "S",
                "TableName": "Orders",
                "EventsTableName": "OrderEvents",
                "CustomerIndex": "none",
                "ArchiveBucket": bucket,
                "DiscardedBucket": f"discarded-{uuid.uuid4().hex}",
                "FunctionName": "F",
                "FunctionAlias": "live",
                "EventSourceMapping": "no-mapping",
            },
        )
        self.settings = Settings("Orders", bucket, "test", layout, events_table="OrderEvents")
        cloud.kinesis.create_stream(StreamName="S", ShardCount=1)
        self.make_table()
        self.make_events_table()
        for name in self.buckets:
            cloud.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def make_table(self) -> None:
        """An empty table."""
        self.cloud.dynamodb.create_table(
            TableName="Orders",
            KeySchema=[{"AttributeName": "OrderID", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("OrderID", "Pending", "PendingSince")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "ByPending",
                    "KeySchema": [
                        {"AttributeName": "Pending", "KeyType": "HASH"},
                        {"AttributeName": "PendingSince", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def make_events_table(self) -> None:
        """An empty table of events."""
        self.cloud.dynamodb.create_table(
            TableName="OrderEvents",
            KeySchema=[
                {"AttributeName": "OrderID", "KeyType": "HASH"},
                {"AttributeName": "Position", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "OrderID", "AttributeType": "S"},
                {"AttributeName": "Position", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    @property
    def buckets(self) -> list[str]:
        """The archive and the bucket of discarded batches."""
        return [self.deployment.bucket, self.deployment.discarded_bucket]

    def keep_versions(self) -> None:
        """Keep what is replaced or deleted in the buckets."""
        for name in self.buckets:
            self.cloud.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, *orders: str | bytes) -> list[str]:
        """Put records on the stream; returns their event ids."""
        records: list[PutRecordsRequestEntryTypeDef] = [
            {"PartitionKey": "k", "Data": order if isinstance(order, bytes) else order.encode()}
            for order in orders
        ]
        events = []
        for begin in range(0, len(records), 500):
            answer = self.cloud.kinesis.put_records(StreamName="S", Records=records[begin : begin + 500])
            events += [f"{one['ShardId']}:{one['SequenceNumber']}" for one in answer["Records"]]
        return events

    def records(self) -> list[Record]:
        """All records of the stream, aggregates taken apart."""
        return [inner for record in stream.records(self.deployment) for inner in deaggregate(record)]

    def process(self, records: Iterable[Record] | None = None) -> BatchResult:
        """Do what the function does, with all records of the stream or those given."""
        invocation = Invocation("request-1", lambda: 50.0, lambda: datetime.now(UTC))
        some = self.records() if records is None else list(records)
        return process_records(self.deployment, self.settings, some, invocation)

    def make_function(self) -> None:
        """A function with its log that only has the settings: `orders stack verify --repair` reads them."""
        self.cloud.logs.create_log_group(logGroupName="/aws/lambda/F")
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("f.py", "def handle(event, context):\n    return None\n")
        self.cloud.lambda_.create_function(
            FunctionName="F",
            Runtime="python3.12",
            Role="arn:aws:iam::000000000000:role/none",
            Handler="f.handle",
            Code={"ZipFile": code.getvalue()},
            Environment={
                "Variables": {
                    "TABLE_NAME": "Orders",
                    "EVENTS_TABLE_NAME": "OrderEvents",
                    "ARCHIVE_BUCKET": self.deployment.bucket,
                    "STACK_NAME": "test",
                    "ARCHIVE_LAYOUT": self.settings.layout,
                    "DEFAULT_CURRENCY": self.settings.currency,
                }
            },
            Publish=True,
        )
        self.cloud.lambda_.create_alias(FunctionName="F", Name=self.deployment.alias, FunctionVersion="1")

    def deploy(self) -> None:
        """A CloudFormation stack that names what is here: so the command line finds it."""
        template = {
            "Resources": {"Nothing": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
            "Outputs": {name: {"Value": value} for name, value in self.deployment.resources.items()},
        }
        self.cloud.cloudformation.create_stack(StackName="orderstream", TemplateBody=json.dumps(template))
        self.cloud.cloudformation.get_waiter("stack_create_complete").wait(
            StackName="orderstream", WaiterConfig={"Delay": 1}
        )

    def environment(self) -> dict[str, str]:
        """With which a command line speaks to this account."""
        return environment_of(self.cloud)

    def keys(self, prefix: str) -> list[str]:
        """The keys of the objects under `prefix`."""
        found = self.cloud.s3.list_objects_v2(Bucket=self._bucket_of(prefix), Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def body(self, key: str) -> bytes:
        """The bytes of an object."""
        return self.cloud.s3.get_object(Bucket=self._bucket_of(key), Key=key)["Body"].read()

    def write(self, key: str, body: bytes) -> None:
        """Write an object, as nobody should."""
        self.cloud.s3.put_object(Bucket=self._bucket_of(key), Key=key, Body=body)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.cloud.s3.delete_object(Bucket=self._bucket_of(key), Key=key)

    def named(self, key: str) -> str:
        """How the audit names an object: by its key alone in the archive."""
        name = self._bucket_of(key)
        return key if name == self.deployment.bucket else f"s3://{name}/{key}"

    def _bucket_of(self, key: str) -> str:
        """The bucket in which an object belongs."""
        is_batch = key.startswith(DISCARDED)
        return self.deployment.discarded_bucket if is_batch else self.deployment.bucket


def process_records(
    deployment: Deployment, settings: Settings, records: Sequence[Record], invocation: Invocation
) -> BatchResult:
    """Do with the records what the function does."""
    store = S3Store(deployment.cloud.s3, deployment.bucket)
    table = OrderTable(deployment.cloud.dynamodb, deployment.table)
    return process(
        records,
        archive=make_archive(settings, store),
        table=table,
        events=lifecycle(deployment.cloud.dynamodb, table, settings),
        quarantine=QuarantineWriter(store),
        currency=settings.currency,
        invocation=invocation,
    )


def environment_of(cloud: AwsClients) -> dict[str, str]:
    """With which a command line speaks to an account."""
    return {
        "AWS_ENDPOINT_URL": cloud.endpoint_url or "",
        "AWS_DEFAULT_REGION": cloud.region or "",
        "AWS_ACCESS_KEY_ID": cloud.access_key or "",
        "AWS_SECRET_ACCESS_KEY": cloud.secret_key or "",
        "AWS_SESSION_TOKEN": cloud.session_token or "",
    }


def give_up(deployment: Deployment, records: list[Record]) -> str:
    """Leave in its bucket what AWS leaves of a batch that it discards; returns the object's key."""
    document, discarded, source = _discarded(records)
    now = datetime.now(UTC).timestamp()
    key = object_key(source, now, uuid.uuid4().hex)
    deployment.cloud.s3.put_object(
        Bucket=deployment.discarded_bucket, Key=key, Body=object_body(document, discarded)
    )
    return key


def message_about(records: list[Record], stream_arn: str) -> str:
    """What AWS sends to an on-failure queue about a batch that it discards."""
    return message_body(_discarded(records, stream_arn)[0])


def _discarded(
    records: list[Record], stream_arn: str = "arn:aws:kinesis:eu-west-1:000000000000:stream/S"
) -> tuple[dict[str, object], Discarded, MappingSource]:
    origin = EventOrigin(stream_arn, records[0].shard_id, "")
    delivered = tuple(
        Delivered(
            record.sequence_number,
            record.partition_key,
            record.arrived_at.timestamp(),
            0.0,
            None,
            entry_of(origin, record),
        )
        for record in records
    )
    source = MappingSource("mapping", "arn:function", origin.stream_arn, origin.shard_id)
    discarded = Discarded(delivered, "RetryAttemptsExhausted", 3)
    now = datetime.now(UTC).timestamp()
    document = failure_record(discarded, source, LastInvocation("request", 200, "$LATEST"), now)
    return document, discarded, source
