"""Starts delivery when a stack is deployed, restarts it when the stack changes, stops it on deletion."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, bind
from orderstream.aws.event_source_mapping import disable as switch_mapping_off
from orderstream.aws.stack import StackDescription, describe_stack, describe_stacks
from orderstream.errors import CloudError, OrderstreamError
from orderstream.local.event_source import EventSource
from orderstream.sdk.errors import translate_errors

LOOK_SECONDS = 0.5
LOOKS_IN_VAIN = 5
OFF_SECONDS = 10.0
# Fields of a mapping that change by themselves, or only show that AWS does not deliver.
_VOLATILE = {"ResponseMetadata", "State", "StateTransitionReason", "LastModified", "LastProcessingResult"}


class StackWatcher:
    """Keeps an event source running for the mapping of every Orderstream stack, as stacks come and go.

    `progress` is notified of each start and stop, `problem` of errors with a stack that exists: errors caused
    by a stack's deletion are not problems. `changed` is called with the stack called `stack` when it appears
    or its resources change, and with None when it is deleted and when watching ends.
    """

    def __init__(
        self,
        cloud: AwsClients,
        stack: str,
        *,
        checkpoints: Path,
        progress: Callable[[str], None],
        problem: Callable[[str], None],
        changed: Callable[[Deployment | None], None] = lambda stack: None,
    ) -> None:
        self._cloud = cloud
        self._delivery = _Delivery(cloud, checkpoints, progress, problem)
        self._problem = problem
        self._followed = {stack: _Followed(stack, self._delivery, changed)}
        self._error: BaseException | None = None
        self._in_vain = 0
        self._stop = threading.Event()
        # One poll at a time, and none while delivery is being stopped.
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep_looking, name="following the stacks", daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None:
            self.check()

    def stop(self) -> None:
        """Stop delivery, as `EventSource.stop` does, and stop watching. May be called again."""
        self._stop.set()
        with self._lock:
            for followed in self._followed.values():
                followed.stop()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def check(self) -> None:
        """Raise CloudError if an unexpected error has ended it."""
        if isinstance(self._error, OrderstreamError):
            raise self._error
        if self._error is not None:
            raise CloudError(f"following the stacks broke off: {self._error!r}") from self._error

    def _keep_looking(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                with self._lock:
                    if not self._stop.is_set():
                        self._look()
            except BaseException as error:
                self._error = error
                return

    def _look(self) -> None:
        for followed in self._followed.values():
            followed.begin_look()
        try:
            there = describe_stacks(self._cloud)
        except CloudError as error:
            # MiniStack may be busy; whether it has died is checked elsewhere.
            self._in_vain += 1
            if self._in_vain == LOOKS_IN_VAIN:
                self._problem(f"cannot see which stacks there are, trying on: {error.message}")
            return
        self._in_vain = 0
        for name, found in there.items():
            if name not in self._followed and found.is_ours:
                self._followed[name] = _Followed(name, self._delivery)
        for name, followed in self._followed.items():
            followed.look(there.get(name))


@dataclass(frozen=True)
class _Delivery:
    """What all stacks share: clients, the checkpoint file, and callbacks."""

    cloud: AwsClients
    checkpoints: Path
    progress: Callable[[str], None]
    problem: Callable[[str], None]


class _Followed:
    """One stack, and the event source for its mapping while the stack exists."""

    def __init__(
        self,
        stack: str,
        delivery: _Delivery,
        changed: Callable[[Deployment | None], None] = lambda stack: None,
    ) -> None:
        self._stack = stack
        self._delivery = delivery
        self._changed = changed
        self._there: Deployment | None = None
        self._stack_id = ""
        self._source: EventSource | None = None
        self._attached_to: Any = None
        self._said: list[str] = []
        self._said_before: list[str] = []
        self._in_vain = 0

    def stop(self) -> None:
        """Stop delivery."""
        if self._source:
            self._source.stop()
            if self._is_there():
                self._tell_problems(self._said)
        self._tell_stack(None)

    def _is_there(self) -> bool:
        """Whether the stack delivered to still exists; True if that cannot be determined."""
        try:
            found = describe_stack(self._delivery.cloud, self._stack)
        except CloudError:
            return True
        return found is not None and found.id == self._stack_id and not _is_gone(found)

    def begin_look(self) -> None:
        """Record the errors so far; call before listing the stacks.

        A change that is only seen afterwards cannot have caused them, so they are reported as problems.
        """
        self._said_before = list(self._said)

    def look(self, found: StackDescription | None) -> None:
        """Deliver to the stack in its current state; None if it does not exist."""
        try:
            marks = self._marks(found) if found and _is_settled(found) else None
            there = (
                bind(self._delivery.cloud, self._stack, found) if found and marks is not None else self._there
            )
        except CloudError as error:
            # A stack may be deleted between two requests.
            self._in_vain += 1
            if self._in_vain == LOOKS_IN_VAIN:
                self._delivery.problem(
                    f"cannot see how stack {self._stack} stands, trying on: {error.message}"
                )
            return
        self._in_vain = 0
        if found is None or _is_gone(found):
            self._tell_stack(None)
            self._detach()
            return
        if found.id != self._stack_id:
            # It was deleted and recreated between two polls.
            self._detach()
            self._stack_id = found.id
        self._tell_stack(there)
        try:
            if marks is not None and marks != self._attached_to:
                self._attach(found.outputs["EventSourceMapping"], marks)
            elif self._source:
                self._tell_problems(self._said_before)
                self._source.check()
        except OrderstreamError:
            # If it was deleted since the listing, other stacks' delivery goes on; the next poll notices it.
            if self._is_there():
                raise

    def _marks(self, found: StackDescription) -> Any:
        """What delivery depends on. Also ensures that MiniStack does not deliver as well."""
        mapping_id = found.outputs.get("EventSourceMapping")
        if mapping_id is None:
            return None
        cloud = self._delivery.cloud
        with translate_errors(f"cannot read event source mapping {mapping_id}"):
            mapping = dict(cloud.lambda_.get_event_source_mapping(UUID=mapping_id))
            function = cloud.lambda_.get_function_configuration(FunctionName=str(mapping["FunctionArn"]))
        if mapping["State"] != "Disabled":
            switch_off(cloud, mapping_id)
        settings = {name: value for name, value in mapping.items() if name not in _VOLATILE}
        return settings, function["CodeSha256"], function.get("Role"), function.get("Timeout")

    def _attach(self, mapping_id: str, marks: Any) -> None:
        again = self._source is not None
        if self._source:
            self._source.stop()
        source = EventSource(
            self._delivery.cloud,
            mapping_id,
            checkpoints=self._delivery.checkpoints,
            on_problem=self._said.append,
        )
        source.start()
        self._source, self._attached_to = source, marks
        if again:
            self._delivery.progress(f"stack {self._stack} has changed: delivering by what it says now")
        else:
            self._delivery.progress(f"delivering to stack {self._stack}")

    def _detach(self) -> None:
        if self._source is None:
            return
        self._source.stop()
        self._source = self._attached_to = None
        self._said.clear()
        self._delivery.progress(
            f"stack {self._stack} has gone: nothing is delivered until it is deployed again"
        )

    def _tell_stack(self, there: Deployment | None) -> None:
        if there != self._there:
            self._there = there
            self._changed(there)

    def _tell_problems(self, said: list[str]) -> None:
        for line in list(said):
            self._delivery.problem(line)
            self._said.remove(line)


def _is_gone(found: StackDescription) -> bool:
    return found.is_new or found.status.startswith("DELETE")


def _is_settled(found: StackDescription) -> bool:
    return not found.status.endswith("_IN_PROGRESS")


def switch_off(cloud: AwsClients, mapping_id: str) -> None:
    """Disable MiniStack's mapping: it is created enabled whatever the template says, and would also read."""
    with translate_errors("cannot switch MiniStack's own event source off"):
        state = switch_mapping_off(cloud, mapping_id, patience=OFF_SECONDS, pause=LOOK_SECONDS)
    if state != "Disabled":
        raise CloudError(f"MiniStack's own event source is {state}, it must be Disabled")
