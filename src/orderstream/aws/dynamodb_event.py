"""The event a function gets from a DynamoDB stream, byte for byte as AWS's event source mapping builds it."""

from __future__ import annotations

import json
from typing import Any

# In AWS's order. An image is there if the view type of the stream includes it.
_FIELDS = ("eventID", "eventName", "eventVersion", "eventSource", "awsRegion")
_CHANGE_FIELDS = (
    "ApproximateCreationDateTime",
    "Keys",
    "NewImage",
    "OldImage",
    "SequenceNumber",
    "SizeBytes",
    "StreamViewType",
)


def entry(stream_arn: str, record: dict[str, Any]) -> bytes:
    """The JSON in `Records` of the event for a record in the JSON form of GetRecords."""
    change = record["dynamodb"]
    document = {name: record[name] for name in _FIELDS} | {
        "dynamodb": {name: change[name] for name in _CHANGE_FIELDS if name in change},
        "eventSourceARN": stream_arn,
    }
    # AWS sends whole seconds.
    document["dynamodb"]["ApproximateCreationDateTime"] = int(change["ApproximateCreationDateTime"])
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def item_key(record: dict[str, Any]) -> str:
    """The primary key of the changed item as text: the records of an item are delivered in order."""
    return json.dumps(record["dynamodb"]["Keys"], separators=(",", ":"), sort_keys=True)
