"""An event source mapping, switched off when no other change of it is under way any more."""

from __future__ import annotations

import time
from collections.abc import Callable

from botocore.exceptions import ClientError

from orderstream.aws.clients import AwsClients

# What Lambda answers while a mapping is being made or changed.
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
    """Switch the mapping off and wait, for `patience` seconds at most; its state, Disabled if all went well.

    It is looked at every `pause` seconds. Errors of the SDK come through.
    """
    deadline = clock() + patience
    while (state := _asked_to_stop(cloud, mapping_id)) != "Disabled" and clock() < deadline:
        sleep(pause)
    return state


def _asked_to_stop(cloud: AwsClients, mapping_id: str) -> str:
    """The state of the mapping, after it was asked to stop if it has not begun to."""
    state = cloud.lambda_.get_event_source_mapping(UUID=mapping_id)["State"]
    if state in _STOPPING:
        return state
    try:
        return cloud.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=False)["State"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _BUSY:
            raise
        return state
