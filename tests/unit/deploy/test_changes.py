"""What is asked of CloudFormation, how its answer is read, and that an attempt leaves no trace."""

from __future__ import annotations

from typing import Any, cast

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import DEFAULT_STACK, IN_REVIEW, StackDescription
from orderstream.deploy.changes import IN_PLACE, ChangeSet, ResourceChange, create, discard
from orderstream.deploy.deploy import warnings_for
from orderstream.deploy.operation import MAKING, REMOVING, Operation
from orderstream.deploy.retained import RetainedResources
from orderstream.deploy.stack_state import ensure_deployable
from orderstream.deploy.target import AWS, LOCAL, DeployTarget, environment_for, target_of, values_for
from orderstream.errors import DeploymentError, InputError
from orderstream.progress import no_progress
from tests.unit.deploy.fakes import STACK_ID, FakeCloudFormation


def fake(status: str = "", *changes: dict[str, Any]) -> tuple[FakeCloudFormation, AwsClients]:
    found = FakeCloudFormation(status, changes)
    return found, cast(AwsClients, found)


def added(name: str, **more: Any) -> dict[str, Any]:
    return {"Action": "Add", "LogicalResourceId": name, "ResourceType": "AWS::DynamoDB::Table", **more}


def asked(
    cloud: AwsClients,
    found: StackDescription | None,
    *,
    adopt: bool = False,
    place: DeployTarget = AWS,
    **parameters: str,
) -> Any:
    known = dict.fromkeys(("BatchSize", "ShardCount", "New"))
    return create(
        cloud,
        "orderstream",
        found,
        template_url="https://there",
        parameters=parameters,
        known=known,
        adopt=adopt,
        place=place,
    )


def test_an_update_has_the_alarm_that_rolls_it_back_and_a_first_deployment_has_none() -> None:
    watched = {"RollbackTriggers": [{"Arn": "arn", "Type": "AWS::CloudWatch::Alarm"}]}
    for found, wanted in ((StackDescription(STACK_ID, "UPDATE_COMPLETE"), watched), (None, None)):
        cloudformation, cloud = fake("UPDATE_COMPLETE" if found else "", added("A"))
        create(
            cloud,
            "orderstream",
            found,
            template_url="https://there",
            parameters={},
            known={},
            adopt=False,
            rollback=watched,
            place=AWS,
        )
        assert cloudformation.requests[-1].get("RollbackConfiguration") == wanted


def test_what_is_not_given_again_keeps_its_value_where_the_stack_has_one() -> None:
    cloudformation, cloud = fake("UPDATE_COMPLETE", added("A"))
    there = StackDescription(STACK_ID, "UPDATE_COMPLETE", {"BatchSize": "5", "ShardCount": "2", "Old": "x"})
    asked(cloud, there, BatchSize="9")
    (request,) = cloudformation.requests
    assert request["ChangeSetType"] == "UPDATE"
    assert request["Parameters"] == [
        {"ParameterKey": "BatchSize", "ParameterValue": "9"},
        {"ParameterKey": "ShardCount", "UsePreviousValue": True},
    ]


@pytest.mark.parametrize("found", [None, StackDescription(STACK_ID, IN_REVIEW)])
def test_a_new_stack_takes_over_what_an_earlier_one_left_and_is_rolled_back_if_it_fails(
    found: StackDescription | None,
) -> None:
    cloudformation, cloud = fake("", added("A"))
    asked(cloud, found, adopt=True)
    (request,) = cloudformation.requests
    assert request["ChangeSetType"] == "CREATE"
    assert request["ImportExistingResources"] is True
    assert request["OnStackFailure"] == "ROLLBACK", "only a rollback is sure to remove what it had made"
    assert "DisableValidation" not in request, "on AWS its own checks stay on"
    asked(cloud, found, adopt=False)
    assert cloudformation.requests[1]["ImportExistingResources"] is False


def test_every_page_of_the_changes_is_read() -> None:
    _, cloud = fake("", added("A"), added("B"), added("C"))
    assert [change.logical_id for change in asked(cloud, None).changes] == ["A", "B", "C"]


def test_no_changes_are_no_change_set_and_leave_no_trace() -> None:
    cloudformation, cloud = fake("UPDATE_COMPLETE")
    assert asked(cloud, StackDescription(STACK_ID, "UPDATE_COMPLETE")) is None
    assert cloudformation.deleted == ["change-set"]


def test_a_change_set_that_is_refused_is_an_error_with_the_reason_and_leaves_no_trace() -> None:
    cloudformation, cloud = fake()
    cloudformation.reason = "Template error: no such attribute"
    with pytest.raises(DeploymentError, match="no such attribute"):
        asked(cloud, None)
    assert cloudformation.deleted == ["change-set", STACK_ID]


