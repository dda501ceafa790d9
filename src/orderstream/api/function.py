"""The Lambda function behind the HTTP API."""

from __future__ import annotations

import os

from mangum import Mangum

from orderstream.api.app import make_app
from orderstream.api.shop import shop_of, stack_of
from orderstream.ops.cloud import Cloud

_SHOP = shop_of(Cloud(), stack_of(os.environ))

# Without its lifespan: Lambda ends no process in order, and every request waits for its own orders.
handle = Mangum(make_app(lambda: _SHOP), lifespan="off")
