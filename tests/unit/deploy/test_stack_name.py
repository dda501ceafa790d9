"""A stack's name is refused before a build if something in the stack could not be named after it."""

from __future__ import annotations

import re

import pytest

from orderstream.aws.stack import StackDescription
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import document
from orderstream.deploy.stack_name import ensure_name, kept_names
from orderstream.errors import InputError

ACCOUNT = "123456789012"
LONGEST_REGION = "ap-southeast-1"


@pytest.mark.parametrize("name", ["orderstream", "orders-staging", "brand-b", "x", "a1-b2-c3"])
def test_a_name_of_lower_case_words_is_taken(name: str) -> None:
    ensure_name(name, LONGEST_REGION)


@pytest.mark.parametrize(
    "name", ["Orders", "1st", "orders_dev", "-a", "a-", "a--b", "", "ä", "a.b", "a/b", "a\n", "order-data"]
)
def test_a_name_that_a_bucket_or_a_database_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no stack can be called"):
        ensure_name(name, "eu-west-1")


def longest_bucket(stack: str, region: str) -> int:
    """The length of the longest bucket name that the template derives."""
    resources = document(TEMPLATE)["Resources"]
    names = []
    for logical_id in ("Archive", "DiscardedBatches"):
        found = re.findall(
            r"\$\{AWS::StackName\}[^']*\$\{Suffix\}", str(resources[logical_id]["Properties"]["BucketName"])
        )
        names += [
            one.replace("${AWS::StackName}", stack)
            .replace("${Suffix}", "-an")
            .replace("${AWS::AccountId}", ACCOUNT)
            .replace("${AWS::Region}", region)
            for one in found
        ]
    assert len(names) == 2
    return max(map(len, names))


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", LONGEST_REGION])
def test_the_longest_name_that_is_taken_fills_the_longest_name_of_a_bucket(region: str) -> None:
    taken = 0
    for length in range(1, 64):
        try:
            ensure_name("a" * length, region)
        except InputError as error:
            assert f"at most {taken} characters" in error.hint
            break
        taken = length
    assert longest_bucket("a" * taken, region) == 63


@pytest.mark.parametrize(
    ("parameter", "bucket", "kept"),
    [
        (
            "",
            f"order-data-archive-{ACCOUNT}-eu-west-1",
            {"ArchiveBucketName": f"order-data-archive-{ACCOUNT}-eu-west-1"},
        ),
        ("", f"order-data-archive-{ACCOUNT}-eu-west-1-an", {}),
        ("of-my-own", "of-my-own", {}),
    ],
)
def test_a_bucket_that_is_there_is_not_replaced_by_one_with_another_name(
    parameter: str, bucket: str, kept: dict[str, str]
) -> None:
    found = StackDescription(
        "id", "UPDATE_COMPLETE", {"ArchiveBucketName": parameter}, {"ArchiveBucket": bucket}
    )
    assert kept_names(found) == kept
