"""Discarded batches have a bucket of their own, which the inventory and the alarms name."""

from __future__ import annotations

import uuid
from importlib import import_module

from orderstream.aws.clients import AwsClients
from orderstream.deploy import inventory
from orderstream.progress import no_progress
from tests.integration.deployed import deploy
from tests.integration.discarded import given_up
from tests.integration.pipeline_harness import give_up


def test_what_is_not_drained_is_asked_of_the_archive_whatever_it_is_called(cloud: AwsClients) -> None:
    deployment = deploy(cloud, ArchiveBucketName=f"z-{uuid.uuid4().hex}")
    for order_id in ("A", "B"):
        give_up(deployment, given_up([order_id]))
    found = inventory.collect(cloud, deployment.name, code_bucket="", progress=no_progress)
    assert [(one.name, one.purpose, one.objects) for one in found.buckets] == [
        (deployment.discarded_bucket, inventory.DISCARDED, 2),
        (deployment.bucket, inventory.ARCHIVE, 0),
    ]
    assert found.pending and found.pending.discarded == 2


def test_the_alarms_about_discarded_batches_name_their_bucket(cloud: AwsClients) -> None:
    deployment = deploy(cloud)
    names = [
        f"{deployment.name}-{page}" for page in ("discarded-batches", "delivery-failures", "dropped-records")
    ]
    alarms = cloud.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert len(alarms) == len(names)
    for alarm in alarms:
        assert f"s3://{deployment.discarded_bucket}" in alarm["AlarmDescription"]


def test_the_destination_of_a_mapping_can_be_changed_without_making_it_anew() -> None:
    # CloudFormation's own schema, which cfn-lint ships without types.
    schemas = import_module("cfnlint.schema.manager").PROVIDER_SCHEMA_MANAGER
    schema = schemas.get_resource_schema("us-east-1", "AWS::Lambda::EventSourceMapping").schema
    assert "/properties/StartingPosition" in schema["createOnlyProperties"]
    assert not [one for one in schema["createOnlyProperties"] if "DestinationConfig" in one]
