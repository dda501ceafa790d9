"""A stack comes, changes, goes and comes back by one command each, and `orders up` follows it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from orderstream.deploy import inventory
from orderstream.deploy.emptying import empty
from orderstream.local.laptop import laptop_cloud
from orderstream.ops.cloud import Cloud
from orderstream.ops.query import list_orders
from orderstream.ops.stack import find_stack
from tests.integration.conftest import Orders, OrdersHere, awaited
from tests.integration.test_up import Up, up


@pytest.fixture(scope="module")
def empty_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`orders up --empty` in a terminal of its own; it must survive whatever is deployed and destroyed."""
    with up(tmp_path_factory.mktemp("up"), "--empty") as running:
        running.await_ready()
        yield running
        assert running.stop() == 0, running.log.read_text()
        assert "warning" not in running.log.read_text()


@pytest.fixture
def orders(empty_up: Up) -> Orders:
    """The command line, in a laptop cloud with nothing in it."""
    said = Orders({"XDG_STATE_HOME": empty_up.environment["XDG_STATE_HOME"]})("env", "--json")
    here = OrdersHere(json.loads(said.stdout))
    here("destroy", "--delete-data", "--yes")
    return here


@pytest.fixture
def there(empty_up: Up) -> Cloud:
    return laptop_cloud(f"http://127.0.0.1:{empty_up.port}", empty_up.token)


@pytest.fixture
def api(empty_up: Up) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=empty_up.api_url, timeout=30) as client:
        yield client


def document(orders: Orders, *arguments: str, given: bytes = b"") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orders(*arguments, "--json", given=given).stdout)
    return found


def await_order(cloud: Cloud, orders: Orders, order_id: str) -> None:
    orders("send", json.dumps({"order_id": order_id, "customer_id": order_id, "amount": 1}))
    stack = find_stack(cloud, "orderstream")
    awaited(lambda: list(list_orders(cloud, stack, order_id, limit=9)))


