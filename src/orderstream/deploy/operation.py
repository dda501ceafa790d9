"""A stack operation under way: followed event by event to its end, with the reasons where it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from orderstream.deploy.standing import Standing, events_since, standing, validation_reasons
from orderstream.errors import DeploymentError
from orderstream.ops.cloud import Cloud

# (what is done, to what)
Progress = Callable[[str, str], None]

REMOVING = "removing"
_SUCCEEDED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
MOST_REASONS = 10


class Operation:
    """Follows what is done to a stack; made before it is begun, so that no older event counts."""

    def __init__(self, cloud: Cloud, stack_id: str, *, poll_seconds: float, progress: Progress) -> None:
        self._cloud = cloud
        self._stack_id = stack_id
        self._poll_seconds = poll_seconds
        self._progress = progress
        seen = events_since(cloud, stack_id, "")
        self._last = seen[-1]["EventId"] if seen else ""
        self._events: list[dict[str, Any]] = []

    def finish(self, what: str) -> Standing:
        """Wait for the end. Raises DeploymentError, with the reasons of the resources that failed."""
        while True:
            # The stack first: when it has come to its end, its events are complete.
            now = standing(self._cloud, self._stack_id)
            for event in events_since(self._cloud, self._stack_id, self._last):
                self._last = event["EventId"]
                self._events.append(event)
                doing = event["ResourceStatus"].lower().replace("_", " ")
                self._progress(event["LogicalResourceId"], doing)
            if now is None:
                return Standing(self._stack_id, "DELETE_COMPLETE")
            if not now.status.endswith("_IN_PROGRESS"):
                break
            time.sleep(self._poll_seconds)
        wanted = {"DELETE_COMPLETE"} if what == REMOVING else _SUCCEEDED
        if now.status not in wanted:
            found = reasons(self._events) or validation_reasons(self._cloud, self._stack_id)
            said = "".join(f"\n  {reason}" for reason in found)
            state = "it goes on where it was" if what == REMOVING else "what was there before is as it was"
            raise DeploymentError(
                f"{what} the stack failed, it is {now.status} now{said}",
                hint=f"mend that and run the same command again; {state}",
            )
        return now


def reasons(events: Iterable[dict[str, Any]]) -> list[str]:
    """Why resources failed, the first first; what was only cancelled because of them is left out."""
    found = [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
        and event.get("ResourceStatusReason")
        and "cancelled" not in event["ResourceStatusReason"]
        and event.get("PhysicalResourceId") != event.get("StackId")
    ]
    return list(dict.fromkeys(found))[:MOST_REASONS]
