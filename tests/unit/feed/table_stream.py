"""The DynamoDB stream of a fake table of orders: one record for each change of an item."""

from __future__ import annotations

import copy
from typing import Any

from orderstream.testing.fakes import FakeDynamo, Item

# Years after the first event of the tests.
CREATED_AT = 1_798_761_600.0


class StreamedDynamo(FakeDynamo):
    """A fake table that also has a stream, with the images before and after each change."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.records: list[dict[str, Any]] = []

    def erase(self, order_id: str, *, by: dict[str, str] | None = None) -> None:
        """Delete an order's item; `by` is what the record says of who did."""
        before = self.items.pop(order_id)
        self._note(order_id, before, None)
        if by:
            self.records[-1]["userIdentity"] = by

    def _insert(self, item: Item) -> str | None:
        code = super()._insert(item)
        if code is None and "Position" not in item:
            self._note(item["OrderID"]["S"], None, item)
        return code

    def _update(
        self, order_id: str, changed: Item, gone: list[str], condition: tuple[str, dict[str, Any] | None]
    ) -> str | None:
        before = self.items.get(order_id)
        code = super()._update(order_id, changed, gone, condition)
        if code is None:
            self._note(order_id, before, self.items[order_id])
        return code

    def _note(self, order_id: str, before: Item | None, after: Item | None) -> None:
        number = len(self.records) + 1
        images = {"OldImage": before, "NewImage": after}
        self.records.append(
            {
                "eventID": str(number),
                "eventName": "REMOVE" if after is None else "MODIFY" if before else "INSERT",
                "dynamodb": {
                    "ApproximateCreationDateTime": CREATED_AT + number,
                    "Keys": {"OrderID": {"S": order_id}},
                    "SequenceNumber": f"{number:021d}",
                    **{name: copy.deepcopy(image) for name, image in images.items() if image is not None},
                },
            }
        )
