"""What an earlier stack left is found whatever the index of tags says, and nothing else is taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.deploy import parameters
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.retained import (
    BUCKET,
    LOG_GROUP,
    TABLE,
    TAG,
    Named,
    RetainedResources,
    find_retained,
    names_in,
)

NAMED = (
    Named("Orders", TABLE, "Orders"),
    Named("Archive", BUCKET, "archive"),
    Named("ProcessOrdersLog", LOG_GROUP, "/aws/lambda/ProcessOrders"),
)
ARNS = {"Orders": "arn:aws:dynamodb:eu-west-1:1:table/Orders", "archive": "arn:aws:s3:::archive"}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Any")


class Index:
    """Resource Groups Tagging: lists the ARNs that it has heard of."""

    def __init__(self, arns: list[str]) -> None:
        self._arns = arns

    def get_paginator(self, name: str) -> Index:
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        # A page each.
        return [{"ResourceTagMappingList": [{"ResourceARN": arn}]} for arn in self._arns]


class Tables:
    """DynamoDB: tables with their tags; the first look at those in `going` finds them being deleted."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]], going: tuple[str, ...] = ()) -> None:
        self.tables = dict(tables)
        self.going = set(going)

    def describe_table(self, TableName: str) -> dict[str, Any]:  # noqa: N803
        if TableName not in self.tables:
            raise refused("ResourceNotFoundException")
        status = "DELETING" if TableName in self.going else "ACTIVE"
        return {
            "Table": {"TableArn": f"arn:aws:dynamodb:eu-west-1:1:table/{TableName}", "TableStatus": status}
        }

    def get_waiter(self, name: str) -> Tables:
        assert name == "table_not_exists"
        return self

    def wait(self, TableName: str) -> None:  # noqa: N803
        self.going.remove(TableName)
        del self.tables[TableName]

    def get_paginator(self, name: str) -> Tables:
        assert name == "list_tags_of_resource"
        return self

    def paginate(self, ResourceArn: str) -> list[dict[str, Any]]:  # noqa: N803
        tags = self.tables[ResourceArn.rpartition("/")[2]]
        return [{"Tags": [{"Key": key, "Value": value}]} for key, value in tags.items()]


class Buckets:
    """S3: buckets of ours with their tags, and the names of those of other accounts."""

    def __init__(self, buckets: Mapping[str, Mapping[str, str]], foreign: tuple[str, ...] = ()) -> None:
        self.buckets = buckets
        self.foreign = foreign

    def head_bucket(self, Bucket: str) -> None:  # noqa: N803
        if Bucket not in self.buckets:
            raise refused("403" if Bucket in self.foreign else "404")

    def get_bucket_tagging(self, Bucket: str) -> dict[str, Any]:  # noqa: N803
        if Bucket not in self.buckets:
            raise refused("NoSuchBucket")
        if not self.buckets[Bucket]:
            raise refused("NoSuchTagSet")
        return {"TagSet": [{"Key": key, "Value": value} for key, value in self.buckets[Bucket].items()]}


class Logs:
    def __init__(self, *names: str) -> None:
        self.names = names

    def describe_log_groups(self, logGroupNamePrefix: str) -> dict[str, Any]:  # noqa: N803
        found = [name for name in self.names if name.startswith(logGroupNamePrefix)]
        return {"logGroups": [{"logGroupName": name} for name in found]}


class Account:
    """What is there, and what the index of tags says of it."""

    def __init__(
        self,
        *,
        index: tuple[str, ...] = (),
        tables: Mapping[str, Mapping[str, str]] | None = None,
        buckets: Mapping[str, Mapping[str, str]] | None = None,
        logs: tuple[str, ...] = (),
        foreign: tuple[str, ...] = (),
        going: tuple[str, ...] = (),
    ) -> None:
        self.tagging = Index([ARNS[name] for name in index])
        self.dynamodb = Tables(tables or {}, going)
        self.s3 = Buckets(buckets or {}, foreign)
        self.logs = Logs(*logs)


def found(account: Account) -> RetainedResources:
    return find_retained(cast(AwsClients, account), "orderstream", NAMED)


OURS = {TAG: "orderstream"}


def test_what_the_index_has_not_heard_of_yet_is_found_by_its_name() -> None:
    account = Account(tables={"Orders": {"team": "shop", **OURS}}, buckets={"archive": OURS})
    assert found(account) == RetainedResources(("Orders",), ("archive",))


def test_what_has_gone_is_not_found_though_the_index_still_lists_it() -> None:
    assert found(Account(index=("Orders", "archive"))) == RetainedResources()


def test_what_the_index_lists_under_another_name_is_found_too() -> None:
    account = Account(index=("Orders", "archive"), tables={"Orders": OURS}, buckets={"archive": OURS})
    assert find_retained(cast(AwsClients, account), "orderstream") == RetainedResources(
        ("Orders",), ("archive",)
    )


@pytest.mark.parametrize("tags", [{}, {"team": "shop"}, {TAG: "staging"}])
def test_what_has_another_tag_or_none_is_there_and_nobody_of_the_name_left_it(tags: dict[str, str]) -> None:
    account = Account(tables={"Orders": tags}, buckets={"archive": tags})
    left = found(account)
    assert left == RetainedResources(others=("Orders", "archive"))
    assert left.names == {"Orders", "archive"} and not left.own


def test_a_bucket_of_another_account_is_taken() -> None:
    left = found(Account(foreign=("archive",)))
    assert left == RetainedResources(taken=("archive",))
    assert not left.names


def test_a_table_that_is_being_deleted_is_waited_for_and_then_gone() -> None:
    account = Account(index=("Orders",), tables={"Orders": OURS}, going=("Orders",))
    assert found(account) == RetainedResources()
    assert not account.dynamodb.tables


def test_a_log_group_that_a_function_left_is_found_by_its_whole_name() -> None:
    assert found(Account(logs=("/aws/lambda/ProcessOrders",))).logs == ("/aws/lambda/ProcessOrders",)
    assert found(Account(logs=("/aws/lambda/ProcessOrders2",))) == RetainedResources()


def names(**given: str) -> dict[str, str]:
    pseudo = {"AWS::StackName": "orderstream", "AWS::Region": "eu-west-1", "AWS::AccountId": "111122223333"}
    known = parameters.defaults(parameters.declared(TEMPLATE))
    found = names_in(parameters.document(TEMPLATE), {**known, **pseudo, **given})
    return {one.logical_id: one.name for one in found}


def test_the_names_are_those_of_the_template_with_its_parameters() -> None:
    usual = names()
    assert usual["Orders"] == "Orders"
    assert "111122223333-eu-west-1" in usual["Archive"]
    assert names(ArchiveBucketName="mine")["Archive"] == "mine"
    assert "CanaryLog" not in usual
    assert names(CanaryMinutes="5")["CanaryLog"] == "/aws/lambda/Canary"


def test_everything_that_stays_behind_goes_again_if_its_creation_fails_and_can_be_found_by_its_name() -> None:
    template = parameters.document(TEMPLATE)
    staying = {name: one for name, one in template["Resources"].items() if "DeletionPolicy" in one}
    assert set(staying) >= {"Orders", "Archive"} and set(staying) <= set(names())
    for one in staying.values():
        assert (one["DeletionPolicy"], one["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
        assert TAG in [tag["Key"] for tag in one["Properties"]["Tags"]]
