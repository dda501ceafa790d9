"""A field that is added to the order changes no order that is stored or archived (G2, G3, G12)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import orderstream
from orderstream.aws.clients import AwsClients
from tests.integration.pipeline_harness import Pipe
from tests.unit.domain.stored_ids import STORED_EARLIER

# What the version with the new field does: it processes what is on the stream again, verifies, replays.
_GROWN = """
import json
from datetime import UTC, datetime, timedelta
from orderstream.archive.replay import ReplayResult, Event
from orderstream.archive.targets import TableTarget
from orderstream.domain.order import Order
from orderstream.storage import bucket, reader, stream
from orderstream.aws.clients import AwsClients
from orderstream.recovery.reprocess import Reprocessor
from orderstream.aws.deployment import find_deployment
from orderstream.recovery.verify import verify
from orderstream.pipeline.deaggregate import deaggregate

assert "discount" in Order.__struct_fields__
cloud = AwsClients()
deployment = find_deployment(cloud, "orderstream")
again = Reprocessor(deployment, "retry")
again.run((inner for record in stream.records(deployment) for inner in deaggregate(record)), again.archive)
target, replayed = TableTarget(deployment), ReplayResult()
lines = reader.lines(deployment, bucket.archive(deployment))
events = {one.line.event_id: Event(one.line, one.key) for one in lines}
target.take(list(events.values()), replayed)
target.close()
report = verify(deployment, clock=lambda: datetime.now(UTC) + timedelta(hours=1))
counts = report.counts
print(json.dumps({
    "again": [again.done.stored, again.done.duplicates, again.done.conflicts, again.done.invalid],
    "replayed": [replayed.stored, replayed.duplicates, replayed.conflicts, replayed.invalid],
    "discrepancies": [[one.kind, one.id] for one in report.discrepancies],
    "outcomes": [counts.stored, counts.duplicates, counts.conflicts, counts.invalid],
}))
"""

ORDERS = (
    '{"order_id": "A", "customer_id": "c", "amount": "19.90", "discount": "5.00"}',
    '{"order_id": "B", "customer_id": "c", "amount": 19.9, "discount": 5.00, "note": {"floor": 3}}',
    # An order for the model as it was, and none for the one that it becomes.
    '{"order_id": "C", "customer_id": "c", "amount": 1, "discount": "five"}',
)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source with a field more in the order."""
    root = tmp_path_factory.mktemp("grown")
    shutil.copytree(Path(orderstream.__file__).parent, root / "orderstream")
    model = root / "orderstream" / "domain" / "order.py"
    before = model.read_text()
    after = before.replace(
        "    items: Items | None = None\n",
        "    items: Items | None = None\n    discount: Price | None = None\n",
    )
    assert after != before
    model.write_text(after)
    return root


def as_grown(grown: Path, pipe: Pipe) -> dict[str, Any]:
    """What the version with the new field finds."""
    environment = {**os.environ, **pipe.environment(), "PYTHONPATH": str(grown)}
    done = subprocess.run(
        [sys.executable, "-c", _GROWN], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_orders_stay_themselves_when_an_unknown_field_becomes_a_known_one(
    cloud: AwsClients, grown: Path
) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.deploy()
    pipe.put(*ORDERS)
    pipe.process()
    # The same bytes again: a retry of the producer.
    pipe.put(*ORDERS[:2])
    # What is stored is stored already; the third order is none for the new model, and is left as it is.
    assert as_grown(grown, pipe) == {
        "again": [0, 4, 0, 1],
        "replayed": [0, 4, 0, 1],
        "discrepancies": [],
        "outcomes": [3, 2, 0, 0],
    }


def test_what_an_earlier_version_stored_stays_valid_when_the_model_grows(
    cloud: AwsClients, grown: Path
) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.deploy()
    orders = {
        f"E{number}": (
            order.replace("{", f'{{"order_id": "E{number}", ', 1).replace('"order_id": "A", ', ""),
            fingerprint,
        )
        for number, (order, fingerprint) in enumerate(STORED_EARLIER.items())
    }
    pipe.put(*(order for order, _ in orders.values()))
    pipe.process()
    for order_id, (_, fingerprint) in orders.items():
        cloud.dynamodb.update_item(
            TableName="Orders",
            Key={"OrderID": {"S": order_id}},
            UpdateExpression="SET Fingerprint = :earlier",
            ExpressionAttributeValues={":earlier": {"S": fingerprint}},
        )
    # The same again, byte for byte, and in another spelling.
    pipe.put(orders["E0"][0], orders["E0"][0].replace('"19.90"', "19.9"))
    assert as_grown(grown, pipe) == {
        "again": [0, 4, 0, 0],
        "replayed": [0, 4, 0, 0],
        "discrepancies": [],
        "outcomes": [2, 2, 0, 0],
    }
