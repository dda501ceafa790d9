"""What was sent in the simulation, and where it is now."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from orderstream.pipeline.archive_codec import ArchiveLine, read_lines
from orderstream.testing.fakes import Item
from tests.simulation.traffic import Sent


class Ledger:
    """What was sent, and where it is now. `items`, `rows` and `objects` are those of the fakes."""

    def __init__(
        self,
        layout: str,
        objects: dict[str, bytes],
        items: dict[str, Item],
        rows: dict[tuple[str, str], Item],
    ) -> None:
        self.layout = layout
        self.items = items
        self.rows = rows
        self.put: dict[str, bytes] = {}
        self.given_up: dict[str, bytes] = {}
        self.inner: dict[str, Sent] = {}
        self._of_record: dict[str, list[Sent]] = {}
        self._objects = objects
        self._read: dict[str, tuple[bytes, dict[str, ArchiveLine]]] = {}
        # The objects that each record was ever seen in.
        self._places: dict[str, set[str]] = {}

    def add(self, event_id: str, data: bytes, inner: list[Sent]) -> None:
        """Note a record of the stream, and the records in it."""
        self.put[event_id] = data
        self._of_record[event_id] = inner
        self.inner |= {one.event_id: one for one in inner}

    def records_in(self, event_id: str) -> list[Sent]:
        return self._of_record[event_id]

    def refresh(self) -> None:
        """Read the objects that changed."""
        for key, body in self._objects.items():
            if key not in self._read or self._read[key][0] is not body:
                found = {line.event_id: line for line in read_lines(key, BytesIO(body))}
                self._read[key] = body, found
                for event_id in found:
                    self._places.setdefault(event_id, set()).add(key)

    def lines(self, key: str) -> dict[str, ArchiveLine]:
        """The lines of an object by event_id, none if there is no such object."""
        return self._read[key][1] if key in self._read else {}

    def find(self, prefix: str, event_id: str) -> Iterator[ArchiveLine]:
        """All lines of a record in the objects under `prefix`."""
        for key in self._places.get(event_id, ()):
            line = self._read[key][1].get(event_id)
            if key.startswith(prefix) and line:
                yield line

    def author(self, item: Item) -> Sent | None:
        """The record that an item says it was made of; None for a placeholder."""
        return self.inner.get(item["EventID"]["S"]) if "EventID" in item else None
