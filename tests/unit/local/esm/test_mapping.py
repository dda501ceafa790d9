"""The event source obeys the deployed mapping, and refuses one that it would not serve as AWS does."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.errors import CloudError
from orderstream.local.esm.lanes import Rules
from orderstream.local.esm.mapping import Mapping, read_mapping
from orderstream.local.esm.shards import TRIM_HORIZON

STREAM = "arn:aws:kinesis:eu-west-1:000000000001:stream/OrderStream"
FUNCTION = "arn:aws:lambda:eu-west-1:000000000001:function:ProcessOrders"
BARE: dict[str, Any] = {
    "UUID": "mapping",
    "State": "Disabled",
    "EventSourceArn": STREAM,
    "FunctionArn": FUNCTION,
    "StartingPosition": "TRIM_HORIZON",
}


class FakeCloud:
    def __init__(self, deployed: dict[str, Any]) -> None:
        self.deployed = deployed

    @property
    def lambda_(self) -> FakeCloud:
        return self

    def get_event_source_mapping(self, **_: str) -> dict[str, Any]:
        return self.deployed

    def get_function_configuration(self, **_: str) -> dict[str, Any]:
        return {"Role": "arn:aws:iam::000000000001:role/function"}


def read(**settings: Any) -> Mapping:
    return read_mapping(cast(AwsClients, FakeCloud(BARE | settings)), "mapping")


def test_what_the_mapping_omits_is_as_aws_has_it() -> None:
    mapping = read()
    assert mapping.rules == Rules(
        batch_size=100,
        window_seconds=0,
        parallelization_factor=1,
        max_retries=-1,
        max_age_seconds=-1,
        bisect=False,
        reports_failures=False,
    )
    assert (mapping.destination, mapping.starting) == ("", TRIM_HORIZON)
    assert mapping.function_name == "ProcessOrders"
    assert mapping.role_arn == "arn:aws:iam::000000000001:role/function"


@pytest.mark.parametrize("as_text", [False, True])
def test_every_setting_is_read_as_cloudformation_may_leave_it(as_text: bool) -> None:
    settings: dict[str, Any] = {
        "BatchSize": 7,
        "MaximumBatchingWindowInSeconds": 5,
        "ParallelizationFactor": 4,
        "MaximumRetryAttempts": 3,
        "MaximumRecordAgeInSeconds": 3600,
        "BisectBatchOnFunctionError": True,
    }
    if as_text:
        settings = {name: str(value).lower() for name, value in settings.items()}
    rules = read(**settings, FunctionResponseTypes=["ReportBatchItemFailures"]).rules
    assert rules == Rules(7, 5, 4, 3, 3600, bisect=True, reports_failures=True)


def test_a_mapping_counts_its_events_when_it_is_told_to() -> None:
    assert read(MetricsConfig={"Metrics": ["EventCount"]}).counts_events
    assert not read(MetricsConfig={"Metrics": []}).counts_events
    assert not read().counts_events


def test_the_latest_position_is_the_time_at_which_it_is_read() -> None:
    before = time.time()
    timestamp = read(StartingPosition="LATEST").starting.timestamp
    assert timestamp is not None and before <= timestamp <= time.time()


def test_bisect_written_as_false_is_false() -> None:
    assert not read(BisectBatchOnFunctionError="false").rules.bisect


def test_a_qualified_function_keeps_its_name() -> None:
    assert read(FunctionArn=FUNCTION + ":live").function_name == "ProcessOrders"


@pytest.mark.parametrize("state", ["Enabled", "Enabling", "Creating"])
def test_an_enabled_mapping_is_refused(state: str) -> None:
    with pytest.raises(CloudError, match="delivered twice over") as caught:
        read(State=state)
    assert "update-event-source-mapping --no-enabled --uuid mapping" in caught.value.hint


@pytest.mark.parametrize(
    "settings",
    [
        {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}},
        {"TumblingWindowInSeconds": 10},
        {"StartingPosition": "AT_TIMESTAMP"},
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sns:eu-west-1:000000000001:topic"}}},
    ],
)
def test_what_the_event_source_does_not_do_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(CloudError, match="mapping"):
        read(**settings)