def parameters(cloud: Cloud) -> dict[str, str]:
    (stack,) = cloud.cloudformation.describe_stacks(StackName="orderstream")["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


def test_a_dry_run_shows_the_change_set_and_leaves_nothing_behind(orders: Orders, there: Cloud) -> None:
    planned = document(orders, "deploy", "--dry-run")
    assert planned["status"] == "planned"
    assert {"OrderStream", "Orders", "Archive", "ProcessOrders"} <= {
        change["resource"] for change in planned["changes"] if change["action"] == "Add"
    }
    (function,) = planned["artifacts"]
    assert (function["name"], len(function["sha256"])) == ("function", 64)
    assert not there.cloudformation.describe_stacks()["Stacks"]


def test_a_stack_comes_changes_goes_and_comes_back_with_its_orders(
    orders: Orders, there: Cloud, empty_up: Up, api: httpx.Client
) -> None:
    order = {"customer_id": f"http-{uuid.uuid4().hex}", "amount": "19.90"}
    nothing = api.post("/orders", json=order)
    assert (nothing.status_code, nothing.headers["content-type"]) == (503, "application/problem+json")
    assert "orders deploy" in nothing.json()["detail"]
    done = orders("deploy", "--parameter", "BatchWindowSeconds=0")
    assert "OrderStream" in done.stdout
    assert [line.split()[1] for line in done.stderr.splitlines()[-3:]] == ["send", "list", "verify"]
    awaited(lambda: api.get("/health").status_code == 200)
    location = api.post("/orders", json=order).headers["location"]
    awaited(lambda: api.get(location).status_code == 200)
    again = document(orders, "deploy")
    assert (again["status"], again["changes"]) == ("unchanged", [])
    log = len(empty_up.log.read_text())
    changed = document(orders, "deploy", "--parameter", "MaximumRetryAttempts=7")
    assert "OrdersToFunction" in [change["resource"] for change in changed["changes"]]
    assert changed["doubts"] == []
    kept = parameters(there)
    assert (kept["BatchWindowSeconds"], kept["MaximumRetryAttempts"]) == ("0", "7")
    awaited(lambda: "stack orderstream has changed" in empty_up.log.read_text()[log:])
    order_id = f"kept-{uuid.uuid4().hex}"
    await_order(there, orders, order_id)
    # Orders outlive their stack.
    found = document(orders, "destroy", "--dry-run")
    assert [(one["name"], one["items"]) for one in found["tables"]] == [("Orders", 2)]
    (bucket,) = found["buckets"]
    assert (bucket["objects"], bucket["versions"], bucket["markers"]) == (2, 2, 0)
    assert (found["undrained"]["quarantined"], found["undrained"]["given_up"]) == (0, 0)
    refused = orders("destroy", given=b"orderstream\n", status=2)
    assert "not a terminal" in refused.stderr and "hint: add --yes" in refused.stderr
    refused = orders("destroy", typed="yes\n", status=2)
    assert "orderstream was not typed" in refused.stderr and "hint: --yes" in refused.stderr
    log = len(empty_up.log.read_text())
    gone = orders("destroy", typed="orderstream\n").stdout
    assert "stays costs less than a cent a month" in gone
    assert "gone: stack orderstream" in gone
    awaited(lambda: "stack orderstream has gone" in empty_up.log.read_text()[log:])
    assert "there is no stack" in orders("get", order_id, status=3).stderr
    assert api.get(location).status_code == api.post("/orders", json=order).status_code == 503
    # What it left is known by its tags, so it is found and could be deleted without its stack.
    left = document(orders, "destroy", "--dry-run")
    assert (left["status"], left["tables"][0]["items"], left["buckets"][0]["objects"]) == (None, 2, 2)
    adopted = document(orders, "deploy")
    assert {one["resource"] for one in adopted["changes"] if one["action"] == "Import"} == {
        "Orders",
        "Archive",
    }
    assert order_id in orders("get", order_id).stdout
    assert orders("raw", order_id).stdout.startswith('{"order_id"')
    awaited(lambda: api.get(location).status_code == 200)
    assert api.post("/orders", json=order).status_code == 202
    end = document(orders, "destroy", "--delete-data", "--yes")
    assert end["left"] == []
    assert {end["after"][kind] for kind in ("status", "code")} == {None}
    assert not any(end["after"][kind] for kind in ("tables", "buckets", "resources", "logs"))
    assert there.dynamodb.list_tables()["TableNames"] == there.kinesis.list_streams()["StreamNames"] == []
    assert "there is nothing" in orders("destroy").stdout


def test_a_deployment_that_fails_tells_why_and_is_not_in_the_way_of_the_next(
    orders: Orders, there: Cloud, api: httpx.Client
) -> None:
    there.s3.create_bucket(Bucket="order-data-archive")
    failed = orders("deploy", status=3).stderr
    assert "error: making the stack failed" in failed
    assert "Archive (AWS::S3::Bucket): " in failed and "order-data-archive" in failed
    assert failed.splitlines()[-1].startswith("hint: ")
    assert not there.cloudformation.describe_stacks()["Stacks"]
    there.s3.delete_bucket(Bucket="order-data-archive")
    # The next has another bucket and no index, and the HTTP API reads and writes there.
    orders("deploy", "--parameter", "ArchiveBucketName=elsewhere", "--parameter", "CustomerIndex=false")
    awaited(lambda: api.get("/health").status_code == 200)
    order = {"order_id": f"there-{uuid.uuid4().hex}", "customer_id": "elsewhere", "amount": 1}
    assert api.post("/orders", json=order).status_code == 202
    awaited(lambda: api.get(f"/orders/{order['order_id']}/raw").status_code == 200)
    assert api.get("/customers/elsewhere/orders").status_code == 501


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("JwtIssuer=http://issuer.example", "must be an https:// address"),
        ("BatchSiz=5", "did you mean BatchSize?"),
        ("BatchSize=0", "must be 1 or more"),
        ("A", "NAME=VALUE"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_before_anything_is_built_or_asked(
    option: str, said: str
) -> None:
    nowhere = OrdersHere({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_DEFAULT_REGION": "eu-west-1"})
    done = nowhere("deploy", "--parameter", option, status=2)
    assert said in done.stderr
    assert "building" not in done.stderr


def test_tokens_without_an_issuer_are_refused_before_anything_is_built(orders: Orders) -> None:
    said = orders("deploy", "--parameter", "HttpApi=jwt", status=2).stderr
    assert "HttpApi=jwt needs JwtIssuer" in said and "building" not in said


def test_an_age_that_is_not_below_the_retention_is_refused_in_the_dry_run(orders: Orders) -> None:
    said = orders("deploy", "--dry-run", "--parameter", "MaximumRecordAgeSeconds=259200", status=2).stderr
    assert "MaximumRecordAgeSeconds=259200 is not below" in said and "RetentionHours=72" in said
    assert "hint: 0 is nine tenths of the retention" in said and "building" not in said


def test_a_bucket_is_emptied_of_versions_and_delete_markers(cloud: Cloud) -> None:
    name = f"full-{uuid.uuid4().hex}"
    where: Any = {"LocationConstraint": "eu-west-1"}
    cloud.s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    cloud.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for number in range(6):
        cloud.s3.put_object(Bucket=name, Key=f"a/{number % 3}", Body=b"12")
    cloud.s3.delete_object(Bucket=name, Key="a/0")
    cloud.s3.put_object(Bucket=name, Key="b/1", Body=b"123")
    found = inventory.bucket(cloud, name, progress=lambda what, count: None)
    assert found == inventory.Bucket(name, objects=3, versions=7, markers=1, size=15)
    assert empty(cloud, name, prefix="a/", progress=lambda what, count: None).removed == 7
    done = empty(cloud, name, progress=lambda what, count: None)
    assert (done.removed, done.locked, done.problems) == (1, 0, [])
    cloud.s3.delete_bucket(Bucket=name)
    assert inventory.bucket(cloud, name, progress=lambda what, count: None) is None


def test_what_object_lock_holds_is_counted_and_told_until_when(cloud: Cloud) -> None:
    name = f"locked-{uuid.uuid4().hex}"
    where: Any = {"LocationConstraint": "eu-west-1"}
    cloud.s3.create_bucket(Bucket=name, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    cloud.s3.put_object(Bucket=name, Key="free", Body=b"1")
    cloud.s3.put_object(
        Bucket=name, Key="held", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until
    )
    done = empty(cloud, name, progress=lambda what, count: None)
    assert (done.removed, done.locked, done.until, done.problems) == (1, 1, until, [])
    found = inventory.bucket(cloud, name, progress=lambda what, count: None)
    assert found and (found.versions, found.lock) == (1, "by object")
