"""What DynamoDB cannot do in one update is refused before anything is built."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from orderstream.aws.stack import StackDescription
from orderstream.deploy.model_gate import check_model
from orderstream.errors import InputError
from orderstream.progress import no_progress


class Tables:
    """DynamoDB with the table Orders that has these indexes."""

    def __init__(self, *indexes: str) -> None:
        self._indexes = [{"IndexName": name} for name in indexes]

    def describe_table(self, TableName: str) -> dict[str, Any]:  # noqa: N803
        assert TableName == "Orders"
        return {"Table": {"GlobalSecondaryIndexes": self._indexes} if self._indexes else {}}


def check(*indexes: str, had: str = "true", **given: str) -> object:
    """Check an upgrade of a stack of a version before projects, whose table has these indexes."""
    outputs = {"StreamName": "OrderStream", "TableName": "Orders", "EventSourceMapping": "m"}
    found = StackDescription(
        "arn:aws:cloudformation:::stack/s", "UPDATE_COMPLETE", {"CustomerIndex": had}, outputs
    )
    cloud: Any = SimpleNamespace(dynamodb=Tables(*indexes))
    return check_model(cloud, "s", found, given, age=timedelta(days=1), progress=no_progress)


def test_a_stack_of_a_version_without_events_gets_its_index_in_one_update() -> None:
    assert check("ByCustomer") is None
    assert check(had="false") is None


def test_with_another_index_it_would_be_two_updates() -> None:
    with pytest.raises(InputError, match="ByCustomer, ByPending") as refused:
        check("ByCustomer", CustomerIndex="false")
    assert "ByPending" in refused.value.hint
    # What is not asked for stays as it is.
    assert check("ByCustomer", "ByPending", CustomerIndex="false") is None
    with pytest.raises(InputError, match="ByMerchantID, ByPending"):
        check("ByCustomer", "ByMerchantID")
