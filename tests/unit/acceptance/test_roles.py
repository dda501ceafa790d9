"""Temporary roles, the deployer that is one, and `deployers-policy`, which shows its policy to be enough."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from orderstream.acceptance import deployment, roles
from orderstream.acceptance.context import Context
from orderstream.acceptance.deployer import Deployer, Documents
from orderstream.acceptance.roles import TemporaryRole
from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import describe_stack
from orderstream.errors import CheckFailedError, NotShownError
from tests.fakes import Clock
from tests.unit.acceptance.fakes import (
    ACCOUNT,
    CALLERS_ID,
    NAME,
    REGION,
    Answer,
    CloudFormation,
    Refusal,
    aws_of,
    context_on,
)
from tests.unit.acceptance.iam import ARN, ROLES_KEY, Iam

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}],
}
ROLE = f"{NAME}-deployer"


class Denying:
    """CloudFormation, as a role meets it which may do nothing for so many calls."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def describe_stacks(self, StackName: str) -> Answer:
        if self.left:
            self.left -= 1
            raise Refusal("AccessDenied", "not authorized to perform: cloudformation:DescribeStacks", 403)
        return CloudFormation().describe_stacks(StackName)


def context_with(iam: Iam, *, denials: int = 0, documents: Documents | None = None) -> Context:
    """A run whose deployer may do nothing for so many calls."""
    context = context_on(of_roles={"cloudformation": Denying(denials)}, iam=iam, sts=iam)
    return replace(context, deployer=Deployer(context.cloud, NAME, documents))


def one_policy(stack: str, account: str, region: str) -> Sequence[dict[str, object]]:
    return [dict(POLICY)]


def look(cloud: AwsClients) -> object:
    return describe_stack(cloud, NAME)


def role_on(iam: Iam, clock: Clock, denials: int = 0) -> TemporaryRole:
    context = context_with(iam, denials=denials)
    made = TemporaryRole.make(context.cloud, ROLE, [json.dumps(POLICY)])
    return replace(made, clock=clock, sleep=clock.sleep)


def test_a_role_has_its_policies_and_nobody_but_the_caller_may_assume_it() -> None:
    iam = Iam()
    made = TemporaryRole.make(context_with(iam).cloud, ROLE, [json.dumps(POLICY)] * 2)
    assert made.arn == f"{ARN}:role/orders-accept/{ROLE}"
    assert iam.attached == {ROLE: [f"{ARN}:policy/orders-accept/{ROLE}-{number}" for number in (1, 2)]}
    (trust,) = json.loads(iam.trusts[ROLE])["Statement"]
    assert trust["Principal"] == {"AWS": f"{ARN}:root"}
    assert trust["Condition"] == {"StringEquals": {"aws:userid": CALLERS_ID}}


def test_who_assumes_a_new_role_waits_until_it_is_known_and_acts_with_its_keys_in_the_same_region() -> None:
    clock = Clock()
    cloud = role_on(Iam(refusals=3), clock).assumed()
    assert clock.now == 3 * 3
    assert (cloud.access_key, cloud.secret_key, cloud.session_token) == (
        ROLES_KEY,
        "roles secret",
        "roles token",
    )
    assert cloud.region == REGION and describe_stack(cloud, NAME)


def test_a_role_that_cannot_be_assumed_within_a_minute_is_not_shown() -> None:
    clock = Clock()
    with pytest.raises(NotShownError, match="these credentials assume no role: not authorized"):
        role_on(Iam(refusals=100), clock).assumed()
    assert 60 < clock.now < 70


def test_a_policy_that_does_not_count_at_once_is_awaited_and_one_that_never_allows_it_for_a_minute() -> None:
    soon, never = Clock(), Clock()
    role_on(Iam(), soon, denials=2).settle(look)
    role_on(Iam(), never, denials=1000).settle(look)
    assert soon.now == 2 * 3 and 60 < never.now < 70


def test_who_may_make_no_role_with_a_policy_is_told_what_is_not_allowed() -> None:
    iam = Iam(denied={"iam:AttachRolePolicy"})
    with pytest.raises(NotShownError, match="these credentials may make no role: .*iam:AttachRolePolicy"):
        role_on(iam, Clock())
    # What was made of it goes as everything does.
    roles.remove(context_with(Iam(roles=iam.roles, policies=iam.policies, attached=iam.attached)).cloud, NAME)
    assert not iam.roles and not iam.policies


def test_roles_and_policies_of_a_run_go_and_those_of_others_stay() -> None:
    iam = Iam()
    role_on(iam, Clock())
    for path, name in (("/", f"{NAME}-other"), (roles.PATH, "orders-accept-ffffff-deployer")):
        iam.create_role(path, name, "{}")
        arn = iam.create_policy(path, name, json.dumps(POLICY))["Policy"]["Arn"]
        iam.attach_role_policy(name, arn)
    roles.remove(context_with(iam).cloud, NAME)
    assert set(iam.roles) == {f"{NAME}-other", "orders-accept-ffffff-deployer"}
    assert {one["PolicyName"] for one in iam.policies.values()} == set(iam.roles)


def test_the_deployers_policy_passes_when_the_role_did_everything_and_fails_by_what_it_was_refused() -> None:
    context = context_with(Iam(), documents=one_policy)
    deployer = context.deployer
    deployer.begin(ACCOUNT, REGION)
    assert deployer.do("deploy", look) and deployer.do("destroy", look)
    assert deployment.deployers_policy(context) == {
        "role": f"{ARN}:role/orders-accept/{ROLE}",
        "characters": [len(json.dumps(POLICY, separators=(",", ":")))],
        "did": ["deploy", "destroy"],
    }
    aws_of(context).of_roles["cloudformation"] = Denying(1)
    assert deployer.do("deploy again", look), "the caller does it"
    said = "deploy again: cannot look for stack .*cloudformation:DescribeStacks"
    with pytest.raises(CheckFailedError, match=said):
        deployment.deployers_policy(context)


def too_long(stack: str, account: str, region: str) -> Sequence[dict[str, object]]:
    return [{"Version": "2012-10-17", "Statement": [{"Action": ["a" * 6200]}]}]


@pytest.mark.parametrize(
    ("denied", "documents", "outcome", "said"),
    [
        ((), too_long, CheckFailedError, f"cannot make role {ROLE}: .*PolicySize: 6144"),
        (("iam:CreateRole",), one_policy, NotShownError, "may make no role: .*iam:CreateRole"),
        ((), None, NotShownError, "no policy for a deployer"),
    ],
)
def test_without_a_role_the_caller_deploys_and_the_deployers_policy_does_not_pass(
    denied: Sequence[str], documents: Documents | None, outcome: type[Exception], said: str
) -> None:
    context = context_with(Iam(denied=denied), documents=documents)
    context.deployer.begin(ACCOUNT, REGION)
    assert context.deployer.do("deploy", look) and context.deployer.arn == ""
    with pytest.raises(outcome, match=said):
        deployment.deployers_policy(context)
