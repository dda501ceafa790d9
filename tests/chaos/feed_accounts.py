"""What a consumer of the change feed must see, worked out from the stream, its own notes, and the table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

STATE = ("Status", "Total", "Captured", "Refunded", "Balance")

Change = Mapping[str, Any]


@dataclass
class FeedAccounts:
    """Counts, and a line for each thing that must not be.

    `announced` records are on the stream, `repeated` ones of them repeat another. The consumer saw `seen`
    records, repetitions of its own included, and `processed` each version once.
    """

    orders: int = 0
    versions: int = 0
    announced: int = 0
    repeated: int = 0
    seen: int = 0
    processed: int = 0
    gaps: list[str] = field(default_factory=list)
    overtaken: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    unannounced: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Everything that must not be."""
        kinds = ("gaps", "overtaken", "invented", "unannounced", "different")
        return [f"{kind}: {one}" for kind in kinds for one in getattr(self, kind)]


def account_for_feed(
    changes: Iterable[Change],
    seen: Iterable[tuple[str, int]],
    items: Mapping[str, Mapping[str, Any]],
    sent: Collection[str],
) -> FeedAccounts:
    """The account of announcements and of what a consumer saw, both in their order within each order.

    `items` are those of the table by OrderID, `sent` the ids of the orders that were sent.
    """
    found = FeedAccounts(orders=len(items))
    found.versions = sum(int(item.get("Version", 1)) for item in items.values())
    last: dict[str, int] = {}
    first: dict[str, Change] = {}
    for change in changes:
        found.announced += 1
        order_id, version = change["subject"], int(change["data"]["version"])
        if (known := first.setdefault(change["id"], change)) is not change:
            found.repeated += 1
            if known != change:
                found.different.append(f"{change['id']} says something else when it is repeated")
        elif version != last.get(order_id, 0) + 1:
            found.overtaken.append(f"{change['id']} after version {last.get(order_id, 0)}")
        else:
            last[order_id] = version
        if order_id not in sent or order_id not in items or change["id"] != f"{order_id}/{version}":
            found.invented.append(f"{change['id']} of order {order_id}")
    for order_id, item in items.items():
        version = int(item.get("Version", 1))
        if last.get(order_id, 0) != version:
            found.unannounced.append(f"{order_id}: version {version}, announced {last.get(order_id, 0)}")
            continue
        told = first[f"{order_id}/{version}"]["data"]["order"]
        if any(name in item and told[name] != item[name] for name in STATE):
            found.different.append(f"{order_id}: announced {told}, stored {item}")
    processed: dict[str, int] = {}
    for order_id, version in seen:
        found.seen += 1
        known_version = processed.get(order_id, 0)
        if version > known_version + 1:
            found.gaps.append(f"{order_id}: the consumer saw {version} after {known_version}")
        if version > known_version:
            processed[order_id] = version
            found.processed += 1
    for order_id, version in last.items():
        if processed.get(order_id, 0) < version:
            found.gaps.append(f"{order_id}: the consumer saw {processed.get(order_id, 0)} of {version}")
    return found