def test_a_stack_that_others_still_look_at_stays() -> None:
    cloudformation, cloud = fake(IN_REVIEW)
    cloudformation.others = ["somebody's"]
    discard(cloud, "change-set", STACK_ID)
    assert cloudformation.deleted == ["change-set"]


@pytest.mark.parametrize(
    ("action", "kind", "replacement", "recreating", "dangerous"),
    [
        ("Add", "AWS::DynamoDB::Table", "", (), False),
        ("Modify", "AWS::DynamoDB::Table", "False", (), False),
        ("Modify", "AWS::DynamoDB::Table", "True", ("KeySchema",), True),
        ("Modify", "AWS::S3::Bucket", "Conditional", ("BucketName",), True),
        ("Modify", "AWS::Kinesis::Stream", "Conditional", ("Name", "ShardCount"), True),
        ("Modify", "AWS::Kinesis::Stream", "Conditional", ("ShardCount", "StreamModeDetails"), False),
        ("Modify", "AWS::Kinesis::Stream", "Conditional", ("WarmThroughputMiBps",), False),
        ("Remove", "AWS::S3::Bucket", "", (), True),
        ("Remove", "AWS::Glue::Table", "", (), False),
        ("Modify", "AWS::Lambda::EventSourceMapping", "True", ("EventSourceArn",), False),
    ],
)
def test_what_takes_orders_away_is_dangerous(
    action: str, kind: str, replacement: str, recreating: tuple[str, ...], dangerous: bool
) -> None:
    assert ResourceChange(action, "X", kind, replacement, "x", recreating).may_lose_data is dangerous


def test_a_table_that_is_made_anew_from_others_may_be_removed() -> None:
    assert not ResourceChange("Remove", "TotalsTable", "AWS::DynamoDB::Table", "", "Totals").may_lose_data


@pytest.mark.parametrize("property_name", sorted(IN_PLACE))
def test_what_is_said_to_change_in_place_is_created_only_by_no_provider_schema(property_name: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Kinesis::Stream").schema
    assert property_name in schema["properties"]
    assert f"/properties/{property_name}" not in schema["createOnlyProperties"]


def test_only_what_a_stack_of_the_name_left_is_taken_over_unasked() -> None:
    changes = tuple(
        ResourceChange("Import", name, f"AWS::{kind}", "", name.lower())
        for name, kind in (
            ("Orders", "DynamoDB::Table"),
            ("Archive", "S3::Bucket"),
            ("Foreign", "S3::Bucket"),
        )
    )
    left = RetainedResources(("orders",), ("archive",), others=("foreign",))
    (doubt,) = warnings_for(ChangeSet("id", STACK_ID, True, changes), left)
    assert doubt == "Foreign (foreign) is there already, and was not left by a stack of this name"


@pytest.mark.parametrize(
    ("action", "replacement", "said"),
    [
        ("Remove", "", "would be removed from the stack"),
        ("Modify", "True", "would be replaced by an empty one"),
        ("Modify", "Conditional", "may be replaced by an empty one"),
    ],
)
def test_what_takes_orders_away_has_to_be_confirmed(action: str, replacement: str, said: str) -> None:
    change = ResourceChange(action, "Orders", "AWS::DynamoDB::Table", replacement, "Orders", ("KeySchema",))
    assert warnings_for(ChangeSet("id", STACK_ID, False, (change,)), RetainedResources()) == (
        f"Orders (Orders) {said}",
    )


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("UPDATE_IN_PROGRESS", "wait"),
        ("ROLLBACK_COMPLETE", "orders destroy"),
        ("DELETE_FAILED", "orders destroy"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
    ],
)
def test_a_stack_that_cannot_be_deployed_says_what_to_do(status: str, hint: str) -> None:
    with pytest.raises(DeploymentError, match=status) as refused:
        ensure_deployable("orderstream", StackDescription(STACK_ID, status))
    assert hint in refused.value.hint


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", IN_REVIEW])
def test_any_other_can_be(status: str) -> None:
    ensure_deployable("orderstream", StackDescription(STACK_ID, status))


def event(name: str, status: str, reason: str = "", physical_id: str = "") -> dict[str, Any]:
    return {
        "EventId": f"{name}-{status}",
        "StackId": STACK_ID,
        "LogicalResourceId": name,
        "ResourceType": "AWS::Some::Thing",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "PhysicalResourceId": physical_id,
    }


