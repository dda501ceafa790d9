"""A request counts as a change unless its operation is known to read."""

import pytest

from orderstream.local.write_operations import may_change


def scope(path: str = "/", target: bytes = b"") -> dict[str, object]:
    return {"path": path, "headers": [(b"x-amz-target", target)] if target else []}


@pytest.mark.parametrize(
    ("request_scope", "body", "is_change"),
    [
        (scope(target=b"Kinesis_20131202.PutRecord"), b"{}", True),
        (scope(target=b"Kinesis_20131202.GetRecords"), b"{}", False),
        (scope(target=b"DynamoDB_20120810.BatchExecuteStatement"), b"{}", True),
        (scope(target=b"DynamoDB_20120810.Query"), b"{}", False),
        (scope(), b"Action=ExecuteChangeSet&Version=2010-05-15", True),
        (scope(), b"Version=2010-05-15&Action=DescribeStacks", False),
        (scope("/service/GraniteServiceVersion20100801/operation/PutMetricData"), b"", False),
        (scope("/service/GraniteServiceVersion20100801/operation/PutMetricAlarm"), b"", True),
        (scope("/bucket/key"), b"Action=Describe is in the text of this object", True),
        (scope("/2015-03-31/functions/f/invocations"), b"{}", True),
    ],
)
def test_only_reading_is_no_change(request_scope: dict[str, object], body: bytes, is_change: bool) -> None:
    assert may_change(request_scope, body) is is_change
