"""What a role or a user may do and what not, asked call by call of a local cloud that evaluates policies."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.local.cloud import REGION, LocalCloud

# Service, operation and its arguments.
Call = tuple[str, str, dict[str, Any]]

_REFUSALS = {"AccessDenied", "AccessDeniedException"}

_PROGRAM = """
import botocore.session
from botocore.exceptions import ClientError

def handle(event, context):
    session, codes = botocore.session.get_session(), []
    for service, operation, arguments in event:
        client = session.create_client(service)
        method = next(m for m, o in client.meta.method_to_api_mapping.items() if o == operation)
        try:
            getattr(client, method)(**arguments)
            codes.append("")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    return codes
"""


def make_probe(local: LocalCloud, role: str) -> str:
    """A function that has this role (by logical id) and does the calls that it is sent; returns its name."""
    found = local.cloud.cloudformation.describe_stack_resource(
        StackName=local.deployment.name, LogicalResourceId=role
    )
    name = found["StackResourceDetail"]["PhysicalResourceId"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("probe.py", _PROGRAM)
    local.cloud.lambda_.create_function(
        FunctionName=f"Probe{role}",
        Runtime="python3.14",
        Role=local.cloud.client("iam").get_role(RoleName=name)["Role"]["Arn"],
        Handler="probe.handle",
        Timeout=60,
        Code={"ZipFile": code.getvalue()},
    )
    return f"Probe{role}"


def by_role(local: LocalCloud, probe: str, calls: Mapping[str, Call]) -> dict[str, str]:
    """What came of each call, made by the probe: "allowed", "refused", or another error's code."""
    answer = local.cloud.lambda_.invoke(FunctionName=probe, Payload=json.dumps(list(calls.values())).encode())
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return dict(zip(calls, map(_outcome, said), strict=True))


def by_user(local: LocalCloud, keys: tuple[str, str], calls: Sequence[Call]) -> list[str]:
    """The same for somebody with these keys."""
    cloud, outcomes = AwsClients(local.endpoint_url, REGION, access_key=keys[0], secret_key=keys[1]), []
    for service, operation, arguments in calls:
        client = cloud.client(service)
        names = {api: method for method, api in client.meta.method_to_api_mapping.items()}
        try:
            getattr(client, names[operation])(**arguments)
            outcomes.append(_outcome(""))
        except ClientError as error:
            outcomes.append(_outcome(error.response["Error"]["Code"]))
    return outcomes


def make_user(local: LocalCloud, name: str, policy: str) -> tuple[str, str]:
    """A user of IAM with this policy; returns the access key and its secret."""
    iam = local.cloud.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _outcome(code: str) -> str:
    return "refused" if code in _REFUSALS else code or "allowed"
