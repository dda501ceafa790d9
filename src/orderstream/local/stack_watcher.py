"""Starts delivery when a stack is deployed, adapts it when the stack changes, stops it on deletion."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, bind
from orderstream.aws.event_source_mapping import disable
from orderstream.aws.stack import StackDescription, describe_stack, describe_stacks
from orderstream.deploy.stack_state import resources
from orderstream.errors import CloudError, OrderstreamError
from orderstream.local.event_source import EventSource
from orderstream.local.threads import Threads
from orderstream.sdk.errors import translate_errors

POLL_SECONDS = 0.5
FAILED_POLLS = 5
OFF_SECONDS = 10.0
# For a poll that restarts delivery.
STOP_SECONDS = 120.0
_MAPPING = "AWS::Lambda::EventSourceMapping"
# Services whose streams the event source reads. MiniStack's own polls queues.
_STREAMS = {"kinesis", "dynamodb"}
# Fields of a mapping that change by themselves, or only show that AWS does not deliver.
_VOLATILE = {"ResponseMetadata", "State", "StateTransitionReason", "LastModified", "LastProcessingResult"}


class StackWatcher(AbstractContextManager["StackWatcher"]):
    """Keeps an event source running for each mapping of every Orderstream stack, as stacks come and go.

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
        self._problem = problem
        self._deliver_to = partial(_Delivery, cloud, checkpoints, progress, problem)
        self._deliveries = {stack: self._deliver_to(stack, changed)}
        self._failed_polls = 0
        self._threads = Threads("following the stacks")

    def __enter__(self) -> Self:
        self._poll()
        self._threads.start(self._keep_polling, "following the stacks")
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        if error == (None, None, None):
            self.check()

    def stop(self) -> None:
        """Stop watching, and delivery, as `EventSource.stop` does. May be called again."""
        self._threads.stop(STOP_SECONDS)
        for delivery in self._deliveries.values():
            delivery.stop()

    def check(self) -> None:
        """Raise CloudError if an unexpected error has ended it."""
        self._threads.check()

    def _keep_polling(self) -> None:
        while not self._threads.stopping.wait(POLL_SECONDS):
            self._poll()

    def _poll(self) -> None:
        # A change that is only seen afterwards cannot have caused the errors so far.
        errors = {name: list(delivery.errors) for name, delivery in self._deliveries.items()}
        try:
            found = describe_stacks(self._cloud)
        except CloudError as error:
            # MiniStack may be busy; whether it has died is checked elsewhere.
            self._failed_polls += 1
            if self._failed_polls == FAILED_POLLS:
                self._problem(f"cannot see which stacks there are, trying on: {error.message}")
            return
        self._failed_polls = 0
        for name, description in found.items():
            if name not in self._deliveries and description.is_ours:
                self._deliveries[name] = self._deliver_to(name)
        for name, delivery in self._deliveries.items():
            delivery.follow(found.get(name), errors.get(name, []))


@dataclass(frozen=True)
class _Running:
    """An event source, and the settings it was started with."""

    source: EventSource
    settings: Any


