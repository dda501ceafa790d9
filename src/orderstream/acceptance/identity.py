"""Checks of permissions: how DynamoDB denies a statement, and as which role Lambda reads the stream."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from orderstream.acceptance import roles
from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.acceptance.roles import TemporaryRole
from orderstream.acceptance.traffic import new_orders
from orderstream.aws.clients import AwsClients
from orderstream.errors import CheckFailedError, CloudError
from orderstream.pipeline.table import OrderTable
from orderstream.sdk.errors import error_code, translate_errors

# CloudTrail reports a call within 15 minutes, and allows two lookups a second.
_TRAIL_SECONDS, _PAGE_SECONDS = 1200.0, 0.6
_STRANGER = "-stranger"


def refused_statement(context: Context) -> Evidence:
    """A role without permissions inserts an order: the function's code classifies the denial correctly."""
    name = context.name + _STRANGER
    # A caller that may not create roles may not be able to list them either: nothing is created or removed
    # then.
    role = replace(TemporaryRole.make(context.cloud, name, []), clock=context.clock, sleep=context.sleep)
    try:
        cloud = role.assumed()
        table = context.deployment.table
        answer = context.until(lambda: _refused(cloud, table), seconds=60, what="the refusal")
        (order,) = new_orders("stranger", 1)
        try:
            OrderTable(cloud.dynamodb, table).insert([{"OrderID": order["order_id"]}], lambda: 10)
        except CloudError as error:
            return {"answer": answer, "function": error.message}
        raise CheckFailedError("the function's code does not take the refusal for one of the table")
    finally:
        roles.remove(context.cloud, name)


def _refused(cloud: AwsClients, table: str) -> str:
    """How DynamoDB denies an insert: the whole call, or the statement in its response."""
    statement = f"INSERT INTO \"{table}\" VALUE {{'OrderID': ?}}"
    try:
        answer: Any = cloud.dynamodb.batch_execute_statement(
            Statements=[{"Statement": statement, "Parameters": [{"S": "stranger"}]}]
        )
    except ClientError as error:
        code = error_code(error)
        expect(code == "AccessDeniedException", f"the call is refused with {code}")
        return f"the call: {code}"
    code = answer["Responses"][0].get("Error", {}).get("Code")
    expect(code == "AccessDenied", f"the statement is answered with {code or 'success'}")
    return f"the statement: {code}"


def principals(context: Context) -> Evidence:
    """CloudTrail shows that Lambda reads the stream as the function's role."""
    role, stream = context.physical_id("ProcessOrdersRole"), context.deployment.stream
    trail = context.cloud.client("cloudtrail")

    def look() -> Evidence:
        with translate_errors("cannot read CloudTrail's history"):
            pages = trail.get_paginator("lookup_events").paginate(
                LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": stream}],
                PaginationConfig={"MaxItems": 500},
            )
            events: list[dict[str, Any]] = []
            for page in pages:
                events += [json.loads(one["CloudTrailEvent"]) for one in page["Events"]]
                context.sleep(_PAGE_SECONDS)
        calls = sorted({one["eventName"] for one in events if _issuer(one) == role})
        expect(calls, f"among {len(events)} events of {stream} none is of {role}")
        return {"role": role, "calls": calls, "events": len(events)}

    return context.until(look, seconds=_TRAIL_SECONDS, what="CloudTrail")


def _issuer(event: dict[str, Any]) -> str:
    """The role whose session made the call."""
    session = event.get("userIdentity", {}).get("sessionContext", {})
    return str(session.get("sessionIssuer", {}).get("userName", ""))
