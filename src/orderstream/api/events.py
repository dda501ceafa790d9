"""The routes of an order's events: sends one, and reads the history."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, Header, Query, Request
from starlette.responses import Response

from orderstream.api import event_schema, schema
from orderstream.api.body import read_body
from orderstream.api.ingest import put_accepted
from orderstream.api.listing import OrderId, moment_in_query
from orderstream.api.outcome import MOST_SECONDS, await_effect
from orderstream.api.problems import not_valid
from orderstream.api.responses import Responses, json_response
from orderstream.api.sender import OrderIds, ids_of
from orderstream.api.services import ApiServices
from orderstream.client.serialization import set_event_id, set_order_id
from orderstream.domain.decode import Decoded, decode, parse
from orderstream.domain.fields import InvalidValue
from orderstream.domain.order import MAX_BYTES
from orderstream.domain.order_event import FIELD
from orderstream.domain.validation import Violation
from orderstream.errors import InputError
from orderstream.lookup.order_history import order_history

_log = logging.getLogger(__name__)


def add_events(app: FastAPI, services: Callable[[], ApiServices]) -> None:
    """Add the routes to the application."""
    tags: list[Any] = ["events"]

    @app.post(
        "/orders/{order_id:path}/events",
        status_code=202,
        summary="Send an event of an order",
        tags=tags,
        openapi_extra=schema.body(event_schema.event_schema()),
        responses={
            201: schema.answer("With `wait`: it is stored. `effect` says what it does", event_schema.EFFECT),
            202: schema.answer("Kinesis has it", event_schema.ACCEPTED),
            **schema.refusals("event"),
        },
    )
    async def post_event(
        order_id: OrderId,
        request: Request,
        idempotency_key: Annotated[
            str | None, Header(description="The event_id of the event, where it has none.")
        ] = None,
        wait: Annotated[
            float, Query(ge=0, le=MOST_SECONDS, description="Seconds to wait until it is stored.")
        ] = 0,
    ) -> Response:
        here = services()
        ids = ids_of(request.scope, here.deployment.ids_by_sender)
        data, what = _event_in(await read_body(request, MAX_BYTES), order_id, idempotency_key, ids)
        own_id = what.raw_order_id or ""
        place = f"/orders/{quote(own_id, safe='')}/history"
        accepted = await put_accepted(here.producer, data, "event", own_id, place)
        location = {"Location": place}
        if wait and (found := await await_effect(here.deployment, what, accepted, wait)):
            return json_response(accepted | found | {"status": 201}, 201, location)
        return json_response(accepted, 202, location)

    answers: Responses = {
        200: schema.answer("Its events, and the state that follows from them", event_schema.HISTORY),
        404: schema.problem("Neither the order nor an event of it is there; it may be on its way"),
        422: schema.problem("A parameter is not as it should be"),
        503: schema.problem("The table does not answer"),
    }

    @app.get(
        "/orders/{order_id:path}/history",
        summary="The events of an order, and what each does",
        tags=tags,
        responses=answers,
    )
    def history(
        order_id: OrderId,
        as_of: Annotated[
            str | None, Query(description="Only events until then: RFC 3339, a date, or a span back: 2h.")
        ] = None,
    ) -> Response:
        deployment = services().deployment
        until = moment_in_query(deployment.cloud, "as_of", as_of)
        return json_response(asdict(order_history(deployment, order_id, until)))


def _event_in(body: bytes, order_id: str, key: str | None, ids: OrderIds) -> tuple[bytes, Decoded]:
    """The event in a request, with its ids, and as it is read. Raises ProblemError (422)."""
    own = _own("path.order_id", order_id, ids)
    read = decode(body)
    text = read.json or body
    # Its absence is no fault here, but another value is.
    faults = [one for one in read.reasons if one.path == "$.order_id" and one.code != "missing"]
    if faults:
        raise not_valid("event", faults)
    given = read.raw_order_id
    if given is not None and _own("$.order_id", given, ids) != own:
        message = "is not the order_id of the path: that one is enough"
        raise not_valid("event", [Violation("$.order_id", "differs", message)])
    try:
        data = set_order_id(text, own)
    except InputError:
        raise not_valid("event", read.reasons) from None
    document = parse(data)
    if document.get(FIELD) is None:
        raise not_valid("event", [Violation(f"$.{FIELD}", "missing", "is required")])
    if key is not None:
        if document.get("event_id") not in (None, key):
            message = "is not the Idempotency-Key: one of both is enough"
            raise not_valid("event", [Violation("$.event_id", "differs", message)])
        data = set_event_id(data, key)
    what = decode(data)
    if what.event is None:
        raise not_valid("event", what.reasons)
    return data, what


def _own(path: str, order_id: str, ids: OrderIds) -> str:
    try:
        return ids.own(order_id)
    except InvalidValue as refused:
        raise not_valid("event", [Violation(path, refused.code, refused.message)]) from None
