"""Orders in the table and the archive: one order, a customer's orders, the bytes as sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from orderstream.aws.deployment import Deployment
from orderstream.domain.decode import decode
from orderstream.domain.equality import is_item, same_content
from orderstream.domain.fields import InvalidValue, exact_number, utc_text
from orderstream.domain.fold import is_placeholder, with_state
from orderstream.domain.item import attribute_of, indexes, key_type
from orderstream.domain.object_keys import is_batch
from orderstream.domain.user_model import order_model
from orderstream.errors import CloudError, DamagedError, InputError, NotFoundError
from orderstream.pipeline.archive_codec import original_bytes
from orderstream.pipeline.attributes import attribute_value, plain_value
from orderstream.pipeline.table import KEYS_PER_READ
from orderstream.sdk.errors import error_code, translate_errors
from orderstream.storage.reader import read_object

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import KeysAndAttributesOutputTypeDef, KeysAndAttributesTypeDef

Item = dict[str, Any]


def get_order(deployment: Deployment, order_id: str) -> Item:
    """The item of an order, with its state: text, Decimal, lists and dicts.

    Raises NotFoundError if there is none, also if only events of the order have arrived.
    """
    return with_state(stored_order(deployment, order_id))


def stored_order(deployment: Deployment, order_id: str) -> Item:
    """The same as it is stored: see `with_state`."""
    with translate_errors(f"cannot read order {order_id}"):
        answer = deployment.cloud.dynamodb.get_item(
            TableName=deployment.table, Key={"OrderID": {"S": order_id}}, ConsistentRead=True
        )
    if "Item" not in answer:
        raise NotFoundError(
            f"there is no order {order_id}",
            hint="it may be on its way or in quarantine; an order sent without an id is called by its event",
        )
    item: Item = plain_value({"M": answer["Item"]})
    if is_placeholder(item):
        raise NotFoundError(
            f"order {order_id} has not arrived; events of it wait since {item['PendingSince']}",
            hint="they are applied when it arrives: orders waiting",
        )
    return item


@dataclass(frozen=True)
class IndexKey:
    """What orders are listed by: an index of the table, its attribute, and the value of that."""

    index: str
    attribute: str
    value: str | int | Decimal


def by_customer(deployment: Deployment, customer_id: str) -> IndexKey:
    """The key of a customer's orders. Raises CloudError if the table has no index by customer."""
    if deployment.customer_index is None:
        raise CloudError(
            f"the table of stack {deployment.name} has no index by customer",
            hint="deploy with the parameter CustomerIndex=true",
        )
    return IndexKey(deployment.customer_index, "CustomerID", customer_id)


def by_field(name: str, value: str) -> IndexKey:
    """The key of the orders with a value (as text) in a field that the model marks as indexed.

    Raises InputError for another field, and for a value that is not of its type.
    """
    found = {one.name: (index, one) for index, one in indexes(order_model()).items()}
    if name not in found:
        listed = ", ".join(found)
        raise InputError(
            f"orders are not indexed by {name}",
            hint=f"they are by customer, {listed}"
            if listed
            else "the model marks none: Annotated[…, indexed]",
        )
    index, one = found[name]
    try:
        key = value if key_type(one) is str else exact_number(value)
    except InvalidValue as error:
        raise InputError(f"{name} {error.message}, not {value!r}") from None
    return IndexKey(index, attribute_of(one), key)


def get_orders(deployment: Deployment, order_ids: Iterable[str]) -> dict[str, Item]:
    """The items of those orders that are in the table, by OrderID, as they are stored: see `with_state`.

    Leaves out orders of which only events have arrived.
    """
    found = stored_items(deployment, order_ids)
    return {order_id: item for order_id, item in found.items() if not is_placeholder(item)}


def stored_items(deployment: Deployment, order_ids: Iterable[str]) -> dict[str, Item]:
    """What the table has under these ids, by OrderID: items as they are stored, and placeholders."""
    table = deployment.table
    found: dict[str, Item] = {}
    rest = iter(dict.fromkeys(order_ids))
    while some := list(islice(rest, KEYS_PER_READ)):
        keys = [{"OrderID": {"S": order_id}} for order_id in some]
        wanted: Mapping[str, KeysAndAttributesTypeDef | KeysAndAttributesOutputTypeDef] = {
            table: {"Keys": keys, "ConsistentRead": True}
        }
        with translate_errors(f"cannot read orders of table {table}"):
            # A response contains at least one of the requested items, or is an error.
            while wanted:
                answer = deployment.cloud.dynamodb.batch_get_item(RequestItems=wanted)
                for attributes in answer["Responses"].get(table, []):
                    item: Item = plain_value({"M": attributes})
                    found[item["OrderID"]] = item
                wanted = answer["UnprocessedKeys"]
    return found


class Page(NamedTuple):
    """Some orders in the form of `get_order`, newest first.

    `next` is where the next page starts, None after the last order.
    """

    orders: list[Item]
    next: Item | None


