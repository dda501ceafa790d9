"""Follows a stack operation event by event to its end, and reports the reasons for a failure."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import StackDescription, describe_stack
from orderstream.deploy.stack_state import events_since, validation_reasons
from orderstream.errors import CloudError, DeploymentError
from orderstream.progress import Progress
from orderstream.sdk.errors import translate_errors

MAKING, CHANGING, REMOVING = "making", "changing", "removing"
_SUCCEEDED = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
# The status of a stack whose creation failed, once everything it had created is deleted.
ROLLED_BACK = "ROLLBACK_COMPLETE"
MOST_REASONS = 10


class Operation:
    """Follows an operation on a stack; create it before starting the operation, to exclude older events."""

    def __init__(self, cloud: AwsClients, stack_id: str, *, poll_seconds: float, progress: Progress) -> None:
        self._cloud = cloud
        self._stack_id = stack_id
        self._poll_seconds = poll_seconds
        self._progress = progress
        seen = events_since(cloud, stack_id, "")
        self._last = seen[-1]["EventId"] if seen else ""
        self._events: list[dict[str, Any]] = []

    def finish(self, what: str) -> StackDescription:
        """Wait for the end. Raises DeploymentError, with the reasons of the resources that failed.

        Removes what is left of a stack that could not be created, so that it does not block the next attempt.
        """
        now = self._ended()
        wanted = {"DELETE_COMPLETE"} if what == REMOVING else _SUCCEEDED
        if now.status in wanted:
            return now
        found = reasons(self._events) or rollback_reasons(self._events)
        found = found or validation_reasons(self._cloud, self._stack_id)
        said = "".join(f"\n  {reason}" for reason in found)
        state = f"it is {now.status} now"
        if now.status == ROLLED_BACK:
            state = self._removed()
        after = "it goes on where it was" if what == REMOVING else "what was there before is as it was"
        raise DeploymentError(
            f"{what} the stack failed, {state}{said}",
            hint=f"fix that and run the same command again; {after}",
        )

    def _removed(self) -> str:
        """Remove a stack that was rolled back; return the outcome as text."""
        try:
            remove_stack(self._cloud, self._stack_id, self._poll_seconds, self._progress)
        except CloudError as error:
            return f"it was rolled back, and cannot be removed: {error.message}"
        return "what it had made was removed again"

    def _ended(self) -> StackDescription:
        """Wait until the operation has ended; return the stack's state."""
        while True:
            # Read the stack first: once its status is final, its events are complete.
            now = describe_stack(self._cloud, self._stack_id)
            for event in events_since(self._cloud, self._stack_id, self._last):
                self._last = event["EventId"]
                self._events.append(event)
                doing = event["ResourceStatus"].lower().replace("_", " ")
                self._progress(f"{event['LogicalResourceId']} {doing}")
            if now is None:
                return StackDescription(self._stack_id, "DELETE_COMPLETE")
            if not now.status.endswith("_IN_PROGRESS"):
                return now
            time.sleep(self._poll_seconds)


def remove_stack(cloud: AwsClients, stack_id: str, poll_seconds: float, progress: Progress) -> None:
    """Delete a stack and wait until it is gone. Raises DeploymentError with the reasons for a failure."""
    operation = Operation(cloud, stack_id, poll_seconds=poll_seconds, progress=progress)
    with translate_errors("cannot delete the stack"):
        cloud.cloudformation.delete_stack(StackName=stack_id)
    operation.finish(REMOVING)


def rollback_reasons(events: Iterable[dict[str, Any]]) -> list[str]:
    """Why the stack was rolled back although no resource failed: a watched alarm went off."""
    found = [
        str(event["ResourceStatusReason"])
        for event in events
        if event.get("PhysicalResourceId") == event.get("StackId")
        and event["ResourceStatus"].endswith("ROLLBACK_IN_PROGRESS")
        and event.get("ResourceStatusReason")
    ]
    return list(dict.fromkeys(found))[:MOST_REASONS]


def reasons(events: Iterable[dict[str, Any]]) -> list[str]:
    """Why resources failed, in order; resources that were only cancelled as a result are omitted."""
    found = [
        f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
        and event.get("ResourceStatusReason")
        and "cancelled" not in event["ResourceStatusReason"]
        and event.get("PhysicalResourceId") != event.get("StackId")
    ]
    return list(dict.fromkeys(found))[:MOST_REASONS]