@dataclass(eq=False)
class _Delivery:
    """One stack, and the event sources for its mappings while the stack exists.

    `errors` are the lines of the event sources that were not passed on yet, each after its mapping's id.
    """

    cloud: AwsClients
    checkpoints: Path
    progress: Callable[[str], None]
    problem: Callable[[str], None]
    name: str
    changed: Callable[[Deployment | None], None] = lambda stack: None
    errors: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._deployment: Deployment | None = None
        self._stack_id = ""
        # By the id of the mapping.
        self._running: dict[str, _Running] = {}
        self._failed_polls = 0

    def stop(self) -> None:
        """Stop delivery."""
        for running in self._running.values():
            running.source.stop()
        if self._running and self._exists():
            self._tell(self.errors)
        self._note(None)

    def follow(self, found: StackDescription | None, errors: list[tuple[str, str]]) -> None:
        """Deliver to the stack in its current state, None if it does not exist.

        `errors` are those from before it was looked up.
        """
        try:
            settings, deployment = None, self._deployment
            if found and found.is_ours and _is_settled(found):
                settings = self._settings_of(found)
                deployment = bind(self.cloud, self.name, found)
        except CloudError as error:
            # A stack may be deleted between two requests.
            self._failed_polls += 1
            if self._failed_polls == FAILED_POLLS:
                self.problem(f"cannot see how stack {self.name} stands, trying on: {error.message}")
            return
        self._failed_polls = 0
        if found is None or _is_gone(found):
            self._note(None)
            self._detach()
            return
        if found.id != self._stack_id:
            # It was deleted and recreated between two polls.
            self._detach()
            self._stack_id = found.id
        self._note(deployment)
        if settings is None:
            # An update that deletes a mapping may delete its stream first: errors wait until it has ended.
            return
        try:
            self._deliver_by(settings)
            self._tell(errors)
            for running in self._running.values():
                running.source.check()
        except OrderstreamError:
            # If it was deleted since the listing, other stacks' delivery goes on; the next poll notices it.
            if self._exists():
                raise

    def _exists(self) -> bool:
        """Whether the stack delivered to still exists; True if that cannot be determined."""
        try:
            found = describe_stack(self.cloud, self.name)
        except CloudError:
            return True
        return found is not None and found.id == self._stack_id and not _is_gone(found)

    def _settings_of(self, found: StackDescription) -> dict[str, Any]:
        """What delivery depends on, by the id of the mapping. Ensures that MiniStack does not deliver too."""
        mappings = [one for one in resources(self.cloud, found.id) if one.type == _MAPPING]
        settings = {}
        for mapping_id in (one.physical_id for one in mappings if one.status != "DELETE_COMPLETE"):
            with translate_errors(f"cannot read event source mapping {mapping_id}"):
                mapping = dict(self.cloud.lambda_.get_event_source_mapping(UUID=mapping_id))
                if str(mapping["EventSourceArn"]).split(":")[2] not in _STREAMS:
                    continue
                arn = str(mapping["FunctionArn"])
                function = self.cloud.lambda_.get_function_configuration(FunctionName=arn)
            if mapping["State"] != "Disabled":
                switch_off(self.cloud, mapping_id)
            steady = {name: value for name, value in mapping.items() if name not in _VOLATILE}
            settings[mapping_id] = (
                steady,
                function["CodeSha256"],
                function.get("Role"),
                function.get("Timeout"),
            )
        return settings

    def _deliver_by(self, settings: dict[str, Any]) -> None:
        """Start, restart and stop event sources until they are those of `settings`."""
        if settings == {mapping_id: running.settings for mapping_id, running in self._running.items()}:
            return
        said = f"delivering to stack {self.name}"
        if self._running:
            said = f"stack {self.name} has changed: delivering by what it says now"
        for mapping_id, running in list(self._running.items()):
            if settings.get(mapping_id) != running.settings:
                running.source.stop()
                del self._running[mapping_id]
            if mapping_id not in settings:
                self.errors[:] = [error for error in self.errors if error[0] != mapping_id]
        for mapping_id in settings.keys() - self._running.keys():
            source = EventSource(
                self.cloud,
                mapping_id,
                checkpoints=self.checkpoints,
                on_problem=partial(self._note_error, mapping_id),
            )
            source.start()
            self._running[mapping_id] = _Running(source, settings[mapping_id])
        self.progress(said)

    def _detach(self) -> None:
        if self._running:
            for running in self._running.values():
                running.source.stop()
            self._running.clear()
            self.errors.clear()
            self.progress(f"stack {self.name} has gone: nothing is delivered until it is deployed again")

    def _note_error(self, mapping_id: str, line: str) -> None:
        self.errors.append((mapping_id, line))

    def _note(self, deployment: Deployment | None) -> None:
        if deployment != self._deployment:
            self._deployment = deployment
            self.changed(deployment)

    def _tell(self, errors: list[tuple[str, str]]) -> None:
        for error in list(errors):
            if error in self.errors:
                self.problem(error[1])
                self.errors.remove(error)


def _is_gone(found: StackDescription) -> bool:
    return found.is_new or found.status.startswith("DELETE")


def _is_settled(found: StackDescription) -> bool:
    return not found.status.endswith("_IN_PROGRESS")


def switch_off(cloud: AwsClients, mapping_id: str) -> None:
    """Disable MiniStack's mapping, which would also read, and wait until it is."""
    with translate_errors("cannot switch MiniStack's own event source off"):
        state = disable(cloud, mapping_id, patience=OFF_SECONDS, pause=POLL_SECONDS)
    if state != "Disabled":
        raise CloudError(f"MiniStack's own event source is {state}, it must be Disabled")
