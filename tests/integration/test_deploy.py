"""A stack comes, changes, goes and comes back by one command each, and `orders up` follows it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.deploy import changes, inventory
from orderstream.deploy.deploy import DeploymentPlan, execute, plan_deployment
from orderstream.deploy.empty_bucket import empty_bucket
from orderstream.deploy.packaging import template_url
from orderstream.deploy.retained import find_retained
from orderstream.deploy.target import LOCAL
from orderstream.errors import DeploymentError
from orderstream.local.cloud import local_cloud
from orderstream.progress import no_progress
from orderstream.storage.orders import by_customer, list_orders
from tests.integration.conftest import Orders, OrdersHere, awaited
from tests.integration.discarded import given_up
from tests.integration.pipeline_harness import give_up
from tests.integration.up import Up, up

pytestmark = pytest.mark.system
BUCKETS = ["order-data-archive", "order-data-discarded-000000000001-us-east-1-an"]


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
    """The command line, in a local cloud with nothing in it."""
    said = Orders({"XDG_STATE_HOME": empty_up.environment["XDG_STATE_HOME"]})("stack", "env", "--json")
    here = OrdersHere(json.loads(said.stdout))
    here("destroy", "--delete-data", "--yes")
    return here


@pytest.fixture
def there(empty_up: Up) -> AwsClients:
    return local_cloud(f"http://127.0.0.1:{empty_up.port}", empty_up.token)


@pytest.fixture
def api(empty_up: Up) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=empty_up.api_url, timeout=30) as client:
        yield client


def document(orders: Orders, *arguments: str, given: bytes = b"") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orders(*arguments, "--json", given=given).stdout)
    return found


def await_order(cloud: AwsClients, orders: Orders, order_id: str) -> None:
    orders("send", json.dumps({"order_id": order_id, "customer_id": order_id, "amount": 1}))
    deployment = find_deployment(cloud, "orderstream")
    awaited(lambda: list(list_orders(deployment, by_customer(deployment, order_id), limit=9)))


def parameters(cloud: AwsClients) -> dict[str, str]:
    (stack,) = cloud.cloudformation.describe_stacks(StackName="orderstream")["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


def test_a_stack_goes_and_comes_back_with_its_orders_whatever_failed_in_between(
    orders: Orders, there: AwsClients, empty_up: Up, api: httpx.Client
) -> None:
    order = {"customer_id": f"http-{uuid.uuid4().hex}", "amount": "19.90"}
    nothing = api.post("/orders", json=order)
    assert (nothing.status_code, nothing.headers["content-type"]) == (503, "application/problem+json")
    assert "orders deploy" in nothing.json()["detail"]
    done = orders("deploy", "--parameter", "BatchWindowSeconds=0")
    assert "OrderStream" in done.stdout
    assert [line.split()[1] for line in done.stderr.splitlines()[-3:]] == ["send", "list", "stack"]
    awaited(lambda: api.get("/health").status_code == 200)
    location = api.post("/orders", json=order).headers["location"]
    awaited(lambda: api.get(location).status_code == 200)
    order_id = f"kept-{uuid.uuid4().hex}"
    await_order(there, orders, order_id)
    # Orders outlive their stack.
    found = document(orders, "destroy", "--dry-run")
    assert [(one["name"], one["items"]) for one in found["tables"]] == [("OrderEvents", 0), ("Orders", 2)]
    deployment = find_deployment(there, "orderstream")
    held = {one["name"]: (one["purpose"], one["objects"], one["versions"]) for one in found["buckets"]}
    assert held == {
        deployment.bucket: ("archive", 2, 2),
        deployment.discarded_bucket: ("discarded batches", 0, 0),
    }
    assert (found["pending"]["quarantined"], found["pending"]["discarded"]) == (0, 0)
    discarded = f"discarded-{uuid.uuid4().hex}"
    give_up(deployment, given_up([discarded]))
    refused = orders("destroy", given=b"orderstream\n", status=2)
    assert "not a terminal" in refused.stderr and "hint: add --yes" in refused.stderr
    refused = orders("destroy", typed="yes\n", status=2)
    assert "orderstream was not typed" in refused.stderr and "hint: --yes" in refused.stderr
    log = len(empty_up.log.read_text())
    destroyed = orders("destroy", typed="orderstream\n")
    assert "1 discarded batches that were not redriven" in destroyed.stderr
    gone = destroyed.stdout
    assert f"archive {deployment.bucket}: 2 objects, 2 versions" in gone
    assert f"discarded batches {deployment.discarded_bucket}: 1 objects, 1 versions" in gone
    assert "stays costs less than a cent a month" in gone
    assert "gone: stack orderstream" in gone
    awaited(lambda: "stack orderstream has gone" in empty_up.log.read_text()[log:])
    assert "there is no stack" in orders("get", order_id, status=3).stderr
    assert api.get(location).status_code == api.post("/orders", json=order).status_code == 503
    # What it left is known by its tags, so it is found and could be deleted without its stack.
    left = document(orders, "destroy", "--dry-run")
    assert (left["status"], [one["items"] for one in left["tables"]]) == (None, [0, 2])
    assert {one["purpose"]: one["objects"] for one in left["buckets"]} == {
        "archive": 2,
        "discarded batches": 1,
    }
    assert left["pending"]["discarded"] == 1
    # A deployment that fails spares it.
    stayed = left_of(there)
    assert (stayed["tables"], stayed["buckets"]) == (["OrderEvents", "Orders"], BUCKETS)
    with plan_deployment(there, "orderstream", {}, tell=lambda step: None) as plan:
        # Lambda makes the log group anew when a last invocation ends after it was deleted.
        logs = ("ProcessOrdersLog",) if stayed["logs"] else ()
        assert plan.adopted == ("Archive", "DiscardedBatches", "OrderEvents", "Orders", *logs)
        with pytest.raises(DeploymentError, match="Last"):
            execute(there, failing_at_its_end(there, plan), progress=no_progress)
    assert left_of(there) == stayed
    adopted = document(orders, "deploy")
    taken = ["Archive", "DiscardedBatches", "OrderEvents", "Orders", *logs]
    assert adopted["settings"]["adopted"] == adopted["settings"]["changed"] == taken
    assert adopted["settings"]["problems"] == []
    assert sorted(one["resource"] for one in adopted["changes"] if one["action"] == "Import") == taken
    now = find_deployment(there, "orderstream")
    assert (now.bucket, now.discarded_bucket) == (deployment.bucket, deployment.discarded_bucket)
    orders("dead-letters", "redrive")
    assert discarded in orders("get", discarded).stdout
    assert order_id in orders("get", order_id).stdout
    assert orders("get", order_id, "--raw").stdout.startswith('{"order_id"')
    awaited(lambda: api.get(location).status_code == 200)
    assert api.post("/orders", json=order).status_code == 202
    again = document(orders, "deploy")
    assert (again["status"], again["changes"]) == ("unchanged", [])
    end = document(orders, "destroy", "--delete-data", "--yes")
    assert end["left"] == []
    assert {end["after"][kind] for kind in ("status", "code")} == {None}
    assert not any(end["after"][kind] for kind in ("tables", "buckets", "resources", "logs"))
    assert left_of(there) == NOTHING
    assert "there is nothing" in orders("destroy").stdout


def failing_at_its_end(cloud: AwsClients, plan: DeploymentPlan) -> DeploymentPlan:
    """The plan with one more resource, which cannot be made and comes after all others."""
    assert plan.change_set
    where: dict[str, Any] = {"ChangeSetName": plan.change_set.id, "StackName": plan.change_set.stack_id}
    template: Any = cloud.cloudformation.get_template(**where, TemplateStage="Original")["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    # The stack's own database is there by then.
    template["Resources"]["Last"] = {
        "Type": "AWS::Glue::Database",
        "DependsOn": ["Dashboard", "OrdersToFunction", "Orders", "OrderEvents", "ArchivePolicy"],
        "Properties": {
            "CatalogId": {"Ref": "AWS::AccountId"},
            "DatabaseInput": {"Name": {"Ref": "Catalog"}},
        },
    }
    url = template_url(cloud, plan.stack, template)
    given = cloud.cloudformation.describe_change_set(**where)["Parameters"]
    changes.discard(cloud, plan.change_set.id, plan.change_set.stack_id)
    change_set = changes.create(
        cloud,
        plan.stack,
        None,
        template_url=url,
        parameters={one["ParameterKey"]: one["ParameterValue"] for one in given},
        known={},
        adopt=bool(plan.adopted),
        place=LOCAL,
    )
    return replace(plan, change_set=change_set)


def left_of(cloud: AwsClients) -> dict[str, list[str]]:
    """What there is of a stack, beside the code that was uploaded for it."""
    buckets = [one["Name"] for one in cloud.s3.list_buckets()["Buckets"]]
    return {
        "stacks": [one["StackName"] for one in cloud.cloudformation.describe_stacks()["Stacks"]],
        "tables": cloud.dynamodb.list_tables()["TableNames"],
        "buckets": [name for name in buckets if name != LOCAL.code_bucket],
        "streams": cloud.kinesis.list_streams()["StreamNames"],
        "logs": [one["logGroupName"] for one in cloud.logs.describe_log_groups()["logGroups"]],
        "remains": sorted(find_retained(cloud, "orderstream").names),
    }


NOTHING: dict[str, list[str]] = {
    kind: [] for kind in ("stacks", "tables", "buckets", "streams", "logs", "remains")
}


def test_a_first_deployment_that_fails_tells_why_leaves_nothing_and_is_not_in_the_way_of_the_next(
    orders: Orders, there: AwsClients, api: httpx.Client
) -> None:
    made: list[str] = []
    with plan_deployment(there, "orderstream", {}, tell=made.append) as plan:
        failing = failing_at_its_end(there, plan)
        with pytest.raises(DeploymentError) as failed:
            execute(there, failing, progress=lambda what, *_: made.append(what))
    assert {f"{name} create complete" for name in ("Orders", "Archive", "ProcessOrdersLog")} <= set(made)
    assert failed.value.message.startswith(
        "making the stack failed, what it had made was removed again\n  Last"
    )
    assert "orderstream already exists" in failed.value.message and failed.value.hint.startswith("fix that")
    assert left_of(there) == NOTHING
    # The next has another bucket and no index, and the HTTP API reads and writes there.
    orders("deploy", "--parameter", "ArchiveBucketName=elsewhere", "--parameter", "CustomerIndex=false")
    awaited(lambda: api.get("/health").status_code == 200)
    order = {"order_id": f"there-{uuid.uuid4().hex}", "customer_id": "elsewhere", "amount": 1}
    assert api.post("/orders", json=order).status_code == 202
    awaited(lambda: api.get(f"/orders/{order['order_id']}/raw").status_code == 200)
    assert api.get("/customers/elsewhere/orders").status_code == 501


def test_a_bucket_of_another_account_under_the_name_of_ours_is_refused_before_anything_is_built(
    orders: Orders, there: AwsClients
) -> None:
    theirs = replace(there, access_key="000000000002")
    theirs.s3.create_bucket(Bucket="order-data-archive")
    said = orders("deploy", status=3).stderr
    theirs.s3.delete_bucket(Bucket="order-data-archive")
    assert "error: bucket order-data-archive belongs to another account" in said
    assert "hint: --parameter ArchiveBucketName=NAME" in said and "building" not in said


def test_a_dry_run_after_a_stack_that_failed_and_stayed_shows_the_change_set_and_leaves_nothing_behind(
    orders: Orders, there: AwsClients, empty_up: Up
) -> None:
    # Who delivers has seen the one before go.
    awaited(lambda: (said := empty_up.log.read_text()).rfind("has gone") >= said.rfind("delivering "), 120)
    # As it is when `orders deploy` was interrupted while CloudFormation went on.
    glue = there._client("glue")
    glue.create_database(DatabaseInput={"Name": "orderstream"})
    database = {"CatalogId": {"Ref": "AWS::AccountId"}, "DatabaseInput": {"Name": "orderstream"}}
    stack = {"Resources": {"Catalog": {"Type": "AWS::Glue::Database", "Properties": database}}}
    there.cloudformation.create_stack(StackName="orderstream", TemplateBody=json.dumps(stack))
    awaited(lambda: stack_status(there) == "ROLLBACK_COMPLETE")
    glue.delete_database(Name="orderstream")
    planned = document(orders, "deploy", "--dry-run")
    assert planned["status"] == "planned"
    assert {"OrderStream", "Orders", "Archive", "ProcessOrders"} <= {
        change["resource"] for change in planned["changes"] if change["action"] == "Add"
    }
    (function,) = planned["artifacts"]
    assert (function["name"], len(function["sha256"])) == ("function", 64)
    assert left_of(there) == NOTHING


def stack_status(cloud: AwsClients) -> str:
    (stack,) = cloud.cloudformation.describe_stacks(StackName="orderstream")["Stacks"]
    return stack["StackStatus"]


def test_what_no_stack_of_the_name_left_is_taken_over_when_told_to_and_told_apart_from_the_template(
    orders: Orders, there: AwsClients
) -> None:
    there.s3.create_bucket(Bucket="order-data-archive")
    there.dynamodb.create_table(
        TableName="Orders",
        KeySchema=[{"AttributeName": "OrderID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "OrderID", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    # As Lambda makes it anew: whose it is cannot be seen, and needs no confirmation.
    there.logs.create_log_group(logGroupName="/aws/lambda/ProcessOrders")
    refused = orders("deploy", status=2).stderr
    assert "has to be confirmed" in refused
    assert "taken over as is: Archive, Orders, ProcessOrdersLog; a second change set" in refused
    done = orders("deploy", "--yes", "--json")
    deployed = json.loads(done.stdout)
    assert deployed["doubts"] == [
        f"{what} is there already, and was not left by a stack of this name"
        for what in ("Archive (order-data-archive)", "Orders (Orders)")
    ]
    settings = deployed["settings"]
    # MiniStack's change sets know nothing of drift: what is not as asked is named instead.
    assert settings["adopted"] == settings["changed"] == ["Archive", "Orders", "ProcessOrdersLog"]
    assert settings["problems"] == []
    assert {(one["resource"], one["path"]) for one in settings["unlike"]} >= {
        ("Archive", "/VersioningConfiguration"),
        ("Orders", "/Tags/0"),
        ("ProcessOrdersLog", "/RetentionInDays"),
    }
    said = 'Archive/VersioningConfiguration is null, not {"Status": "Enabled"}'
    assert f"warning: not as the template asks: {said}" in done.stderr


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


def test_a_bucket_is_emptied_of_versions_and_delete_markers(cloud: AwsClients) -> None:
    name = f"full-{uuid.uuid4().hex}"
    where: Any = {"LocationConstraint": "eu-west-1"}
    cloud.s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    cloud.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for number in range(6):
        cloud.s3.put_object(Bucket=name, Key=f"a/{number % 3}", Body=b"12")
    cloud.s3.delete_object(Bucket=name, Key="a/0")
    cloud.s3.put_object(Bucket=name, Key="b/1", Body=b"123")
    found = inventory.bucket(cloud, name, progress=no_progress)
    assert found == inventory.BucketInventory(name, objects=3, versions=7, markers=1, size=15)
    assert empty_bucket(cloud, name, prefix="a/", progress=no_progress).removed == 7
    done = empty_bucket(cloud, name, progress=no_progress)
    assert (done.removed, done.locked, done.problems) == (1, 0, [])
    cloud.s3.delete_bucket(Bucket=name)
    assert inventory.bucket(cloud, name, progress=no_progress) is None


def test_what_object_lock_holds_is_counted_and_told_until_when(cloud: AwsClients) -> None:
    name = f"locked-{uuid.uuid4().hex}"
    where: Any = {"LocationConstraint": "eu-west-1"}
    cloud.s3.create_bucket(Bucket=name, CreateBucketConfiguration=where, ObjectLockEnabledForBucket=True)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    cloud.s3.put_object(Bucket=name, Key="free", Body=b"1")
    cloud.s3.put_object(
        Bucket=name, Key="held", Body=b"1", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until
    )
    done = empty_bucket(cloud, name, progress=no_progress)
    assert (done.removed, done.locked, done.until, done.problems) == (1, 1, until, [])
    found = inventory.bucket(cloud, name, progress=no_progress)
    assert found and (found.versions, found.lock) == (1, "by object")


def test_stacks_stand_side_by_side_in_one_account_and_one_named_like_production_is_protected(
    orders: Orders, there: AwsClients, empty_up: Up
) -> None:
    names = ["orderstream", "brand-prod"]
    said = [orders("deploy", "--stack", name, "--parameter", "BatchWindowSeconds=0").stderr for name in names]
    assert ["DeletionProtection=true" in one for one in said] == [False, True]
    order_id = f"shared-{uuid.uuid4().hex}"
    for number, name in enumerate(names):
        order = {"order_id": order_id, "customer_id": name, "amount": number + 1}
        orders("send", json.dumps(order), "--stack", name)
    stacks = [find_deployment(there, name) for name in names]
    for stack in stacks:
        (item,) = awaited(partial(orders_of, stack))
        assert item["OrderID"] == order_id
        assert f"delivering to stack {stack.name}" in empty_up.log.read_text()
        assert document(orders, "stack", "verify", "--stack", stack.name)["discrepancies"] == []
    assert (stacks[0].stream, stacks[0].table, stacks[0].function) == (
        "OrderStream",
        "Orders",
        "ProcessOrders",
    )
    for kind in ("stream", "table", "bucket", "discarded_bucket", "function", "mapping_id"):
        assert len({getattr(stack, kind) for stack in stacks}) == len(names)
    databases = there._client("glue").get_databases()["DatabaseList"]
    assert {one["Name"] for one in databases} == {"orderstream", "brand_prod"}
    on = ("--stack", "brand-prod")
    protected = there.dynamodb.describe_table(TableName=stacks[1].table)["Table"]
    assert protected["DeletionProtectionEnabled"]
    for more in ((), ("--delete-data",)):
        refused = orders("destroy", *on, "--yes", *more, status=None)
        assert refused.returncode and "protected from deletion" in refused.stderr
        assert "--parameter DeletionProtection=false" in refused.stderr
    mapping = there.lambda_.get_event_source_mapping(UUID=stacks[1].mapping_id)
    assert mapping["UUID"] == stacks[1].mapping_id
    version = live_version(there, stacks[1].function)
    orders("deploy", *on, "--parameter", "DeletionProtection=false")
    assert live_version(there, stacks[1].function) == version, "the function does not depend on it"
    # It goes with all that it has; the other does not notice.
    assert document(orders, "destroy", *on, "--delete-data", "--yes")["left"] == []
    assert order_id in orders("get", order_id).stdout
    assert document(orders, "stack", "verify")["discrepancies"] == []


def test_orders_go_to_the_version_with_the_settings_of_the_last_deployment_or_of_a_rollback(
    orders: Orders, there: AwsClients, empty_up: Up
) -> None:
    orders("deploy", "--parameter", "BatchWindowSeconds=0")
    deployment = find_deployment(there, "orderstream")
    mapping = there.lambda_.get_event_source_mapping(UUID=deployment.mapping_id)
    assert mapping["FunctionArn"].endswith(":ProcessOrders:live")
    first = int(live_version(there))
    refused = orders("deploy", "--rollback", status=None)
    assert refused.returncode and "no version before" in refused.stderr
    log = len(empty_up.log.read_text())
    changed = document(
        orders, "deploy", "--parameter", "MaximumRetryAttempts=7", "--parameter", "DefaultCurrency=CHF"
    )
    assert "OrdersToFunction" in [change["resource"] for change in changed["changes"]]
    assert changed["doubts"] == []
    added = [one["type"] for one in changed["changes"] if one["action"] == "Add"]
    assert added == ["AWS::Lambda::Version"]
    kept = parameters(there)
    assert (kept["BatchWindowSeconds"], kept["MaximumRetryAttempts"]) == ("0", "7")
    awaited(lambda: "stack orderstream has changed" in empty_up.log.read_text()[log:])
    assert int(live_version(there)) == first + 1
    assert currency_of_an_order(there, orders) == "CHF"
    back = document(orders, "deploy", "--rollback")
    assert (back["status"], back["from"]["number"], back["to"]["number"]) == (
        "rolled back",
        first + 1,
        first,
    )
    assert currency_of_an_order(there, orders) == "EUR"
    # On a busy machine an alarm may have fired, which the exit status tells.
    assert "rolled back: orders go to version" in orders("status", status=None).stdout
    # What the template has is deployed, says CloudFormation: to deliver to it again has to be confirmed.
    refused = orders("deploy", status=2)
    assert "rolled back" in refused.stderr and "has to be confirmed" in refused.stderr
    assert int(live_version(there)) == first
    forward = document(orders, "deploy", "--yes")
    assert (forward["status"], forward["changes"]) == ("deployed", [])
    assert int(live_version(there)) == first + 1


def currency_of_an_order(cloud: AwsClients, orders: Orders) -> str:
    """The currency of an order that is sent without one."""
    order_id = uuid.uuid4().hex
    await_order(cloud, orders, order_id)
    return str(document(orders, "get", order_id)["Currency"])


def live_version(cloud: AwsClients, function: str = "ProcessOrders") -> str:
    return cloud.lambda_.get_alias(FunctionName=function, Name="live")["FunctionVersion"]


def orders_of(deployment: Deployment) -> list[dict[str, Any]]:
    """The orders of the customer who is called as the stack is."""
    return list(list_orders(deployment, by_customer(deployment, deployment.name), limit=9))
