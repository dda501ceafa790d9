"""Parts of a template come to the text that CloudFormation makes of them, or are known not to be known."""

from __future__ import annotations

from typing import Any

import pytest

from orderstream.deploy.intrinsics import Resolver

VALUES = {"Name": "", "Count": "0", "AWS::StackName": "brand-b", "AWS::Region": "eu-west-1"}
CONDITIONS = {
    "Named": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Name"}, ""]}]},
    "None": {"Fn::Equals": [{"Ref": "Count"}, 0]},
    "Either": {"Fn::Or": [{"Condition": "Named"}, {"Condition": "None"}]},
    "Both": {"Fn::And": [{"Condition": "Named"}, {"Condition": "None"}]},
}
RESOLVER = Resolver(VALUES, CONDITIONS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Orders", "Orders"),
        (7, "7"),
        ({"Ref": "Count"}, "0"),
        ({"Ref": "SomeResource"}, None),
        ({"Fn::GetAtt": ["SomeResource", "Arn"]}, None),
        ({"Fn::Sub": "${AWS::StackName}-Orders"}, "brand-b-Orders"),
        ({"Fn::Sub": "${AWS::StackName}-${!Literal}"}, "brand-b-${Literal}"),
        ({"Fn::Sub": "archive-${AWS::AccountId}"}, None),
        ({"Fn::Sub": ["${Own}-${AWS::Region}", {"Own": {"Ref": "AWS::StackName"}}]}, "brand-b-eu-west-1"),
        ({"Fn::If": ["Named", {"Ref": "Name"}, {"Fn::Sub": "derived-${AWS::Region}"}]}, "derived-eu-west-1"),
        ({"Fn::If": ["None", "yes", {"Ref": "SomeResource"}]}, "yes"),
        ({"Fn::Join": ["_", {"Fn::Split": ["-", {"Ref": "AWS::StackName"}]}]}, "brand_b"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Count"}]]}, "a/0"),
        ({"Fn::Join": ["/", ["a", {"Ref": "SomeResource"}]]}, None),
    ],
)
def test_a_value_comes_to_its_text_or_is_not_known(value: Any, text: str | None) -> None:
    assert RESOLVER.text(value) == text


@pytest.mark.parametrize(
    ("condition", "holds"),
    [(None, True), ("Named", False), ("None", True), ("Either", True), ("Both", False)],
)
def test_a_condition_holds_as_it_is_written(condition: str | None, holds: bool) -> None:
    assert RESOLVER.holds(condition) is holds
