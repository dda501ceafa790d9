"""The SDK's clients of the functions that use it."""

from typing import Any

import botocore
from botocore.config import Config

from orderstream import __version__
from orderstream.pipeline.concurrency import MOST_THREADS
from orderstream.sdk.codec import use_msgspec

# Explicit, because botocore's defaults change: a call that hangs must fail while the invocation has time
# to report it, and the SDK's own retries must not use up that time either.
CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": 3},
    tcp_keepalive=True,
    max_pool_connections=MOST_THREADS,
    # The calls are few, always the same, and tested; validating each value of each order takes a third of
    # the time of a call. Building the SDK's own user agent takes a tenth.
    parameter_validation=False,
    user_agent=f"orderstream/{__version__} botocore/{botocore.__version__}",
)


def dynamodb_client(session: Any) -> Any:
    """A botocore client for OrderTable that serializes with msgspec (see `sdk.codec`)."""
    client = session.create_client("dynamodb", config=CONFIG)
    use_msgspec(client)
    return client
