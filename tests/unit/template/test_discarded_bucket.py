"""Of the buckets that a stack leaves, the archive is told from the one for discarded batches by its name."""

from __future__ import annotations

import re

import pytest

from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import document
from orderstream.deploy.retained import is_discarded


def derived_names(logical_id: str, stack: str) -> list[str]:
    """The names that the template can derive for a bucket of the stack."""
    naming = str(document(TEMPLATE)["Resources"][logical_id]["Properties"]["BucketName"])
    known = r"order-data-" if stack == "orderstream" else r"\$\{AWS::StackName\}-"
    found = re.findall(known + r"[a-z]+-\$\{AWS::AccountId\}-\$\{AWS::Region\}", naming)
    assert found
    values = {"${AWS::StackName}": stack, "${AWS::AccountId}": "123456789012", "${AWS::Region}": "eu-west-1"}
    for name, value in values.items():
        found = [one.replace(name, value) for one in found]
    # In the namespace of the account and region, and where there is none.
    return [one + end for one in found for end in ("-an", "")]


@pytest.mark.parametrize(
    "stack", ["orderstream", "staging", "brand-b", "is-discarded", "x-discarded-123456789012"]
)
def test_the_bucket_of_discarded_batches_is_known_by_the_name_that_the_template_gives_it(stack: str) -> None:
    assert all(is_discarded(stack, name) for name in derived_names("DiscardedBatches", stack))
    archives = [
        *derived_names("Archive", stack),
        "order-data-archive",
        "elsewhere",
        "discarded",
        f"{stack}-discarded",
    ]
    assert not [name for name in archives if is_discarded(stack, name)]


def test_the_buckets_of_other_stacks_are_none_of_its_own() -> None:
    other = "staging-discarded-123456789012-eu-west-1-an"
    assert is_discarded("staging", other)
    assert not is_discarded("orderstream", other) and not is_discarded("stag.ng", other)
