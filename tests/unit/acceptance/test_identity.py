"""`refused-statement` and `principals`: what a stranger is told, and as whom Lambda reads the stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from orderstream.acceptance import identity
from orderstream.acceptance.context import Context
from orderstream.errors import CheckFailedError, NotShownError
from tests.fakes import Clock
from tests.unit.acceptance.fakes import NAME, STREAM, TABLE, Answer, Refusal, context_on
from tests.unit.acceptance.iam import Iam

DENIED = "not authorized to perform: dynamodb:PartiQLInsert"


@dataclass
class Strangers:
    """DynamoDB as who has no rights meets it: each call is answered with the next code, then with the last.

    A code that ends in Exception refuses the call, another one the statement; "" carries it out.
    """

    codes: list[str]
    statements: list[str] = field(default_factory=list)

    def batch_execute_statement(self, Statements: list[Answer]) -> Answer:
        self.statements += [one["Statement"] for one in Statements]
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        if code.endswith("Exception"):
            raise Refusal(code, DENIED)
        return {"Responses": [{"Error": {"Code": code, "Message": DENIED}} if code else {}]}


def stranger_on(*codes: str, iam: Iam | None = None, clock: Clock | None = None) -> tuple[Context, Iam]:
    iam = iam or Iam()
    return context_on(clock, {"dynamodb": Strangers(list(codes))}, iam=iam, sts=iam), iam


@pytest.mark.parametrize(
    ("code", "answer", "function"),
    [
        ("AccessDenied", "the statement: AccessDenied", f"table {TABLE}: AccessDenied: {DENIED}"),
        (
            "AccessDeniedException",
            "the call: AccessDeniedException",
            f"table {TABLE}: An error occurred (AccessDeniedException) when calling the "
            f"BatchExecuteStatement operation: {DENIED}",
        ),
    ],
)
def test_a_refusal_of_the_statement_or_of_the_call_is_one_of_the_table_to_the_function(
    code: str, answer: str, function: str
) -> None:
    context, iam = stranger_on(code)
    assert identity.refused_statement(context) == {"answer": answer, "function": function}
    # The role is gone again.
    assert not iam.roles


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "after 60 s: the statement is answered with success"),
        ("ThrottlingException", "after 60 s: the call is refused with ThrottlingException"),
    ],
)
def test_a_stranger_who_is_not_refused_fails_the_check_and_the_role_goes(code: str, said: str) -> None:
    context, iam = stranger_on(code, clock=Clock())
    with pytest.raises(CheckFailedError, match=said):
        identity.refused_statement(context)
    assert not iam.roles


def test_a_function_that_takes_the_refusal_for_one_of_the_order_fails_the_check() -> None:
    context, _ = stranger_on("AccessDenied", "ValidationError")
    with pytest.raises(CheckFailedError, match="code does not take the refusal for one of the table"):
        identity.refused_statement(context)


def test_who_may_make_no_role_is_told_so_though_he_may_not_look_for_roles_either() -> None:
    iam = Iam(denied={"iam:CreateRole", "iam:ListRoles", "iam:ListPolicies"})
    context, _ = stranger_on("AccessDenied", iam=iam)
    with pytest.raises(NotShownError, match="these credentials may make no role: .*iam:CreateRole"):
        identity.refused_statement(context)


@dataclass
class Trail:
    """CloudTrail's history of the stream, in pages of two events. It answers twice a second, by `clock`."""

    clock: Clock
    events: list[Answer]
    last: float = -1.0

    def lookup_events(
        self, LookupAttributes: list[Answer], MaxResults: int = 50, NextToken: str = "0"
    ) -> Answer:
        if self.clock.now - self.last < 0.5:
            raise Refusal("ThrottlingException", "Rate exceeded")
        self.last = self.clock.now
        assert LookupAttributes == [{"AttributeKey": "ResourceName", "AttributeValue": STREAM}]
        begin = int(NextToken)
        page = [
            {"EventId": str(number), "EventName": one["eventName"], "CloudTrailEvent": json.dumps(one)}
            for number, one in enumerate(self.events[begin : begin + 2], start=begin)
        ]
        more = {"NextToken": str(begin + 2)} if begin + 2 < len(self.events) else {}
        return {"Events": page, **more}


def by_role(call: str, role: str) -> Answer:
    """An event of a role's session."""
    issuer = {"type": "Role", "userName": role, "arn": f"arn:aws:iam::123456789012:role/{role}"}
    who = {"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}}
    return {"eventName": call, "userIdentity": who}


def others() -> Iterator[Answer]:
    """What else is in the history: a user's call, a service's, and one of another role."""
    yield {"eventName": "DescribeStreamSummary", "userIdentity": {"type": "IAMUser", "userName": "caller"}}
    yield {"eventName": "Decrypt", "userIdentity": {"type": "AWSService", "invokedBy": "kinesis"}}
    yield by_role("DescribeStream", f"{NAME}-deployer")


def test_the_calls_of_the_functions_role_are_told_and_cloudtrail_is_asked_twice_a_second_at_most() -> None:
    clock, role = Clock(), f"{NAME}-ProcessOrdersRole"
    its_own = [by_role(call, role) for call in ("ListShards", "DescribeStream", "ListShards")]
    trail = Trail(clock, [*others(), *its_own])
    found = identity.principals(context_on(clock, cloudtrail=trail))
    assert found == {"role": role, "calls": ["DescribeStream", "ListShards"], "events": 6}


def test_a_history_without_the_functions_role_is_awaited_and_then_fails_the_check() -> None:
    clock = Clock()
    said = f"s: among 3 events of {STREAM} none is of {NAME}-ProcessOrdersRole"
    with pytest.raises(CheckFailedError, match=said):
        identity.principals(context_on(clock, cloudtrail=Trail(clock, list(others()))))
    assert 1200 <= clock.now < 1210
