"""A field that is added to the order changes no order that is stored or archived (G2, G3, G12)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import orderstream
from orderstream.aws.clients import AwsClients
from tests.integration.pipeline_harness import Pipe
from tests.unit.domain.stored_ids import STORED_EARLIER

# What the version with the new field does: it processes what is on the stream again, verifies, replays.
_GROWN = """
import json
from datetime import UTC, datetime, timedelta
from orderstream.archive.replay import ReplayResult, ArchivedRecord
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
events = {one.line.event_id: ArchivedRecord(one.line, one.key) for one in lines}
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


def grown_source(folder: Path) -> Path:
    """The source with a field more in the order."""
    shutil.copytree(Path(orderstream.__file__).parent, folder / "orderstream")
    model = folder / "orderstream" / "domain" / "order.py"
    before = model.read_text()
    after = before.replace(
        "    items: Items | None = None\n",
        "    items: Items | None = None\n    discount: Price | None = None\n",
    )
    assert after != before
    model.write_text(after)
    return folder


def test_orders_stay_themselves_when_an_unknown_field_becomes_a_known_one(
    cloud: AwsClients, tmp_path: Path
) -> None:
    pipe = Pipe(cloud)
    pipe.make_function()
    pipe.deploy()
    # Two that an earlier version stored, with the fingerprints that it gave them.
    earlier = {
        f"E{number}": (
            order.replace("{", f'{{"order_id": "E{number}", ', 1).replace('"order_id": "A", ', ""),
            fingerprint,
        )
        for number, (order, fingerprint) in enumerate(STORED_EARLIER.items())
    }
    assert len(earlier) == 2
    pipe.put(*ORDERS, *(order for order, _ in earlier.values()))
    pipe.process()
    for order_id, (_, fingerprint) in earlier.items():
        cloud.dynamodb.update_item(
            TableName="Orders",
            Key={"OrderID": {"S": order_id}},
            UpdateExpression="SET Fingerprint = :earlier",
            ExpressionAttributeValues={":earlier": {"S": fingerprint}},
        )
    # The same bytes again, as a retry of the producer, and one in another spelling.
    first = earlier["E0"][0]
    pipe.put(*ORDERS[:2], first, first.replace('"19.90"', "19.9"))
    environment = {**os.environ, **pipe.environment(), "PYTHONPATH": str(grown_source(tmp_path))}
    done = subprocess.run(
        [sys.executable, "-c", _GROWN], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # What is stored is stored already; the third order is none for the new model, and is left as it is.
    assert json.loads(done.stdout) == {
        "again": [0, 8, 0, 1],
        "replayed": [0, 8, 0, 1],
        "discrepancies": [],
        "outcomes": [5, 4, 0, 0],
    }
