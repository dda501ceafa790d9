"""The application: its routes, requests and responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Header, Query, Request
from fastapi_swagger import patch_fastapi
from starlette.responses import Response

from orderstream import __version__
from orderstream.api import problems, schema
from orderstream.api.body import read_body
from orderstream.api.events import add_events
from orderstream.api.ingest import MOST_ORDERS, ingest_order, ingest_orders
from orderstream.api.listing import OrderId, add_listings
from orderstream.api.outcome import MOST_SECONDS, await_stored
from orderstream.api.responses import Responses, json_response
from orderstream.api.sender import ids_of
from orderstream.api.services import ApiServices
from orderstream.domain.order import MAX_BYTES
from orderstream.storage.orders import get_order, raw_order

# Lambda's request limit, less what API Gateway adds.
MOST_BYTES = 4_500_000

_DESCRIPTION = """
**202 means that Kinesis has the order**: from there it is stored, or it is in quarantine with its reasons; it
is never lost. `GET /orders/{order_id}` finds it a moment later. With `?wait=2`, `POST /orders` waits up to
two seconds until it is stored, and then answers 201 with the stored order.

A retry is safe with an `order_id` in the order, or with an `Idempotency-Key`, which then is its id: sent
again, it is the same order. Other content under an id that is taken overwrites nothing; it is quarantined as
a conflict.

Amounts are exact. Errors are `application/problem+json` (RFC 9457), with every reason and its path.
"""


def make_app(services: Callable[[], ApiServices]) -> FastAPI:
    """Create the application; `services` returns the services for a request, or raises a ProblemError."""
    app = FastAPI(
        title="Orderstream",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    # Serve Swagger UI from its package: FastAPI's own is loaded over the network.
    patch_fastapi(
        app,
        redirect_from_root_to_docs=False,
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="/docs/favicon.png",
    )
    problems.register_error_handlers(app)
    _add_orders_in(app, services)
    # Before the route of an order, whose id may have slashes.
    add_events(app, services)
    _add_orders_out(app, services)
    add_listings(app, services)

    @app.get("/health", summary="Liveness, and what is degraded", tags=["health"], responses=_HEALTH)
    def health() -> Response:
        degraded = services().degraded()
        return json_response({"status": "degraded" if degraded else "ok", "degraded": degraded})

    return app


_HEALTH: Responses = {
    200: schema.answer(
        "It lives. `degraded` has the alarms that are on",
        {
            "type": "object",
            "required": ["status", "degraded"],
            "properties": {
                "status": {"enum": ["ok", "degraded"]},
                "degraded": {"type": "array", "items": {"type": "string"}},
            },
            "example": {"status": "ok", "degraded": []},
        },
    ),
    503: schema.problem("On the local cloud: no stack is deployed"),
}


def _add_orders_in(app: FastAPI, services: Callable[[], ApiServices]) -> None:
    order = schema.order_schema()
    refused = schema.refusals("order")

    @app.post(
        "/orders",
        status_code=202,
        summary="Send an order",
        tags=["orders"],
        openapi_extra=schema.body(order),
        responses={
            201: schema.answer("With `wait`: it is stored", schema.stored_schema()),
            202: schema.answer("Kinesis has it", schema.ACCEPTED),
            409: schema.problem("With `wait`: its id is taken by other content. It is quarantined"),
            **refused,
        },
    )
    async def post_order(
        request: Request,
        idempotency_key: Annotated[
            str | None, Header(description="The id of the order, where it has none.")
        ] = None,
        wait: Annotated[
            float, Query(ge=0, le=MOST_SECONDS, description="Seconds to wait until it is stored.")
        ] = 0,
    ) -> Response:
        here = services()
        ids = ids_of(request.scope, here.deployment.ids_by_sender)
        body = await read_body(request, MAX_BYTES)
        found = await ingest_order(here.producer, body, idempotency_key, ids)
        location = {"Location": found["location"]}
        if wait and (item := await await_stored(here.deployment, body, found, wait)):
            return json_response(item, 201, location)
        return json_response(found, 202, location)

    results = {"type": "array", "items": {"oneOf": [schema.ACCEPTED, schema.PROBLEM]}}
    many = {"type": "array", "items": order, "minItems": 1, "maxItems": MOST_ORDERS}
    answered = {
        "type": "object",
        "required": ["accepted", "refused", "results"],
        "properties": {
            "accepted": {"type": "integer"},
            "refused": {"type": "integer"},
            "results": results,
        },
    }

    @app.post(
        "/orders/batch",
        status_code=202,
        summary=f"Send up to {MOST_ORDERS} orders",
        tags=["orders"],
        openapi_extra=schema.body(many),
        responses={
            202: schema.answer("Kinesis has all of them", answered),
            207: schema.answer("Some were refused: each has its own answer, in the order sent", answered),
            **{status: refused[status] for status in (403, 413, 415, 422)},
        },
    )
    async def post_orders(request: Request) -> Response:
        here = services()
        ids = ids_of(request.scope, here.deployment.ids_by_sender)
        found = await ingest_orders(here.producer, await read_body(request, MOST_BYTES), ids)
        accepted = sum(one["status"] == 202 for one in found)
        said = {"accepted": accepted, "refused": len(found) - accepted, "results": found}
        return json_response(said, 202 if accepted == len(found) else 207)


def _add_orders_out(app: FastAPI, services: Callable[[], ApiServices]) -> None:
    stored = schema.stored_schema()
    failed: Responses = {503: schema.problem("The table or the archive does not answer")}
    wrong = schema.problem("A parameter is not as it should be")
    missing: Responses = {
        422: wrong,
        404: schema.problem("There is no such order; it may be on its way, or in quarantine"),
        **failed,
    }

    @app.get(
        "/orders/{order_id:path}/raw",
        summary="An order as it was sent, byte for byte",
        tags=["orders"],
        responses={200: schema.answer("Its bytes", {}, "application/octet-stream"), **missing},
    )
    def raw(order_id: OrderId) -> Response:
        here = services()
        body = raw_order(here.deployment, order_id)
        return Response(body, media_type="application/octet-stream")

    @app.get(
        "/orders/{order_id:path}",
        summary="An order as it is stored",
        tags=["orders"],
        responses={200: schema.answer("The order", stored), **missing},
    )
    def one_order(order_id: OrderId) -> Response:
        here = services()
        return json_response(get_order(here.deployment, order_id))
