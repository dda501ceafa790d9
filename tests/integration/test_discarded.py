"""A stack from before discarded batches had a bucket of their own gets one, and loses sight of nothing."""

from __future__ import annotations

import copy
import uuid
from importlib import import_module
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import Stack
from orderstream.deploy import inventory
from orderstream.recovery import dead_letters
from tests.integration.deployed import TEMPLATE_BODY, deploy
from tests.integration.pipeline_harness import give_up
from tests.integration.test_operators import given_up


def template_of_before() -> dict[str, Any]:
    """The template with a mapping that leaves discarded batches in the archive, and no output of a bucket."""
    body = copy.deepcopy(TEMPLATE_BODY)
    destination = body["Resources"]["OrdersToFunction"]["Properties"]["DestinationConfig"]["OnFailure"]
    destination["Destination"] = {"Fn::GetAtt": ["Archive", "Arn"]}
    del body["Outputs"]["DiscardedBucket"]
    return body


def destination_of(cloud: AwsClients, stack: Stack) -> str:
    mapping = cloud.lambda_.get_event_source_mapping(UUID=stack.mapping_id)
    return mapping["DestinationConfig"]["OnFailure"]["Destination"]


def waiting(cloud: AwsClients, stack: Stack) -> list[str]:
    return [failure.place for failure in dead_letters.read_batches(cloud, stack)]


def test_a_deployment_over_a_stack_of_before_turns_its_mapping_and_leaves_old_batches_where_they_are(
    cloud: AwsClients,
) -> None:
    before = deploy(cloud, template_of_before())
    assert destination_of(cloud, before) == f"arn:aws:s3:::{before.bucket}"
    old = f"s3://{before.bucket}/{give_up(cloud, before, given_up(['old']))}"
    assert (before.discarded_bucket, waiting(cloud, before)) == ("", [old])
    now = deploy(cloud)
    assert (now.mapping_id, now.bucket) == (before.mapping_id, before.bucket)
    assert destination_of(cloud, now) == f"arn:aws:s3:::{now.discarded_bucket}"
    new = f"s3://{now.discarded_bucket}/{give_up(cloud, now, given_up(['new']))}"
    assert waiting(cloud, now) == [new, old]


def test_what_is_not_drained_is_asked_of_the_archive_whatever_it_is_called(cloud: AwsClients) -> None:
    stack = deploy(cloud, ArchiveBucketName=f"z-{uuid.uuid4().hex}")
    for long_ago in (True, False, False):
        give_up(cloud, stack, given_up(["A"]), long_ago=long_ago)
    found = inventory.collect(cloud, stack.name, code_bucket="", progress=lambda what, done: None)
    assert [(one.name, one.purpose, one.objects) for one in found.buckets] == [
        (stack.discarded_bucket, inventory.DISCARDED, 2),
        (stack.bucket, inventory.ARCHIVE, 1),
    ]
    assert found.pending and found.pending.discarded == 3


def test_the_alarms_about_discarded_batches_name_their_bucket(cloud: AwsClients) -> None:
    stack = deploy(cloud)
    names = [f"{stack.name}-{page}" for page in ("discarded-batches", "delivery-failures", "dropped-records")]
    alarms = cloud.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert len(alarms) == len(names)
    for alarm in alarms:
        assert f"s3://{stack.discarded_bucket}" in alarm["AlarmDescription"]


def test_the_destination_of_a_mapping_can_be_changed_without_making_it_anew() -> None:
    # CloudFormation's own schema, which cfn-lint ships without types.
    schemas = import_module("cfnlint.schema.manager").PROVIDER_SCHEMA_MANAGER
    schema = schemas.get_resource_schema("us-east-1", "AWS::Lambda::EventSourceMapping").schema
    assert "/properties/StartingPosition" in schema["createOnlyProperties"]
    assert not [one for one in schema["createOnlyProperties"] if "DestinationConfig" in one]
