"""The benchmark of the producer measures what it says, and a record that did not come is found out."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from bench.processes import Stub
from bench.request_checks import SECRET_KEY
from bench.sender import STREAM, WAYS

from bench import producer
from orderstream.errors import OrderstreamError

pytestmark = pytest.mark.system


def test_every_way_is_measured_and_every_figure_is_json() -> None:
    results = producer.measure(records=1000, rounds=1, sizes=[60], counts=[1000])
    assert json.loads(json.dumps(results)) == results
    found = [(one["endpoint"], one["way"], one["size"]) for one in results["rates"]]
    assert found == [(place, way, 60) for place in ("the stub", "MiniStack") for way in WAYS]
    assert all(one["per_second"] > 0 and one["cpu_us"] > 0 for one in results["rates"])
    assert [(one["kind"], one["lines"]) for one in results["files"]] == [("ndjson", 1000), ("csv", 1000)]
    assert all(one["start_mb"] <= one["peak_mb"] for one in results["memory"])
    text = "\n".join(producer.report(results))
    assert "| send_json |" in text and "| ndjson |" in text
    assert text.count("producer / raw PutRecords: ") == 6


@pytest.mark.parametrize(
    ("records", "key", "message"), [(2, SECRET_KEY, "2 of 3"), (3, "other", "signature")]
)
def test_records_that_did_not_come_or_were_not_signed_are_an_error(
    stub: Stub, client: Callable[..., Any], records: int, key: str, message: str
) -> None:
    entries = [{"Data": b"x", "PartitionKey": "k"}] * records
    with pytest.raises(OrderstreamError, match=message), producer.counted(stub, 3):
        client("kinesis", key).put_records(StreamName=STREAM, Records=entries)
