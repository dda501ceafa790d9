"""template.yaml deployed to an account of MiniStack without SAM CLI, and with empty functions."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Mapping
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.aws.stack import DEFAULT_STACK, describe_stack
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import document

TEMPLATE_BODY = document(TEMPLATE)


def deploy(
    cloud: AwsClients, template: Mapping[str, Any] = TEMPLATE_BODY, /, **parameters: str
) -> Deployment:
    """The stack of a template with these values for its parameters, made anew or changed."""
    bucket = f"code-{uuid.uuid4().hex}"
    cloud.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("empty.py", "")
    cloud.s3.put_object(Bucket=bucket, Key="code.zip", Body=code.getvalue())
    body = json.loads(json.dumps(template))
    for resource in body["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/code.zip"
    # MiniStack makes buckets without their lifecycle and their lock: so the stack says what they are to be.
    body["Transform"] = ["AWS::LanguageExtensions", body["Transform"]]
    for name in ("Archive", "DiscardedBatches"):
        shown = {"Fn::ToJsonString": body["Resources"][name]["Properties"]}
        body["Outputs"][f"{name}Properties"] = {"Value": shown}
    # CloudFormation takes so large a template from a bucket only.
    cloud.s3.put_object(Bucket=bucket, Key="template.json", Body=json.dumps(body).encode())
    is_there = describe_stack(cloud, DEFAULT_STACK) is not None
    act = cloud.cloudformation.update_stack if is_there else cloud.cloudformation.create_stack
    act(
        StackName=DEFAULT_STACK,
        TemplateURL=f"{cloud.endpoint_url}/{bucket}/template.json",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in ({"EventSource": "false"} | parameters).items()
        ],
    )
    waiter: Any = cloud.cloudformation.get_waiter(
        "stack_update_complete" if is_there else "stack_create_complete"
    )
    waiter.wait(StackName=DEFAULT_STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return find_deployment(cloud, DEFAULT_STACK)


def bucket_properties(cloud: AwsClients, name: str = "Archive") -> dict[str, Any]:
    """The properties of a bucket of the stack, with parameters and conditions resolved by CloudFormation."""
    (stack,) = cloud.cloudformation.describe_stacks(StackName=DEFAULT_STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    properties: dict[str, Any] = json.loads(outputs[f"{name}Properties"])
    return properties
