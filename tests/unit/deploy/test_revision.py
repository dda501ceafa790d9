"""A function's revision changes if and only if its code or one of its settings does."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import declared, defaults, document
from orderstream.deploy.revision import PARAMETER, revision

VALUES = defaults(declared(TEMPLATE))
NOTHING: Mapping[str, str] = {}
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"


def of(values: Mapping[str, str] = NOTHING, template: Mapping[str, Any] = document(TEMPLATE)) -> str:
    return revision(template, "ProcessOrders", {**VALUES, **values})


def test_the_same_code_and_settings_have_the_same_revision() -> None:
    assert of() == of({PARAMETER: "another"})


@pytest.mark.parametrize(
    "changed",
    [
        # In the environment, in a property, and only by a condition.
        {"DefaultCurrency": "USD"},
        {"LatencyObjectiveSeconds": "60"},
        {"ArchiveLayout": "order"},
        {"Tracing": "Active"},
        {"KmsKeyArn": KEY},
    ],
)
def test_a_setting_of_the_function_changes_it(changed: dict[str, str]) -> None:
    assert of(changed) != of()


@pytest.mark.parametrize(
    "changed", [{"AlarmEmail": "a@example.com"}, {"BatchSize": "7"}, {"CanaryMinutes": "1"}]
)
def test_what_the_function_does_not_depend_on_leaves_it(changed: dict[str, str]) -> None:
    assert of(changed) == of()


def test_other_code_changes_it() -> None:
    template = copy.deepcopy(dict(document(TEMPLATE)))
    template["Resources"]["ProcessOrders"]["Properties"]["CodeUri"] = "s3://bucket/other"
    assert of(template=template) != of()


def test_another_global_setting_of_functions_changes_it() -> None:
    template = copy.deepcopy(dict(document(TEMPLATE)))
    template["Globals"]["Function"]["Runtime"] = "python3.99"
    assert of(template=template) != of()


def test_sam_takes_it_for_the_version_that_it_publishes() -> None:
    assert of().isalnum() and len(of()) >= 10
    properties = document(TEMPLATE)["Resources"]["ProcessOrders"]["Properties"]
    assert properties["AutoPublishCodeSha256"] == {"Ref": PARAMETER}
    # A version whose function has not changed cannot be published: so the revision is one of its settings.
    assert PARAMETER in str(properties["Environment"]["Variables"]["REVISION"])
