"""Find the orders of a customer, whose events belong to the customer too, and erase those events."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from orderstream.archive.customer_items import order_ids_of
from orderstream.archive.data_subject import DataSubject
from orderstream.archive.redaction import their_lines
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import DISCARDED
from orderstream.pipeline.concurrency import MOST_THREADS
from orderstream.progress import Progress
from orderstream.recovery.dead_letters import url
from orderstream.sdk.errors import translate_errors
from orderstream.storage import bucket
from orderstream.storage.order_events import read_events, read_events_of
from orderstream.storage.orders import get_orders

_CONFLICT = "conflict"


def find_orders(deployment: Deployment, person: DataSubject, progress: Progress) -> set[str]:
    """The ids of a customer's orders: by the table, and by the records of archive and discarded batches.

    A record of theirs makes the order of its id theirs, unless it is a conflict or the table says that the
    order is somebody else's. So does an event that has their customer_id, while its order has not arrived.
    """
    in_table = set(order_ids_of(deployment, person.customer_id))
    claimed: set[str] = set()
    for lines in their_lines(deployment, person, progress):
        conflicts = {
            line.event_id for line in lines if any(reason["code"] == _CONFLICT for reason in line.reasons)
        }
        claimed.update(line.order_id for line in lines if line.order_id and line.event_id not in conflicts)
    discarded = deployment.discarded
    for entry, body in bucket.fetch_all(discarded, bucket.list_prefix(discarded, DISCARDED)):
        _, records = person.redact_batch(url(discarded, entry.key), body)
        claimed.update(filter(None, map(person.order_id_of, records)))
    claimed |= person.named
    stored = get_orders(deployment, sorted(claimed - in_table))
    others = {
        order_id
        for order_id, item in stored.items()
        if item.get("CustomerID", person.customer_id) != person.customer_id
    }
    return in_table | (claimed - others)


def count_events(deployment: Deployment, order_ids: Iterable[str]) -> int:
    """How many events of these orders the table OrderEvents has."""
    return sum(len(rows) for _, rows in read_events_of(deployment, order_ids))


def delete_events(deployment: Deployment, order_ids: Iterable[str]) -> int:
    """Delete the events of these orders from the table OrderEvents; return how many there were.

    A placeholder that stands for one of the orders is deleted too: nothing waits for it any more.
    """
    client = deployment.cloud.dynamodb

    def delete(order_id: str) -> int:
        rows = read_events(deployment, order_id)
        for row in rows:
            with translate_errors(f"cannot delete an event of table {deployment.events_table}"):
                key = {"OrderID": {"S": order_id}, "Position": {"S": row["Position"]}}
                client.delete_item(TableName=deployment.events_table, Key=key)
        with translate_errors(f"cannot delete an order of table {deployment.table}"):
            try:
                client.delete_item(
                    TableName=deployment.table,
                    Key={"OrderID": {"S": order_id}},
                    ConditionExpression="attribute_exists(Pending) AND attribute_not_exists(EventID)",
                )
            except client.exceptions.ConditionalCheckFailedException:
                pass
        return len(rows)

    with ThreadPoolExecutor(MOST_THREADS) as threads:
        return sum(threads.map(delete, order_ids))
