"""Taking a stack down waits for what is changing, and says which resource cannot be marked and why."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.deploy import destroy
from orderstream.deploy.inventory import BucketInventory, Inventory, collect
from orderstream.errors import DeploymentError
from orderstream.progress import no_progress
from orderstream.testing.fakes import client_error
from tests.integration.deployed import deploy

pytestmark = pytest.mark.system

NO_BUCKET = BucketInventory("no-such-bucket-of-orders", 0, 0, 0, 0)


def looked_at(cloud: AwsClients) -> Inventory:
    return collect(cloud, "orderstream", progress=no_progress)


class Busy:
    """Lambda, which is changing the mapping for as long as it was told to stop it `refusals` times."""

    def __init__(self, client: Any, refusals: int) -> None:
        self._client = client
        self.refusals = refusals

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_event_source_mapping(self, **request: Any) -> Any:
        if self.refusals:
            self.refusals -= 1
            raise client_error("ResourceInUseException")
        return self._client.update_event_source_mapping(**request)


@dataclass(frozen=True)
class BusyCloud(AwsClients):
    """A cloud with that Lambda."""

    @cached_property
    def lambda_(self) -> Any:
        return Busy(AwsClients.lambda_.func(self), 2)  # type: ignore[attr-defined]


class Tagging:
    """The Resource Groups Tagging API of an account in which nothing is tagged."""

    def __init__(self) -> None:
        self.marked: list[str] = []

    def get_paginator(self, operation: str) -> Tagging:
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        return [{"ResourceTagMappingList": []}]

    def tag_resources(self, ResourceARNList: list[str], Tags: dict[str, str]) -> dict[str, Any]:
        assert Tags == {"orderstream:stack": "orderstream"}
        self.marked += ResourceARNList
        return {"FailedResourcesMap": {}}


@dataclass(frozen=True)
class TaggingCloud(AwsClients):
    """A cloud with that API."""

    @cached_property
    def tagging(self) -> Any:
        return Tagging()


def alike(kind: type[AwsClients], cloud: AwsClients) -> AwsClients:
    return kind(cloud.endpoint_url, cloud.region, None, cloud.access_key, "test", cloud.session_token)


def test_a_mapping_that_is_changing_is_waited_for(cloud: AwsClients) -> None:
    deployment = deploy(cloud)
    cloud.lambda_.update_event_source_mapping(UUID=deployment.mapping_id, Enabled=True)
    busy: Any = alike(BusyCloud, cloud)
    done = destroy.destroy(
        busy, looked_at(cloud), delete_data=True, tell=lambda line: None, progress=no_progress
    )
    assert (busy.lambda_.refusals, done.left) == (0, [])
    assert done.after and done.after.standing is None


def test_what_cannot_be_marked_is_named_with_the_reason_and_the_stack_stays(cloud: AwsClients) -> None:
    deploy(cloud)
    found = looked_at(cloud)
    found = dataclasses.replace(found, buckets=(*found.buckets, NO_BUCKET))
    with pytest.raises(DeploymentError, match="no-such-bucket-of-orders: .*does not exist") as caught:
        destroy.destroy(cloud, found, delete_data=True, tell=lambda line: None, progress=no_progress)
    assert "\n" not in caught.value.message and caught.value.hint
    assert looked_at(cloud).standing


def test_what_stays_is_marked_in_its_partition_and_found_by_name_before_the_index_of_tags_has_it(
    cloud: AwsClients,
) -> None:
    deploy(cloud)
    tagging: Any = alike(TaggingCloud, cloud)
    found = looked_at(cloud)
    assert found.standing
    china = dataclasses.replace(found.standing, id=found.standing.id.replace("arn:aws:", "arn:aws-cn:"))
    destroy._tag_retained(tagging, found, china)
    assert f"arn:aws-cn:s3:::{found.buckets[0].name}" in tagging.tagging.marked
    done = destroy.destroy(tagging, found, delete_data=False, tell=lambda line: None, progress=no_progress)
    assert f"arn:aws:s3:::{found.buckets[0].name}" in tagging.tagging.marked
    assert done.after and [one.name for one in done.after.tables] == ["OrderEvents", "Orders"]
    assert [one.name for one in done.after.buckets] == [one.name for one in found.buckets]


def test_the_secrets_and_tables_of_webhooks_go_with_the_stack_and_nobody_elses(cloud: AwsClients) -> None:
    deploy(cloud, ChangeFeed="true", Webhooks="true")
    ours, others = "orderstream/orderstream/webhooks/wh-1", "orderstream/another/webhooks/wh-1"
    for name in (ours, others):
        cloud.secrets.create_secret(Name=name, SecretString="whsec_x")
    found = looked_at(cloud)
    assert found.secrets == (ours,)
    # They are no data that stays.
    assert [one.name for one in found.tables] == ["OrderEvents", "Orders"]
    done = destroy.destroy(cloud, found, delete_data=False, tell=lambda line: None, progress=no_progress)
    assert done.left == [] and done.after and done.after.secrets == ()
    assert cloud.dynamodb.list_tables()["TableNames"] == ["OrderEvents", "Orders"]
    assert [one["Name"] for one in cloud.secrets.list_secrets()["SecretList"]] == [others]
