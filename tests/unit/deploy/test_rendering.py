"""The template that is deployed has the order model: its columns, its indexes, and who may read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orderstream import __version__
from orderstream.deploy.artifact import TEMPLATE
from orderstream.deploy.deployed_model import METADATA
from orderstream.deploy.parameters import document
from orderstream.deploy.rendering import MODEL_OUTPUT, VERSION_OUTPUT, model_output, rendered
from orderstream.domain.model_check import MOST_INDEXES
from orderstream.project.config import Project, ProjectFile
from orderstream.project.current import work_in

MODEL = """
from enum import Enum
from typing import Annotated
import orderstream
class Kind(Enum):
    ONE = 1
class Line(orderstream.Item):
    colour: orderstream.Name = "black"
class Order(orderstream.Order):
    items: tuple[Line, ...] | None = None
    merchant_id: Annotated[orderstream.Name, orderstream.indexed]
    kind: Annotated[Kind, orderstream.indexed] = Kind.ONE
"""


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    (tmp_path / "order.py").write_text(MODEL)
    (tmp_path / "other.py").write_text("")
    found = Project(tmp_path, ProjectFile())
    work_in(found)
    yield found
    work_in(None)


def test_without_a_project_the_template_is_as_it_stands_but_for_its_version() -> None:
    template = document(TEMPLATE)
    found = rendered(template)
    assert found["Outputs"][VERSION_OUTPUT]["Value"] == __version__
    assert found["Outputs"][MODEL_OUTPUT]["Value"] == f"orderstream:Order {__version__}"
    assert "customer_id" in found["Metadata"][METADATA]["properties"]
    assert {name: part for name, part in found.items() if name not in ("Outputs", "Metadata")} == {
        name: part for name, part in template.items() if name not in ("Outputs", "Metadata")
    }


def test_the_functions_are_told_which_model_they_have(project: Project) -> None:
    variables = rendered(document(TEMPLATE))["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["ORDER_MODEL"] == "order:Order"


OWN_INDEXES = ["ByPending", "ByMerchantID", "ByKind"]


def test_every_table_and_view_of_athena_has_the_columns_of_the_model(project: Project) -> None:
    found = rendered(document(TEMPLATE))
    for name in ("Compacted", "Records", "DistinctOrders"):
        columns = found["Resources"][name]["Properties"]["TableInput"]["StorageDescriptor"]["Columns"]
        assert {"Name": "merchant_id", "Type": "string"} in columns
    views = found["Mappings"]["Views"]
    assert '"merchant_id"' in views["Records"]["Columns"]
    assert "merchant_id" in views["Records"]["Sql"] and "merchant_id" in views["Orders"]["Sql"]
    # An event has none of the order's fields, but its items are like those of the order.
    events = found["Resources"]["LifecycleEvents"]["Properties"]["TableInput"]["StorageDescriptor"]["Columns"]
    types = {column["Name"]: column["Type"] for column in events}
    assert "merchant_id" not in types and "colour:string" in types["items"]
    assert "colour varchar" in views["Events"]["Columns"] and "item.colour" in views["Events"]["Sql"]


def test_the_table_has_an_index_for_each_indexed_field_with_and_without_that_by_customer(
    project: Project,
) -> None:
    table = rendered(document(TEMPLATE))["Resources"]["Orders"]["Properties"]
    for has_customer, names in ((True, ["ByCustomer", *OWN_INDEXES]), (False, OWN_INDEXES)):
        indexes = _chosen(table["GlobalSecondaryIndexes"], has_customer)
        assert [one["IndexName"] for one in indexes] == names
        attributes = _chosen(table["AttributeDefinitions"], has_customer)
        types = {one["AttributeName"]: one["AttributeType"] for one in attributes}
        keys = {key["AttributeName"] for one in indexes for key in one["KeySchema"]} | {"OrderID"}
        assert types.keys() == keys
        assert (types["MerchantID"], types["Kind"]) == ("S", "N")


def test_every_index_scales_for_itself_as_that_by_customer_does(project: Project) -> None:
    resources = rendered(document(TEMPLATE))["Resources"]
    before = document(TEMPLATE)["Resources"]
    added = {name: one for name, one in resources.items() if name not in before}
    assert len(added) == 8 and {one["Condition"] for one in added.values()} == {"Provisioned"}
    for index in ("ByMerchantID", "ByKind"):
        for kind in ("Write", "Read"):
            target, policy = added[f"{index}{kind}Target"], added[f"{index}{kind}Scaling"]
            assert target["Properties"] == before[f"ByCustomer{kind}Target"]["Properties"] | {
                "ResourceId": {"Fn::Sub": f"table/${{Orders}}/index/{index}"}
            }
            assert policy["Properties"]["ScalingTargetId"] == {"Ref": f"{index}{kind}Target"}


def _chosen(entries: list[dict[str, Any]], condition: bool) -> list[dict[str, Any]]:
    """The entries of a list if the condition in it has this value."""
    chosen = [one["Fn::If"][1 if condition else 2] if "Fn::If" in one else one for one in entries]
    return [one for one in chosen if one != {"Ref": "AWS::NoValue"}]


def test_the_alarm_on_throttled_writes_counts_every_index(project: Project) -> None:
    alarm = rendered(document(TEMPLATE))["Resources"]["TableThrottledAlarm"]["Properties"]
    *metrics, result = alarm["Metrics"]
    names = [one["MetricStat"]["Metric"]["Dimensions"][1]["Value"] for one in metrics[4:]]
    assert names == ["ByMerchantID", "ByKind"]
    with_customer, without = result["Expression"]["Fn::If"][1:]
    assert with_customer == "FILL(SUM([table, index, pending, events, index0, index1]), 0)"
    assert without == "FILL(SUM([table, pending, events, index0, index1]), 0)"
    # What an alarm of CloudWatch can have.
    assert len(metrics) + MOST_INDEXES - len(names) == 10
    assert (
        document(TEMPLATE)["Resources"]["TableThrottledAlarm"]["Properties"]["Metrics"][-1]["Id"] == "result"
    )


def test_the_api_may_query_the_indexes_and_nothing_more(project: Project) -> None:
    def statements(template: Any) -> list[Any]:
        found: list[Any] = template["Resources"]["OrdersApiRole"]["Properties"]["Policies"][0][
            "PolicyDocument"
        ]["Statement"]
        return found

    *before, added = statements(rendered(document(TEMPLATE)))
    assert before == statements(document(TEMPLATE))
    assert added["Action"] == "dynamodb:Query"
    assert [one["Fn::Sub"] for one in added["Resource"]] == [
        "${Orders.Arn}/index/ByMerchantID",
        "${Orders.Arn}/index/ByKind",
    ]


def test_what_a_stack_says_of_its_model_changes_with_its_code_alone(project: Project) -> None:
    before = model_output()
    assert before.startswith("order:Order ")
    (project.root / "other.py").write_text("# not imported")
    assert model_output() == before
    (project.root / "order.py").write_text(MODEL + "# edited\n")
    assert model_output() != before