def test_a_failed_operation_tells_the_reasons_of_this_time_and_not_those_that_only_follow() -> None:
    cloudformation, cloud = fake("UPDATE_ROLLBACK_COMPLETE")
    cloudformation.events = [event("Orders", "UPDATE_FAILED", "an old reason")]
    operation = Operation(cloud, STACK_ID, poll_seconds=0, progress=no_progress)
    cloudformation.events += [
        event("ProcessOrders", "UPDATE_FAILED", "the runtime is not known"),
        event("Archive", "UPDATE_FAILED", "Resource update cancelled"),
        event("orderstream", "UPDATE_FAILED", "resources failed", STACK_ID),
    ]
    with pytest.raises(DeploymentError) as failed:
        operation.finish("changing")
    assert failed.value.message.splitlines() == [
        "changing the stack failed, it is UPDATE_ROLLBACK_COMPLETE now",
        "  ProcessOrders (AWS::Some::Thing): the runtime is not known",
    ]


def test_a_stack_that_could_not_be_made_is_removed_when_it_is_rolled_back_and_the_reasons_are_told() -> None:
    cloudformation, cloud = fake("ROLLBACK_COMPLETE")
    operation = Operation(cloud, STACK_ID, poll_seconds=0, progress=no_progress)
    cloudformation.events += [event("Archive", "CREATE_FAILED", "the name is taken")]
    with pytest.raises(DeploymentError) as failed:
        operation.finish(MAKING)
    assert cloudformation.deleted == [STACK_ID]
    assert failed.value.message.splitlines() == [
        "making the stack failed, what it had made was removed again",
        "  Archive (AWS::Some::Thing): the name is taken",
    ]


def test_a_stack_that_is_rolled_back_and_cannot_go_keeps_the_reasons_of_its_failure() -> None:
    cloudformation, cloud = fake("ROLLBACK_COMPLETE")
    cloudformation.after_delete = "DELETE_FAILED"
    operation = Operation(cloud, STACK_ID, poll_seconds=0, progress=no_progress)
    cloudformation.events += [event("Archive", "CREATE_FAILED", "the name is taken")]
    with pytest.raises(DeploymentError, match="cannot be removed: removing the stack failed") as failed:
        operation.finish(MAKING)
    assert "the name is taken" in failed.value.message


def test_a_stack_that_is_gone_is_the_end_of_a_removal_and_the_failure_of_a_deployment() -> None:
    for status in ("", "DELETE_COMPLETE"):
        _, cloud = fake(status)
        operation = Operation(cloud, STACK_ID, poll_seconds=0, progress=no_progress)
        if status:
            operation.finish(REMOVING)
            with pytest.raises(DeploymentError, match="making the stack failed"):
                operation.finish("making")


def test_the_local_cloud_is_what_answers_on_this_machine() -> None:
    keys: dict[str, Any] = {"region": "us-east-1", "access_key": "000000000001", "secret_key": "x"}
    assert target_of(AwsClients("http://127.0.0.1:4566", **keys)) is LOCAL
    assert target_of(AwsClients("https://cloudformation.eu-west-1.amazonaws.com", **keys)) is AWS


def test_sam_cli_gets_the_region_that_only_aws_region_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert environment_for(AwsClients())["AWS_DEFAULT_REGION"] == "eu-west-3"
    assert environment_for(AwsClients(region="us-east-2"))["AWS_DEFAULT_REGION"] == "us-east-2"


def test_the_local_clouds_parameters_are_added_and_who_reads_the_stream_is_not_to_be_chosen() -> None:
    all_three = {"EventSource": "false", "ArchiveBucketName": "order-data-archive", "HttpApi": "none"}
    assert values_for(LOCAL, DEFAULT_STACK, {}, has=()) == all_three
    assert values_for(LOCAL, DEFAULT_STACK, {}, has=all_three) == {"EventSource": "false"}
    mine = values_for(LOCAL, DEFAULT_STACK, {"ArchiveBucketName": "mine"}, has=())
    assert mine["ArchiveBucketName"] == "mine"
    # Only one stack can have the bucket of the short name.
    assert "ArchiveBucketName" not in values_for(LOCAL, "staging", {}, has=())
    assert values_for(AWS, DEFAULT_STACK, {"EventSource": "true"}, has=()) == {"EventSource": "true"}
    with pytest.raises(InputError, match="EventSource"):
        values_for(LOCAL, DEFAULT_STACK, {"EventSource": "true"}, has=())


def test_sam_cli_speaks_to_the_same_cloud_with_the_same_keys() -> None:
    cloud = AwsClients("http://127.0.0.1:1", region="eu-west-1", access_key="000000000001", secret_key="x")
    environment = environment_for(cloud)
    found = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    assert found == {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "000000000001",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    assert environment_for(AwsClients(profile="shop"))["AWS_PROFILE"] == "shop"
