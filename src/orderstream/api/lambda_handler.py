"""The Lambda function behind the HTTP API."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import Any

from botocore.config import Config
from mangum import Mangum

from orderstream.api.app import make_app
from orderstream.api.dependencies import build_services, deployment_of
from orderstream.aws.clients import AwsClients
from orderstream.domain.user_model import use_model_of

# It would log each request's path, which contains customers. API Gateway's own log has the route.
logging.getLogger("mangum.http").setLevel(logging.WARNING)

# A dead connection costs a retry, not the request. The function has 29 seconds. A call whose three attempts
# all hang fails within 15, including pauses, so even after two of them there is a response.
TIMEOUTS = Config(connect_timeout=1, read_timeout=3)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle one request: an HTTP API event and response, payload format 2.0."""
    return _application()(event, context)


@cache
def _application() -> Mangum:
    use_model_of(os.environ)
    services = build_services(deployment_of(AwsClients(timeouts=TIMEOUTS), os.environ))
    # Without lifespan events: Lambda has no orderly shutdown, and every request waits for its own orders.
    return Mangum(make_app(lambda: services), lifespan="off")
