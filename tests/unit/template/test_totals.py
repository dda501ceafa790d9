"""The totals have a table, a function and an alarm, and read the stream of the table of orders."""

from __future__ import annotations

import pytest

from tests.integration.expanded import expanded, resources


@pytest.mark.parametrize("given", [{}, {"Totals": "true"}, {"ChangeFeed": "true"}])
def test_the_table_has_a_stream_if_somebody_reads_it(given: dict[str, str]) -> None:
    orders = resources("AWS::DynamoDB::Table", given)["Orders"]
    assert orders.get("StreamSpecification") == ({"StreamViewType": "NEW_AND_OLD_IMAGES"} if given else None)
    readers = [
        name
        for name, mapping in resources("AWS::Lambda::EventSourceMapping", given).items()
        if mapping["EventSourceArn"] == {"Fn::GetAtt": ["Orders", "StreamArn"]}
    ]
    assert len(readers) == len(given)


def test_a_stack_without_totals_has_nothing_of_them() -> None:
    assert not [name for name in expanded()["Resources"] if "Totals" in name]


def test_no_change_is_given_up_and_the_totals_go_with_the_stack() -> None:
    found = expanded({"Totals": "true"})["Resources"]
    mapping = found["OrdersToTotals"]["Properties"]
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (-1, -1)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "DeletionPolicy" not in found["TotalsTable"]
    assert found["TotalsTable"]["Properties"]["TimeToLiveSpecification"]["AttributeName"] == "ExpiresAt"
