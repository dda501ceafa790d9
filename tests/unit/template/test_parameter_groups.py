"""The console of CloudFormation shows the parameters in groups."""

from __future__ import annotations

from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.parameters import document

GROUPS = document(TEMPLATE)["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]


def test_every_parameter_is_in_one_group_and_the_file_has_the_order_of_the_groups() -> None:
    grouped = [name for group in GROUPS for name in group["Parameters"]]
    assert grouped == list(document(TEMPLATE)["Parameters"])


def test_every_group_has_a_label_of_its_own() -> None:
    labels = {group["Label"]["default"] for group in GROUPS}
    assert all(labels) and len(labels) == len(GROUPS)
