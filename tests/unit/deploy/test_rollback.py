"""Which version is before, what takes a rollback back, and by what an update is watched."""

from __future__ import annotations

from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.aws.function_versions import LiveVersion, live_version
from orderstream.deploy.deploy import warnings_for
from orderstream.deploy.operation import reasons, rollback_reasons
from orderstream.deploy.retained import RetainedResources
from orderstream.deploy.rollback import forward, rollback
from orderstream.deploy.rollback_alarm import rollback_alarm
from orderstream.deploy.stack_name import is_production
from orderstream.errors import DeploymentError
from tests.fakes import RESOURCES, deployment_on


class Pages:
    def __init__(self, pages: list[dict[str, Any]]) -> None:
        self._pages = pages

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        return self._pages


class Aws:
    """CloudFormation, Lambda and CloudWatch with one stack; `versions` are revisions by number, from 1."""

    def __init__(
        self, versions: list[str], at: int, *, status: str = "UPDATE_COMPLETE", alarm: str = "OK"
    ) -> None:
        self.versions, self.at, self.status, self.alarm = versions, at, status, alarm

    def about(self, number: str) -> dict[str, Any]:
        at = len(self.versions) if number == "$LATEST" else int(number)
        return {
            "Version": number,
            "CodeSha256": f"code-{at}",
            "LastModified": f"2026-11-{at:02}T00:00:00.000+0000",
            "Environment": {"Variables": {"REVISION": self.versions[at - 1]}},
        }

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in RESOURCES.items()]
        return {"Stacks": [{"StackId": "arn:id", "StackStatus": self.status, "Outputs": outputs}]}

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, str]:  # noqa: N803
        return {"FunctionVersion": str(self.at), "RevisionId": "r"}

    def get_function_configuration(self, FunctionName: str, Qualifier: str = "") -> dict[str, Any]:  # noqa: N803
        return self.about(Qualifier or (str(self.at) if FunctionName.endswith(":live") else "$LATEST"))

    def get_paginator(self, name: str) -> Pages:
        assert name == "list_versions_by_function"
        numbers = ["$LATEST", *(str(at + 1) for at in range(len(self.versions)))]
        # A page each, and in no order.
        return Pages([{"Versions": [self.about(number)]} for number in reversed(numbers)])

    def describe_alarms(self, AlarmNames: list[str]) -> dict[str, Any]:  # noqa: N803
        (name,) = AlarmNames
        found = [{"AlarmArn": f"arn:{name}", "StateValue": self.alarm}] if self.alarm else []
        return {"MetricAlarms": found}


def cloud_of(aws: Aws) -> AwsClients:
    cloud = AwsClients(region="eu-west-1")
    cloud.__dict__.update(cloudformation=aws, lambda_=aws, cloudwatch=aws)
    return cloud


def test_a_rollback_leads_to_the_version_before_and_the_next_one_further_back() -> None:
    move = rollback(cloud_of(Aws(["a", "b", "c"], at=3)), "orderstream")
    assert (move.now.number, move.to.number, move.to.revision) == (3, 2, "b")
    assert rollback(cloud_of(Aws(["a", "b", "c"], at=2)), "orderstream").to.number == 1


def test_without_an_earlier_version_there_is_no_rollback() -> None:
    with pytest.raises(DeploymentError, match="no version before 1"):
        rollback(cloud_of(Aws(["a", "b"], at=1)), "orderstream")


def test_while_the_stack_is_being_changed_nothing_is_rolled_back() -> None:
    with pytest.raises(DeploymentError, match="UPDATE_IN_PROGRESS"):
        rollback(cloud_of(Aws(["a", "b"], at=2, status="UPDATE_IN_PROGRESS")), "orderstream")


def test_a_deployment_takes_a_rollback_back_only_to_what_it_would_deploy_itself() -> None:
    deployment = deployment_on(cloud_of(Aws(["a", "b", "a"], at=2)))
    move = forward(deployment, "a")
    assert move is not None and (move.now.number, move.to.number) == (2, 3)
    assert forward(deployment, "b") is None, "orders are delivered to it"
    assert forward(deployment, "other") is None, "a deployment publishes it"
    (doubt,) = warnings_for(None, RetainedResources(), move)
    assert "rolled back to version 2" in doubt and "version 3 again" in doubt


@pytest.mark.parametrize(("at", "rolled_back"), [(3, False), (2, True)])
def test_the_status_says_whether_a_later_version_was_rolled_back(at: int, rolled_back: bool) -> None:
    assert live_version(deployment_on(cloud_of(Aws(["a", "b", "c"], at=at)))) == LiveVersion(at, rolled_back)


def test_an_update_is_watched_by_the_alarm_about_the_functions_errors() -> None:
    found = rollback_alarm(cloud_of(Aws(["a"], at=1)), "orderstream", 5)
    assert found.configuration == {
        "RollbackTriggers": [{"Arn": "arn:orderstream-function-errors", "Type": "AWS::CloudWatch::Alarm"}],
        "MonitoringTimeInMinutes": 5,
    }
    assert "5 minutes" in str(found)


@pytest.mark.parametrize(("alarm", "why"), [("ALARM", "on already"), ("", "no such alarm")])
def test_an_alarm_that_is_on_or_is_not_there_rolls_nothing_back(alarm: str, why: str) -> None:
    found = rollback_alarm(cloud_of(Aws(["a"], at=1, alarm=alarm)), "orderstream", 5)
    # An empty list, because CloudFormation keeps the triggers of the update before otherwise.
    assert found.configuration == {"RollbackTriggers": []}
    assert why in str(found)


def test_the_reason_of_a_rollback_by_an_alarm_is_told() -> None:
    stack = {"StackId": "id", "PhysicalResourceId": "id", "LogicalResourceId": "s", "ResourceType": "Stack"}
    said = "Alarm orderstream-function-errors went to ALARM"
    events = [
        {**stack, "ResourceStatus": "UPDATE_IN_PROGRESS", "ResourceStatusReason": "User Initiated"},
        {**stack, "ResourceStatus": "UPDATE_ROLLBACK_IN_PROGRESS", "ResourceStatusReason": said},
    ]
    assert (reasons(events), rollback_reasons(events)) == ([], [said])


@pytest.mark.parametrize("stack", ["prod", "orders-prod", "production-eu", "orders-live-2"])
def test_a_stack_named_like_production_is_known_by_a_word_of_its_name(stack: str) -> None:
    assert is_production(stack)


@pytest.mark.parametrize(
    "stack", ["orderstream", "staging", "products", "delivery", "preprod", "reproduction"]
)
def test_a_name_that_only_has_the_letters_is_none_of_production(stack: str) -> None:
    assert not is_production(stack)
