"""The Lambda function behind the HTTP API."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

from botocore.config import Config
from mangum import Mangum

from orderstream.api.app import make_app
from orderstream.api.dependencies import build_services, stack_of
from orderstream.aws.clients import AwsClients

# It would log each request with its path, in which customers are. API Gateway's own log has the route.
logging.getLogger("mangum.http").setLevel(logging.WARNING)

# A connection that is dead costs a retry, not the request. The function has 29 seconds: a call whose three
# attempts all hang fails after 15 at most, pauses included, so that two of them still end in an answer.
TIMEOUTS = Config(connect_timeout=1, read_timeout=3)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request: an event of an HTTP API, payload format 2.0, and the answer that it wants."""
    return _application()(event, context)


@cache
def _application() -> Mangum:
    shop = build_services(AwsClients(timeouts=TIMEOUTS), stack_of(os.environ))
    # Without its lifespan: Lambda ends no process in order, and every request waits for its own orders.
    return Mangum(make_app(lambda: shop), lifespan="off")
