"""What the contract is kept by: the fakes of the unit tests, and the real clients on MiniStack."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.local.ministack import MiniStack
from orderstream.pipeline.archive import ObjectStore
from orderstream.pipeline.services import S3Store
from orderstream.sdk.thin_client import DynamoClient, S3Client
from orderstream.testing.fakes import FakeDynamo, FakeStore
from tests.integration.conftest import ministack
from tests.integration.pipeline_harness import environment_of

__all__ = ["ministack"]

TABLE = "Orders"
EVENTS_TABLE = "OrderEvents"

_numbers = itertools.count()


@pytest.fixture(scope="session")
def account(ministack: MiniStack) -> AwsClients:
    """One account for all of the contract: to make its clients takes longer than all that they do."""
    return AwsClients(
        ministack.endpoint_url,
        region="eu-west-1",
        access_key="000000000002",
        secret_key="test",
        session_token=ministack.token,
    )


class Thin(DynamoClient):
    """The client of the function; tables are created and deleted by that of botocore."""

    def __init__(self, real: AwsClients) -> None:
        super().__init__(1, environment_of(real))
        self.create_table = real.dynamodb.create_table
        self.delete_table = real.dynamodb.delete_table
        self.exceptions = real.dynamodb.exceptions


@pytest.fixture(params=["fake", "ministack", "thin client"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """An empty bucket."""
    if request.param == "fake":
        return FakeStore()
    real: AwsClients = request.getfixturevalue("account")
    bucket = f"contract-{next(_numbers)}"
    real.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    is_thin = request.param == "thin client"
    return S3Store(S3Client(1, environment_of(real)) if is_thin else real.s3, bucket)


@pytest.fixture
def events_table(dynamo: Any) -> Iterator[str]:
    """The name of an empty table of events, beside TABLE."""
    if isinstance(dynamo, FakeDynamo):
        yield EVENTS_TABLE
        return
    keys = {"OrderID": "HASH", "Position": "RANGE"}
    dynamo.create_table(
        TableName=EVENTS_TABLE,
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    yield EVENTS_TABLE
    dynamo.delete_table(TableName=EVENTS_TABLE)


@pytest.fixture(params=["fake", "ministack", "thin client"])
def dynamo(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of DynamoDB, with an empty table TABLE."""
    if request.param == "fake":
        yield FakeDynamo(table=TABLE, events_table=EVENTS_TABLE)
        return
    real: AwsClients = request.getfixturevalue("account")
    real.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "OrderID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "OrderID", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield Thin(real) if request.param == "thin client" else real.dynamodb
    real.dynamodb.delete_table(TableName=TABLE)
