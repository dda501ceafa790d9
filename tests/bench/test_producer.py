"""The measurement of the producer measures what it says, and a record that did not come is found out."""

import json

import botocore.session
import pytest
from bench.processes import Stub
from bench.request_checks import ACCESS_KEY, REGION, SECRET_KEY
from bench.thresholds import targets
from botocore.config import Config
from rich.console import Console

from bench import producer
from orderstream.errors import OrderstreamError


def test_every_way_is_measured_and_every_figure_is_json() -> None:
    said: list[str] = []
    results = producer.measure(records=1000, rounds=1, progress=said.append, sizes=[60], counts=[1000])
    assert json.loads(json.dumps(results)) == results
    found = [(one["endpoint"], one["way"], one["size"]) for one in results["rates"]]
    assert found == [(place, way, 60) for place in ("the stub", "MiniStack") for way in producer.WAYS]
    assert all(one["per_second"] > 0 and one["cpu_us"] > 0 for one in results["rates"])
    assert len(targets({"producer": results})) == len(results["shares"]) == 6
    assert [(one["kind"], one["lines"]) for one in results["files"]] == [("ndjson", 1000), ("csv", 1000)]
    assert all(one["start_mb"] <= one["peak_mb"] for one in results["memory"])
    assert said
    console = Console(width=110)
    with console.capture() as printed:
        producer.show(results, console)
    assert "send_json" in printed.get() and "ndjson" in printed.get()


@pytest.mark.parametrize(
    ("records", "key", "message"), [(2, SECRET_KEY, "2 of 3"), (3, "other", "signature")]
)
def test_records_that_did_not_come_or_were_not_signed_are_an_error(
    records: int, key: str, message: str
) -> None:
    session = botocore.session.Session()
    session.set_credentials(ACCESS_KEY, key)
    with Stub() as stub:
        client = session.create_client(
            "kinesis",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{stub.port}",
            config=Config(retries={"total_max_attempts": 1}),
        )
        with pytest.raises(OrderstreamError, match=message), producer.counted(stub, 3, keep=1):
            client.put_records(  # type: ignore[attr-defined]
                StreamName="OrderStream", Records=[{"Data": b"x", "PartitionKey": "k"}] * records
            )
