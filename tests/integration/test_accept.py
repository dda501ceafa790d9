"""`orders stack accept` on the local cloud: every check that it can show, and nothing left at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from reference.json_documents import ensure_documented

from orderstream.acceptance import http_api, identity, roles, storage
from orderstream.acceptance.check import CheckOutcome
from orderstream.acceptance.checks import CHECKS
from orderstream.acceptance.context import Context, context_of, new_name
from orderstream.acceptance.deployer import Deployer
from orderstream.acceptance.leftovers import LOOKS, ensure_free, leftovers
from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import describe_stack
from orderstream.errors import CloudError
from orderstream.local.cloud import LocalCloud
from orderstream.local.ministack import free_port
from orderstream.progress import no_progress
from orderstream.sdk.errors import translate_errors
from tests.integration.conftest import Orders, awaited
from tests.integration.up import ORDERS

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def empty() -> Iterator[LocalCloud]:
    """A local cloud without a stack."""
    with LocalCloud(
        port=free_port(), empty=True, progress=lambda step: None, problem=lambda line: None
    ) as running:
        yield running
        running.check()


def context_in(cloud: AwsClients, name: str) -> Context:
    return context_of(cloud, name, documents=None, progress=no_progress)


def everything_of_orders_accept(cloud: AwsClients) -> list[str]:
    """What any run has left, by the same looks that a run itself takes."""
    return leftovers(context_in(cloud, "orders-accept-"))


class Running:
    """An `orders stack accept` in a process of its own; leaving the `with` block kills it."""

    def __init__(self, local: LocalCloud, folder: Path) -> None:
        self.log, self.report = folder / "log", folder / "report.json"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*ORDERS, "stack", "accept", "--yes", "--output", str(self.report)],
                env=inherited | local.environment | {"COLUMNS": "120"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def await_line(self, words: str) -> str:
        """The line that has these words, as soon as it is there."""

        def found() -> str:
            assert self.process.poll() is None or words in self.log.read_text(), self.log.read_text()
            return next((line for line in self.log.read_text().splitlines() if words in line), "")

        return awaited(found, 300)

    def end(self, seconds: float) -> dict[str, Any]:
        """Wait for its end; returns the report."""
        self.process.wait(seconds)
        document: dict[str, Any] = json.loads(self.report.read_text())
        ensure_documented(("stack", "accept", "--json"), json.dumps(document))
        return document


def test_every_check_that_a_local_cloud_can_show_passes_with_evidence_and_nothing_is_left(
    empty: LocalCloud, tmp_path: Path
) -> None:
    cloud = empty.cloud
    # Somebody else's, which has to be there afterwards.
    cloud.s3.create_bucket(Bucket="bystander")
    bystander = cloud.sqs.create_queue(QueueName="bystander")["QueueUrl"]
    with Running(empty, tmp_path) as running:
        found = running.end(800)
    log = running.log.read_text()
    assert running.process.returncode == 0, log
    assert found["passed"] and found["cloud"] == "local"
    assert [one["name"] for one in found["checks"]] == [one.name for one in CHECKS]
    for check, one in zip(CHECKS, found["checks"], strict=True):
        if check.only_aws:
            assert (one["outcome"], one["reason"]) == ("not shown here", check.only_aws)
        elif check.name != "deployers-policy":
            assert one["outcome"] == "passed" and one["evidence"], one
    seen = {one["name"]: one.get("evidence", {}) for one in found["checks"]}
    assert seen["duplicates"]["duplicates"] == 20 and seen["conflicts"]["conflicts"] == 5
    assert seen["events"]["events"] == 2 and seen["events"]["version"] == 3
    assert seen["latency-polled"]["orders"] == seen["latency-fan-out"]["orders"] == 200
    assert 0 < seen["latency-polled"]["p50_ms"] <= seen["latency-polled"]["p99_ms"]
    assert seen["discarded-batch"]["condition"] == ["RecordAgeExceeded"]
    assert seen["discarded-batch"]["bucket"].startswith(found["stack"])
    assert seen["adoption"]["adopted"] == ["Archive", "DiscardedBatches", "OrderEvents", "Orders"]
    assert seen["nothing-left"] == {"kinds_looked_for": len(LOOKS), "left": 0}
    assert f"orders stack accept --clean-up {found['stack']}" in log and "local cloud at" in log
    assert everything_of_orders_accept(cloud) == []
    assert "bystander" in [one["Name"] for one in cloud.s3.list_buckets()["Buckets"]]
    cloud.sqs.delete_queue(QueueUrl=bystander)
    cloud.s3.delete_bucket(Bucket="bystander")


def test_interrupted_it_runs_no_further_check_and_takes_everything_down(
    empty: LocalCloud, tmp_path: Path
) -> None:
    with Running(empty, tmp_path) as running:
        # With a deployment under way.
        running.await_line("packaging with SAM CLI")
        running.process.send_signal(signal.SIGTERM)
        found = running.end(300)
    assert running.process.returncode == 1 and not found["passed"]
    outcomes = {one["name"]: one["outcome"] for one in found["checks"]}
    assert outcomes["nothing-left"] == CheckOutcome.PASSED.value
    assert outcomes["adoption"] == outcomes["removal"] == CheckOutcome.NOT_RUN.value
    assert {one.get("reason") for one in found["checks"] if one["outcome"] == "not run"} == {"interrupted"}
    assert everything_of_orders_accept(empty.cloud) == []


def test_what_a_killed_run_leaves_goes_by_the_command_that_it_printed(
    empty: LocalCloud, tmp_path: Path
) -> None:
    with Running(empty, tmp_path) as running:
        command = running.await_line("--clean-up").partition("go on with: ")[2].split()
        running.await_line("passed deployment")
    name = command[-1]
    assert {"stack", "bucket", "table", "stream", "role"} <= {
        one.split()[0] for one in leftovers(context_in(empty.cloud, name))
    }
    orders = Orders(empty.environment)
    with pytest.raises(CloudError, match=f"{name} is there already"):
        ensure_free(context_in(empty.cloud, name))
    refused = orders(*command[1:], status=2)
    assert "not a terminal" in refused.stderr
    done = orders(*command[1:], "--yes")
    assert "nothing-left" in done.stdout and "passed" in done.stdout
    assert everything_of_orders_accept(empty.cloud) == []


def test_a_dry_run_and_another_stacks_name_make_nothing(empty: LocalCloud) -> None:
    orders = Orders(empty.environment)
    shown = orders("stack", "accept", "--dry-run")
    assert all(one.name in shown.stdout for one in CHECKS)
    assert "local cloud at" in shown.stderr and "costs nothing" in shown.stderr
    assert (
        "not a stack that orders stack accept created"
        in orders("stack", "accept", "--clean-up", "orderstream", "--yes", status=2).stderr
    )
    assert (
        "there is no folder" in orders("stack", "accept", "--output", "/nowhere/at/all.json", status=2).stderr
    )
    assert "not a terminal" in orders("stack", "accept", status=2).stderr
    assert everything_of_orders_accept(empty.cloud) == []


def test_whatever_has_the_runs_name_at_any_service_is_seen(cloud: AwsClients) -> None:
    name = new_name()
    context = context_in(cloud, name)
    ensure_free(context)
    nothing = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    role = {"Version": "2012-10-17", "Statement": [nothing]}
    clients: Any = cloud
    here: Any = {"LocationConstraint": context.region}
    cloud.s3.create_bucket(Bucket=f"{name}-x", CreateBucketConfiguration=here)
    cloud.kinesis.create_stream(StreamName=f"{name}-OrderStream", ShardCount=1)
    cloud.dynamodb.create_table(
        TableName=f"{name}-Orders",
        KeySchema=[{"AttributeName": "a", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "a", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": "orderstream:stack", "Value": name}],
    )
    for group in (f"/aws/lambda/{name}-Canary", f"/aws/vendedlogs/{name}-api"):
        cloud.logs.create_log_group(logGroupName=group)
    cloud.cloudwatch.put_metric_alarm(
        AlarmName=f"{name}-a",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="a",
        Namespace="a",
        Period=60,
        Statistic="Sum",
        Threshold=1,
    )
    cloud.cloudwatch.put_dashboard(DashboardName=name, DashboardBody='{"widgets": []}')
    topic = clients.client("sns").create_topic(Name=f"{name}-alarms")["TopicArn"]
    queue = cloud.sqs.create_queue(QueueName=f"{name}-alarms")["QueueUrl"]
    arn = cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    clients.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    clients.client("events").put_rule(Name=f"{name}-r", ScheduleExpression="rate(1 hour)")
    clients.client("glue").create_database(DatabaseInput={"Name": name.replace("-", "_")})
    clients.client("apigatewayv2").create_api(Name=name, ProtocolType="HTTP")
    clients.client("athena").create_work_group(Name=name)
    iam = clients.client("iam")
    iam.create_role(Path=roles.PATH, RoleName=f"{name}-r", AssumeRolePolicyDocument=json.dumps(role))
    iam.create_policy(Path=roles.PATH, PolicyName=f"{name}-p", PolicyDocument=json.dumps(role))
    function = cloud.lambda_.create_function(
        FunctionName=f"{name}-Canary",
        Role=f"arn:aws:iam::{context.account}:role/r",
        Runtime="python3.11",
        Handler="a.b",
        Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
    )["FunctionArn"]
    cloud.lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, Enabled=False)
    found = leftovers(context)
    # A stack is seen in the test above; the code is in no bucket yet; MiniStack has no anomaly detectors.
    missing = {kind for kind in LOOKS if not any(one.startswith(f"{kind} ") for one in found)}
    assert missing == {"stack", "code", "anomaly detector"}
    assert leftovers(context_in(cloud, new_name())) == []


def streams(cloud: AwsClients) -> list[str]:
    with translate_errors("cannot list the streams"):
        return cloud.kinesis.list_streams()["StreamNames"]


def of_guarded(guarded: LocalCloud) -> Context:
    """The checks of the stack of the local cloud that evaluates policies; nothing is delivered there."""
    return context_in(guarded.cloud, guarded.deployment.name)


def test_evidence_is_refused_to_whoever_has_all_rights(guarded: LocalCloud) -> None:
    context = of_guarded(guarded)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    name = new_name()
    try:
        # MiniStack asks the root of an account for nothing.
        caller = roles.TemporaryRole.make(context.cloud, name, [policy]).assumed()
        refused = storage.evidence_stays(replace(context, cloud=caller))
    finally:
        roles.remove(context.cloud, name)
    assert set(refused.values()) == {"AccessDenied"} and len(refused) == 5


def test_a_statement_of_a_role_without_rights_is_refused_and_the_role_goes(guarded: LocalCloud) -> None:
    context = of_guarded(guarded)
    found = identity.refused_statement(context)
    assert "AccessDenied" in found["answer"] and found["function"]
    assert roles.named(context.cloud, context.name) == ([], [])


def test_the_api_refuses_who_does_not_sign_and_takes_a_signature_over_encoded_slashes(
    guarded: LocalCloud,
) -> None:
    context = of_guarded(guarded)
    assert http_api.call(context, "GET", "/orders/nobody", signed=False)[0] == 403
    assert http_api.call(context, "GET", "/health", signed=False)[0] == 200
    assert http_api.call(context, "GET", "/orders/shop%2F1%20100%25")[0] == 404


def test_a_deployer_is_a_role_with_the_policy_and_what_it_may_not_the_caller_does(
    guarded: LocalCloud,
) -> None:
    cloud, name = guarded.cloud, new_name()
    look = {"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}
    given: dict[str, object] = {"Version": "2012-10-17", "Statement": [look]}
    deployer = Deployer(cloud, name, lambda stack, account, region: [given])
    context = replace(of_guarded(guarded), name=name, deployer=deployer)
    try:
        deployer.begin(context.account, context.region)
        assert deployer.unavailable == "" and deployer.arn.endswith(f"role/orders-accept/{name}-deployer")
        assert deployer.do("look", lambda one: describe_stack(one, "orderstream"))
        assert guarded.deployment.stream in deployer.do("list streams", streams)
        assert deployer.done == ["look"]
        (refused,) = deployer.refused
        assert refused.startswith("list streams: ") and "AccessDenied" in refused
    finally:
        roles.remove(cloud, name)
    assert leftovers(context) == []
