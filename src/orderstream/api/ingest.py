"""Ingests orders: validates them by the function's rules and responds once Kinesis has them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.concurrency import run_in_threadpool

from orderstream.api.problems import ProblemError, document, not_an_order, not_valid, try_again
from orderstream.api.sender import ANY, OrderIds
from orderstream.client.delivery import DeliveryError
from orderstream.client.producer import OrderProducer
from orderstream.client.serialization import set_order_id
from orderstream.domain.decode import decode
from orderstream.domain.fields import InvalidValue
from orderstream.domain.ids import event_id
from orderstream.domain.order import MAX_BYTES
from orderstream.domain.validation import Violation
from orderstream.errors import InputError

MOST_ORDERS = 500

_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_log = logging.getLogger(__name__)


async def ingest_order(
    producer: OrderProducer, body: bytes, idempotency_key: str | None = None, ids: OrderIds = ANY
) -> dict[str, Any]:
    """Put one order on the stream; return the response once Kinesis has it.

    Its id is its order_id, else the key, else a new one, subject to `ids`. The rest is sent unchanged, byte
    for byte, except for whitespace between values if the id is replaced. Raises ProblemError: 422 with every
    reason, 503 if the stream did not accept it.
    """
    found = decode(body)
    if found.order is None:
        raise not_an_order(found.reasons)
    order_id = _id_of(found.order.order_id, idempotency_key, ids)
    try:
        # A compressed order is sent on as text, because an id is written into it.
        data = set_order_id(found.json or body, order_id)
    except InputError as error:
        raise not_an_order([Violation("$", "not_sendable", error.message)]) from None
    if len(data) > MAX_BYTES:
        # The added id exceeded the limit: without this check, the order would be quarantined later.
        message = f"has more than the {MAX_BYTES} bytes of an order, its order_id included"
        raise not_an_order([Violation("$", "too_large", message)])
    return await put_accepted(producer, data, "order", order_id, f"/orders/{quote(order_id, safe='')}")


async def put_accepted(
    producer: OrderProducer, data: bytes, what: str, order_id: str, location: str
) -> dict[str, Any]:
    """Put an order or an event (`what`) on the stream; return the response once Kinesis has it.

    Raises ProblemError: 422 for what cannot be sent, 503 if the stream did not accept it.
    """
    try:
        # It blocks while the buffer is full, and that must not block other requests.
        sent = await run_in_threadpool(producer.send_json, data)
        receipt = await asyncio.wrap_future(sent)
    except InputError as error:
        raise not_valid(what, [Violation("$", "not_sendable", error.message)]) from None
    except DeliveryError as error:
        # A retry with this id is still one order, even if Kinesis has it after all.
        name = "order" if what == "order" else f"an {what} of order"
        _log.warning("%s %s was not accepted: %s", name, order_id, error.reason)
        raise try_again(f"the stream does not take the {what} now; send it again") from None
    return {
        "status": 202,
        "order_id": order_id,
        "event_id": event_id(receipt.shard_id, receipt.sequence_number),
        "location": location,
    }


def _id_of(given: str | None, idempotency_key: str | None, ids: OrderIds) -> str:
    """The final id of an order that has the id `given`, or none."""
    found = []
    for path, order_id in (("$.order_id", given), ("Idempotency-Key", idempotency_key)):
        if order_id is not None:
            try:
                found.append(ids.own(order_id))
            except InvalidValue as refused:
                raise not_an_order([Violation(path, refused.code, refused.message)]) from None
    if len(set(found)) > 1:
        message = "is not the Idempotency-Key: one of both is enough"
        raise not_an_order([Violation("$.order_id", "differs", message)])
    return found[0] if found else ids.new()


async def ingest_orders(producer: OrderProducer, body: bytes, ids: OrderIds = ANY) -> list[dict[str, Any]]:
    """Put each order of a JSON array on the stream; return one result for each, in order.

    Raises ProblemError for anything that is not an array of 1 to 500.
    """
    try:
        orders = _LIST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = Violation("$", "not_an_array", f"must be a JSON array of orders ({error})")
        raise not_an_order([reason]) from None
    if not 1 <= len(orders) <= MOST_ORDERS:
        reason = Violation("$", "wrong_number", f"must be 1 to {MOST_ORDERS} orders, not {len(orders)}")
        raise not_an_order([reason])

    async def result(order: msgspec.Raw) -> dict[str, Any] | ProblemError:
        try:
            return await ingest_order(producer, bytes(order), ids=ids)
        except ProblemError as problem:
            return problem

    results = await asyncio.gather(*map(result, orders))
    problems = sum(isinstance(one, ProblemError) for one in results)
    return [document(one, problems) if isinstance(one, ProblemError) else one for one in results]
