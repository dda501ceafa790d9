"""The routes that list orders: by customer, and by every field that the order model marks as indexed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Path, Query, Request
from starlette.responses import Response

from orderstream.api import schema
from orderstream.api.problems import ProblemError
from orderstream.api.responses import Responses, json_response
from orderstream.api.services import ApiServices
from orderstream.aws.clients import AwsClients
from orderstream.aws.times import parse_timestamp
from orderstream.domain.item import indexes
from orderstream.domain.model import json_schema, without_examples
from orderstream.domain.user_model import order_model
from orderstream.domain.validation import Violation
from orderstream.errors import InputError
from orderstream.storage.orders import IndexKey, by_customer, by_field, page_of_orders

MOST_A_PAGE = 100

# An id may contain slashes, encoded as %2F by a client: everything before what follows it is the id.
OrderId = Annotated[str, Path(min_length=1, max_length=128, examples=["A-1001"])]
CustomerId = Annotated[str, Path(min_length=1, max_length=256, examples=["12345"])]
Since = Annotated[str | None, Query(description="RFC 3339, a date, or a span back from now: 2h.")]
Until = Annotated[str | None, Query(description="The same; this moment is left out.")]
Limit = Annotated[int, Query(ge=1, le=MOST_A_PAGE)]
Cursor = Annotated[str | None, Query(description="Of the page before.")]


def add_listings(app: FastAPI, services: Callable[[], ApiServices]) -> None:
    """Add the routes to the application."""
    failed = schema.problem("The table does not answer")
    page = {
        "type": "object",
        "required": ["orders", "cursor"],
        "properties": {
            "orders": {"type": "array", "items": schema.stored_schema()},
            "cursor": {"type": ["string", "null"], "description": "Where the next page begins."},
        },
    }
    answers: Responses = {
        200: schema.answer("A page of them", page),
        422: schema.problem("A parameter is not as it should be"),
        503: failed,
    }

    @app.get(
        "/customers/{customer_id:path}/orders",
        summary="A customer's orders, newest first",
        tags=["customers"],
        responses={
            **answers,
            404: schema.problem("Nobody can be called so: an id has no control characters"),
            501: schema.problem("The stack has no index by customer (CustomerIndex=false)"),
        },
    )
    def of_customer(
        customer_id: CustomerId,
        since: Since = None,
        until: Until = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        here = services()
        if here.deployment.customer_index is None:
            raise ProblemError(
                501, "orders are not listed by customer here: the stack has CustomerIndex=false"
            )
        return _page(here, by_customer(here.deployment, customer_id), since, until, limit, cursor)

    fields = _indexed_fields()
    if not fields:
        return

    @app.get(
        "/orders",
        summary="The orders with a value in an indexed field, newest first",
        tags=["orders"],
        responses=answers,
        openapi_extra={"parameters": [_parameter(name, one) for name, one in fields.items()]},
    )
    def by_index(
        request: Request, since: Since = None, until: Until = None, limit: Limit = 50, cursor: Cursor = None
    ) -> Response:
        given = [(name, value) for name, value in request.query_params.multi_items() if name in fields]
        if len(given) != 1:
            raise _wrong("query", f"must have one of {', '.join(fields)}")
        (name, value) = given[0]
        try:
            key = by_field(name, value)
        except InputError as error:
            raise _wrong(f"query.{name}", error.message) from None
        return _page(services(), key, since, until, limit, cursor)


def _indexed_fields() -> dict[str, Any]:
    """The JSON schema of each indexed field, by its name."""
    return {one.name: without_examples(json_schema(one.hint)) for one in indexes(order_model()).values()}


def _parameter(name: str, kind: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": dict(kind)}


def _page(
    here: ApiServices, key: IndexKey, since: str | None, until: str | None, limit: int, cursor: str | None
) -> Response:
    page = page_of_orders(
        here.deployment,
        key,
        since=moment_in_query(here.deployment.cloud, "since", since),
        until=moment_in_query(here.deployment.cloud, "until", until),
        limit=limit,
        begin=_decode_cursor(cursor) if cursor else None,
    )
    return json_response({"orders": page.orders, "cursor": _encode_cursor(page.next) if page.next else None})


def moment_in_query(cloud: AwsClients, name: str, text: str | None) -> datetime | None:
    """The time in a parameter of the query. Raises ProblemError (422)."""
    try:
        return parse_timestamp(text, cloud.now()) if text else None
    except InputError as error:
        raise _wrong(f"query.{name}", error.message) from None


def _wrong(path: str, message: str) -> ProblemError:
    return ProblemError(
        422, "a parameter is not as it should be", errors=[Violation(path, "not_usable", message)]
    )


def _encode_cursor(begin: dict[str, Any]) -> str:
    # Without the key, which always comes from the path or the query.
    said = msgspec.json.encode([begin["OrderID"], begin["OrderDate"]])
    return base64.urlsafe_b64encode(said).decode().rstrip("=")


def _decode_cursor(cursor: str) -> dict[str, Any]:
    try:
        said = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        order_id, order_date = msgspec.json.decode(said, type=tuple[str, str])
    except (binascii.Error, ValueError):
        raise _wrong("query.cursor", "is not one that this API gave") from None
    return {"OrderID": order_id, "OrderDate": order_date}
