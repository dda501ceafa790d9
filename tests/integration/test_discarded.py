"""Discarded batches have a bucket of their own, which the inventory and the alarms name."""

from __future__ import annotations

import uuid

from orderstream.aws.clients import AwsClients
from orderstream.deploy import inventory
from orderstream.progress import no_progress
from tests.integration.deployed import deploy
from tests.integration.discarded import given_up
from tests.integration.pipeline_harness import give_up


def test_discarded_batches_have_a_bucket_that_the_inventory_and_the_alarms_name(cloud: AwsClients) -> None:
    # Whatever the archive is called, what is not drained is told from it.
    deployment = deploy(cloud, ArchiveBucketName=f"z-{uuid.uuid4().hex}")
    for order_id in ("A", "B"):
        give_up(deployment, given_up([order_id]))
    found = inventory.collect(cloud, deployment.name, progress=no_progress)
    assert [(one.name, one.purpose, one.objects) for one in found.buckets] == [
        (deployment.discarded_bucket, inventory.DISCARDED, 2),
        (deployment.bucket, inventory.ARCHIVE, 0),
    ]
    assert found.pending and found.pending.discarded == 2

    pages = ("discarded-batches", "delivery-failures", "dropped-records")
    names = [f"{deployment.name}-{page}" for page in pages]
    alarms = cloud.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert len(alarms) == len(names)
    for alarm in alarms:
        assert f"s3://{deployment.discarded_bucket}" in alarm["AlarmDescription"]
