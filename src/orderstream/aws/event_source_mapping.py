"""Disable an event source mapping once no other change to it is in progress."""

from __future__ import annotations

import time
from collections.abc import Callable

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients
from orderstream.sdk.errors import error_code

# Lambda returns these while a mapping is being created or changed.
_BUSY = {"ResourceConflictException", "ResourceInUseException"}
_STOPPING = {"Deleting", "Disabled", "Disabling"}


def disable(
    cloud: AwsClients,
    mapping_id: str,
    *,
    patience: float,
    pause: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> str:
    """Disable the mapping and wait at most `patience` seconds. Return its state, Disabled on success.

    Polls every `pause` seconds. SDK errors propagate.
    """
    deadline = clock() + patience
    while (state := _asked_to_stop(cloud, mapping_id)) != "Disabled" and clock() < deadline:
        sleep(pause)
    return state


def _asked_to_stop(cloud: AwsClients, mapping_id: str) -> str:
    """The state of the mapping, after requesting that it stop if it is not stopping already."""
    state = cloud.lambda_.get_event_source_mapping(UUID=mapping_id)["State"]
    if state in _STOPPING:
        return state
    try:
        return cloud.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=False)["State"]
    except ClientError as error:
        if error_code(error) not in _BUSY:
            raise
        return state