def list_orders(
    deployment: Deployment,
    key: IndexKey,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
) -> Iterator[Item]:
    """The orders of `key`, newest first, from `since` (inclusive) to `until` (exclusive), at most `limit`."""
    begin: Item | None = None
    while True:
        page = page_of_orders(deployment, key, since=since, until=until, limit=min(limit, 1000), begin=begin)
        yield from page.orders
        limit -= len(page.orders)
        if not limit or page.next is None:
            return
        begin = page.next


def page_of_orders(
    deployment: Deployment,
    key: IndexKey,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    begin: Item | None = None,
) -> Page:
    """One page of the orders of `key`, starting at `begin`: the `next` of the previous page (OrderID and
    OrderDate).

    Raises InputError if `until` is before `since`, or if `begin` is not one of these orders.
    """
    # DynamoDB rejects this too, but not as an error of the caller.
    if since and until and until < since:
        raise InputError(f"until ({utc_text(until)}) is before since ({utc_text(since)})")
    # OrderDate has a fixed width, so it sorts chronologically as text. The lowest and highest text stand for
    # "no bound" in BETWEEN.
    first = utc_text(since) if since else "0"
    last = utc_text(until) if until else "9"
    request: dict[str, Any] = {
        "TableName": deployment.table,
        "IndexName": key.index,
        "KeyConditionExpression": "#key = :value AND OrderDate BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#key": key.attribute},
        "ExpressionAttributeValues": {
            ":value": attribute_value(key.value),
            ":first": attribute_value(first),
            ":last": attribute_value(last),
        },
        "ScanIndexForward": False,
    }
    if begin:
        start = {"OrderID": begin["OrderID"], "OrderDate": begin["OrderDate"], key.attribute: key.value}
        request["ExclusiveStartKey"] = {name: attribute_value(value) for name, value in start.items()}
    with translate_errors(f"cannot list the orders of {key.attribute} {key.value}"):
        try:
            page = deployment.cloud.dynamodb.query(**request, Limit=limit)
        except ClientError as error:
            if begin and error_code(error) == "ValidationException":
                raise InputError("the page cannot begin there: that is none of these orders") from error
            raise
    orders = _whole(deployment, [plain_value({"M": attributes}) for attributes in page["Items"]])
    more = page.get("LastEvaluatedKey")
    # BETWEEN includes its upper bound.
    kept = [order for order in orders if not (until and order["OrderDate"] == last)]
    return Page(kept, plain_value({"M": more}) if more else None)


def _whole(deployment: Deployment, indexed: list[Item]) -> list[Item]:
    """What an index has of orders, in the form of `get_order` and the same order.

    An index with IndexProjection=keys has only keys, with which the orders are read. One that was erased
    since is left out.
    """
    keys = [item["OrderID"] for item in indexed if "EventID" not in item]
    stored = get_orders(deployment, keys) if keys else {}
    whole = (stored.get(item["OrderID"]) if "EventID" not in item else item for item in indexed)
    return [with_state(item) for item in whole if item is not None]


def raw_order(deployment: Deployment, order_id: str) -> bytes:
    """The bytes of an order, exactly as they were sent.

    Raises NotFoundError if there is no such order, DamagedError if the archive lacks its bytes.
    """
    item = get_order(deployment, order_id)
    key, event = item["ArchiveKey"], item["EventID"]
    data = _originals_in(deployment, key, [item]).get(order_id)
    if data is None:
        raise DamagedError(
            f"s3://{deployment.bucket}/{key} does not hold event {event}, which the item names"
        )
    return data


def originals(deployment: Deployment, items: Iterable[Item]) -> dict[str, bytes]:
    """The bytes that items were created from, by OrderID, wherever they are in the archive.

    Items need at least OrderID, EventID, ReceivedAt, ArchiveKey and Fingerprint. Skips items whose bytes are
    missing or in an unreadable object.
    """
    found: dict[str, bytes] = {}
    in_order = sorted(items, key=lambda item: str(item["ArchiveKey"]))
    for key, group in groupby(in_order, lambda item: str(item["ArchiveKey"])):
        # `orders stack verify` reports what is damaged.
        with suppress(DamagedError):
            found |= _originals_in(deployment, key, list(group))
    return found


def _originals_in(deployment: Deployment, key: str, items: Sequence[Item]) -> dict[str, bytes]:
    of_event = {item["EventID"]: item for item in items}
    found: dict[str, bytes] = {}
    for line in read_object(deployment, key, items[0]["ReceivedAt"]):
        item = of_event.get(line.event_id)
        # An object with one order contains its first record, whichever event the item came from.
        if item is None and not is_batch(key):
            item = items[0] if is_item(decode(original_bytes(line)), items[0]) else None
        if item is not None:
            found.setdefault(item["OrderID"], original_bytes(line))
            if len(found) == len(items):
                # Reading on would list every hour in which the key may have been used before.
                break
    return found


def is_order(deployment: Deployment, item: Item, data: bytes) -> bool:
    """Whether `data` is the same order as `item`, in any spelling, as the function decides it."""
    what = decode(data)
    is_same = is_item(what, item)
    if is_same is not None:
        return is_same
    original = originals(deployment, [item]).get(item["OrderID"])
    return original is not None and same_content(what, decode(original))
