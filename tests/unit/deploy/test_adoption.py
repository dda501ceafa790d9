"""What is taken over survives and gets the settings of the template, or it is said what is not as asked."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.deploy.adoption import AdoptionResult, Difference, adopting, apply_settings
from orderstream.deploy.changes import ChangeSet, ResourceChange
from orderstream.deploy.retained import BUCKET, TABLE, Named
from orderstream.deploy.target import LOCAL
from orderstream.progress import no_progress
from tests.unit.deploy.fakes import STACK_ID, FakeCloudFormation

ADOPTED = ("Archive", "Orders")
IMPORTED = ChangeSet(
    "first",
    STACK_ID,
    True,
    (
        ResourceChange("Import", "Archive", BUCKET, "", "archive"),
        ResourceChange("Import", "Orders", TABLE, "", "Orders"),
        ResourceChange("Add", "ProcessOrders", "AWS::Lambda::Function", "", ""),
    ),
)
VERSIONING = {
    "PropertyPath": "/VersioningConfiguration",
    "ExpectedValue": '{"Status": "Enabled"}',
    "ActualValue": "null",
    "DifferenceType": "REMOVE",
}


def modified(name: str, kind: str, evaluation: str = "Static", **more: Any) -> dict[str, Any]:
    detail = {"Target": {"Attribute": "Properties", "Name": "Any"}, "Evaluation": evaluation}
    about = {"Action": "Modify", "LogicalResourceId": name, "ResourceType": kind, "Details": [detail]}
    return about | {"Replacement": "False", "PhysicalResourceId": name} | more


BOTH = (modified("Archive", BUCKET), modified("Orders", TABLE))
FOLLOWING = modified("ArchivePolicy", "AWS::S3::BucketPolicy", "Dynamic", Replacement="Conditional")


class Drifting(FakeCloudFormation):
    """A stack with what it has taken over; `drifts` are the differences of each resource, None if unknown."""

    def __init__(self, *changes: dict[str, Any], **drifts: list[dict[str, str]] | None) -> None:
        super().__init__("CREATE_COMPLETE", changes)
        self.drifts = drifts
        self.after_execution = "UPDATE_COMPLETE"
        self.executed: list[str] = []
        self.looks = 0
        self.refusal = ""

    def create_change_set(self, **request: Any) -> dict[str, str]:
        if self.refusal:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": self.refusal}}, "CreateChangeSet"
            )
        return super().create_change_set(**request)

    def execute_change_set(self, ChangeSetName: str, StackName: str) -> None:  # noqa: N803
        self.executed.append(ChangeSetName)
        self.status = self.after_execution

    def detect_stack_drift(self, StackName: str, LogicalResourceIds: list[str]) -> dict[str, str]:  # noqa: N803
        assert (StackName, LogicalResourceIds) == (STACK_ID, list(ADOPTED))
        return {"StackDriftDetectionId": "detection"}

    def describe_stack_drift_detection_status(self, StackDriftDetectionId: str) -> dict[str, str]:  # noqa: N803
        self.looks += 1
        if self.looks == 1:
            return {"DetectionStatus": "DETECTION_IN_PROGRESS"}
        if None in self.drifts.values():
            return {"DetectionStatus": "DETECTION_FAILED", "DetectionStatusReason": "no permission to read"}
        return {"DetectionStatus": "DETECTION_COMPLETE"}

    def describe_stack_resource_drifts(self, StackName: str, NextToken: str = "") -> dict[str, Any]:  # noqa: N803
        # A page each.
        at = int(NextToken or 0)
        name, found = list(self.drifts.items())[at]
        status = "UNKNOWN" if found is None else "MODIFIED" if found else "IN_SYNC"
        drift = {
            "LogicalResourceId": name,
            "StackResourceDriftStatus": status,
            "PropertyDifferences": found or [],
        }
        more = {"NextToken": str(at + 1)} if at + 1 < len(self.drifts) else {}
        return {"StackResourceDrifts": [drift], **more}


def brought(stack: Drifting) -> AdoptionResult:
    return apply_settings(
        cast(AwsClients, stack),
        IMPORTED,
        template_url="https://as-it-is",
        parameters=["BatchSize", "ShardCount"],
        place=LOCAL,
        progress=no_progress,
    )


def test_a_second_change_set_that_reverts_drift_brings_the_settings_of_the_template_as_it_is() -> None:
    stack = Drifting(*BOTH, FOLLOWING, Archive=[], Orders=[])
    assert brought(stack) == AdoptionResult(ADOPTED, ADOPTED, (), ())
    (request,) = stack.requests
    assert (request["ChangeSetType"], request["DeploymentMode"]) == ("UPDATE", "REVERT_DRIFT")
    assert (request["StackName"], request["TemplateURL"]) == (STACK_ID, "https://as-it-is")
    assert request["Parameters"] == [
        {"ParameterKey": name, "UsePreviousValue": True} for name in ("BatchSize", "ShardCount")
    ]
    assert "OnStackFailure" not in request and "ImportExistingResources" not in request
    assert stack.executed == ["change-set"]


def test_what_is_left_after_it_is_named_by_resource_and_property() -> None:
    settings = brought(Drifting(*BOTH, Archive=[VERSIONING], Orders=[]))
    assert settings.unlike == (
        Difference("Archive", "/VersioningConfiguration", '{"Status": "Enabled"}', "null"),
    )
    assert str(settings.unlike[0]) == 'Archive/VersioningConfiguration is null, not {"Status": "Enabled"}'


def test_no_changes_are_not_believed_but_compared() -> None:
    stack = Drifting(Archive=[VERSIONING], Orders=[])
    settings = brought(stack)
    assert (settings.changed, len(settings.unlike), settings.problems) == ((), 1, ())
    assert stack.executed == []


@pytest.mark.parametrize(
    ("unexpected", "said"),
    [
        (modified("ApiIntegration", "AWS::ApiGatewayV2::Integration"), "ApiIntegration"),
        (
            modified("OrdersToFunction", "AWS::Lambda::EventSourceMapping", Replacement="True"),
            "OrdersToFunction",
        ),
        (modified("Orders", TABLE, Replacement="True"), "Orders"),
        (modified("Archive", BUCKET, Action="Remove", Replacement=""), "Archive"),
    ],
)
def test_a_change_set_that_would_change_anything_else_or_make_it_anew_is_not_carried_out(
    unexpected: dict[str, Any], said: str
) -> None:
    stack = Drifting(modified("Archive", BUCKET), unexpected, Archive=[VERSIONING], Orders=[])
    settings = brought(stack)
    assert stack.executed == [] and stack.deleted == ["change-set"]
    (problem,) = settings.problems
    assert problem.endswith(f"would also change {said}")
    assert len(settings.unlike) == 1 and settings.changed == ()


def test_a_service_that_knows_no_drift_aware_change_sets_leaves_a_warning_and_the_comparison() -> None:
    stack = Drifting(Archive=[VERSIONING], Orders=[])
    stack.refusal = "Unknown parameter DeploymentMode"
    settings = brought(stack)
    (problem,) = settings.problems
    assert "Archive and Orders were not changed" in problem and "DeploymentMode" in problem
    assert len(settings.unlike) == 1


def test_a_second_change_set_that_fails_does_not_fail_the_deployment() -> None:
    stack = Drifting(*BOTH, Archive=[], Orders=[])
    stack.after_execution = "UPDATE_ROLLBACK_COMPLETE"
    settings = brought(stack)
    (problem,) = settings.problems
    assert "changing the stack failed, it is UPDATE_ROLLBACK_COMPLETE now" in problem


def test_what_cannot_be_compared_is_said_to_be_so() -> None:
    settings = brought(Drifting(*BOTH, Archive=None))
    assert settings.problems == (
        "Archive was not compared with the template: UNKNOWN no permission to read",
        "Orders was not compared with the template: NOT_CHECKED no permission to read",
    )


def test_only_what_is_there_gets_its_name_written_out_and_is_kept_whatever_becomes_of_the_stack() -> None:
    name = {"Fn::If": ["WellKnownNames", "Orders", {"Fn::Sub": "${AWS::StackName}-Orders"}]}
    template: dict[str, Any] = {
        "Resources": {
            "Orders": {
                "Type": TABLE,
                "DeletionPolicy": "RetainExceptOnCreate",
                "Properties": {"TableName": name},
            },
            "Archive": {"Type": BUCKET, "DeletionPolicy": "RetainExceptOnCreate", "Properties": {}},
        }
    }
    named = (Named("Orders", TABLE, "brand-b-Orders"), Named("Archive", BUCKET, "brand-b-archive"))
    made = adopting(template, named, {"brand-b-Orders"})
    assert made["Resources"]["Orders"] == {
        "Type": TABLE,
        "DeletionPolicy": "Retain",
        "Properties": {"TableName": "brand-b-Orders"},
    }
    assert made["Resources"]["Archive"] == template["Resources"]["Archive"]
    assert template["Resources"]["Orders"]["Properties"]["TableName"] == name, "the template as it is"
    assert adopting(template, named, ()) == template
