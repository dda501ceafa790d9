"""What the doctor finds in an account of AWS, by its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from orderstream.aws.clients import AwsClients
from orderstream.doctor.checklist import State, Verdict
from orderstream.doctor.cloud import CloudChecks
from orderstream.doctor.permissions import source_of

USER = "arn:aws:iam::123456789012:user/somebody"


def refused(code: str = "AccessDenied") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


class Account:
    """An account of AWS: who calls, its quotas, and the actions that the caller's policies refuse."""

    def __init__(
        self, *refused_actions: str, caller: str | Exception = USER, concurrency: int = 1000
    ) -> None:
        self.refused_actions = refused_actions
        self.asked: list[Mapping[str, Any]] = []
        meta = SimpleNamespace(region_name="eu-west-1", endpoint_url="https://x.eu-west-1.amazonaws.com")
        missing = ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "Call")
        self.cloudformation = SimpleNamespace(meta=meta, describe_stacks=self.raising(missing))
        self.sts = SimpleNamespace(meta=meta, get_caller_identity=lambda: {"Arn": self.answer(caller)})
        limit = {"AccountLimit": {"ConcurrentExecutions": concurrency}}
        self.lambda_ = SimpleNamespace(get_account_settings=lambda: limit)
        self.limits: Any = {"ShardLimit": 20, "OpenShardCount": 17}
        self.limits |= {"OnDemandStreamCount": 1, "OnDemandStreamCountLimit": 50}
        self.kinesis = SimpleNamespace(describe_limits=lambda: self.answer(self.limits))
        self.iam = self
        self.clock = SimpleNamespace(behind=timedelta())

    @staticmethod
    def raising(error: Exception) -> Any:
        def call(**_: Any) -> None:
            raise error

        return call

    @staticmethod
    def answer(found: Any) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    def get_role(self, RoleName: str) -> dict[str, Any]:
        return {"Role": {"Arn": f"arn:aws:iam::123456789012:role/aws-reserved/{RoleName}"}}

    def get_paginator(self, operation: str) -> Account:
        assert operation == "simulate_principal_policy"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(request)
        yield {
            "EvaluationResults": [
                {
                    "EvalActionName": action,
                    "EvalDecision": "implicitDeny" if action in self.refused_actions else "allowed",
                }
                for action in request["ActionNames"]
            ]
        }


def checks(account: Account, **parameters: str) -> CloudChecks:
    return CloudChecks(cast(AwsClients, account), "orderstream", parameters)


def test_a_caller_that_may_do_everything_is_told_so_and_one_that_lacks_an_action_which() -> None:
    account = Account()
    found = checks(account).permissions()
    assert found.state == "ok" and "actions of a deployment are allowed" in found.detail
    # Each action is asked for with the resources of the deployer's policy.
    assert all(request["PolicySourceArn"] == USER and request["ResourceArns"] for request in account.asked)
    lacking = checks(Account("kinesis:CreateStream", "iam:PassRole")).permissions()
    assert (lacking.state, lacking.detail) == (
        "warning",
        "orders deploy may lack iam:PassRole, kinesis:CreateStream",
    )


def test_the_policies_of_a_session_are_those_of_its_role_and_root_has_none() -> None:
    cloud = cast(AwsClients, Account())
    session = "arn:aws:sts::123456789012:assumed-role/Admin/me@example.com"
    assert source_of(cloud, session) == "arn:aws:iam::123456789012:role/aws-reserved/Admin"
    assert source_of(cloud, USER) == USER
    assert source_of(cloud, "arn:aws:iam::123456789012:root") is None


@pytest.mark.parametrize(
    ("caller", "state"),
    [(USER, "ok"), (NoCredentialsError(), "warning"), (refused("ExpiredToken"), "failed")],
)
def test_missing_credentials_are_a_warning_and_those_that_are_refused_a_failure(
    caller: str | Exception, state: State
) -> None:
    cloud = checks(Account(caller=caller))
    try:
        found = cloud.credentials()
    except ClientError:
        found = Verdict("failed", "")
    assert found.state == state
    if state != "ok":
        assert cloud.clock().state == cloud.permissions().state == "not checked"


def test_a_quota_is_compared_with_what_the_stack_needs() -> None:
    assert checks(Account()).lambda_quota().state == "ok"
    # As a new account has it.
    assert checks(Account(concurrency=10)).lambda_quota().state == "ok"
    assert checks(
        Account(concurrency=10), ShardCount="8", ParallelizationFactor="2"
    ).lambda_quota() == Verdict(
        "warning",
        "10 concurrent executions, and the function needs 16 at most",
        "request more in Service Quotas: Lambda, Concurrent executions",
    )
    assert checks(Account()).kinesis_quota() == Verdict("ok", "49 more streams on demand are possible")
    assert checks(Account(), ShardCount="3").kinesis_quota().state == "ok"
    assert checks(Account(), ShardCount="4").kinesis_quota().state == "warning"


def test_what_may_not_be_read_is_not_checked() -> None:
    account = Account()
    account.limits = refused()
    found = checks(account).kinesis_quota()
    assert (found.state, found.detail) == ("not checked", "needs permission for kinesis:DescribeLimits")


@pytest.mark.parametrize(
    ("minutes", "state", "said"),
    [(0, "ok", "agrees"), (7, "failed", "7 min behind"), (-2, "failed", "ahead")],
)
def test_a_clock_is_compared_with_the_services(minutes: int, state: State, said: str) -> None:
    account = Account()
    account.clock.behind = timedelta(minutes=minutes)
    found = checks(account).clock()
    assert found.state == state and said in found.detail


def test_a_stack_that_is_not_there_is_no_problem() -> None:
    assert checks(Account()).stack().detail == "there is no stack orderstream yet"
