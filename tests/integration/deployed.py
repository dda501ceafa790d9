"""template.yaml deployed to an account of MiniStack without SAM CLI, and with empty functions."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from orderstream.ops.artifact import TEMPLATE
from orderstream.ops.cloud import Cloud
from orderstream.ops.stack import DEFAULT_STACK, Stack, find_stack

TEMPLATE_BODY: dict[str, Any] = yaml_parse(TEMPLATE.read_text())


def deploy(cloud: Cloud, **parameters: str) -> Stack:
    """The stack with these values for the template's parameters."""
    bucket = f"code-{uuid.uuid4().hex}"
    cloud.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("empty.py", "")
    cloud.s3.put_object(Bucket=bucket, Key="code.zip", Body=code.getvalue())
    body = json.loads(json.dumps(TEMPLATE_BODY))
    for function in ("ProcessOrders", "KeepArchive", "OrdersApi", "Canary"):
        body["Resources"][function]["Properties"]["CodeUri"] = f"s3://{bucket}/code.zip"
    # MiniStack makes the bucket without its lifecycle and its lock: so the stack says what they are to be.
    body["Transform"] = ["AWS::LanguageExtensions", body["Transform"]]
    shown = {"Fn::ToJsonString": body["Resources"]["Archive"]["Properties"]}
    body["Outputs"]["ArchiveProperties"] = {"Value": shown}
    # CloudFormation takes so large a template from a bucket only.
    cloud.s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(body).encode())
    cloud.cloudformation.create_stack(
        StackName=DEFAULT_STACK,
        TemplateURL=f"{cloud.endpoint_url}/{bucket}/template.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in ({"EventSource": "false"} | parameters).items()
        ],
    )
    waiter = cloud.cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=DEFAULT_STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return find_stack(cloud, DEFAULT_STACK)


def archive_properties(cloud: Cloud) -> dict[str, Any]:
    """The properties of the archive's bucket, with parameters and conditions resolved by CloudFormation."""
    (stack,) = cloud.cloudformation.describe_stacks(StackName=DEFAULT_STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    properties: dict[str, Any] = json.loads(outputs["ArchiveProperties"])
    return properties
