"""Starts delivery when a stack is deployed, adapts it when the stack changes, stops it on deletion."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, bind
from orderstream.aws.stack import StackDescription, describe_stack, describe_stacks
from orderstream.errors import CloudError, OrderstreamError
from orderstream.local.event_source import EventSource
from orderstream.local.readers import StreamReader, readers_of
from orderstream.local.threads import Threads
from orderstream.local.write_operations import RESOURCES

POLL_SECONDS = 0.5
# While nothing changes, where changes are told.
TOLD_POLL_SECONDS = 10.0
FAILED_POLLS = 5
# For a poll that restarts delivery.
STOP_SECONDS = 120.0


class StackWatcher(AbstractContextManager["StackWatcher"]):
    """Keeps an event source running for each mapping and pipe of every Orderstream stack, as these change.

    `progress` is notified of each start and stop, `problem` of errors with a stack that exists: errors caused
    by a stack's deletion are not problems. `changed` is called with the stack called `stack` when it appears
    or its resources change, and with None when it is deleted and when watching ends. With `is_told`, somebody
    calls `arrived`, and so nothing is polled for.
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
        is_told: bool = False,
    ) -> None:
        self._cloud = cloud
        self._problem = problem
        self._is_told = is_told
        self._wake = threading.Event()
        self._deliver_to = partial(_Delivery, cloud, checkpoints, progress, problem, is_told, self._wake.set)
        self._deliveries = {stack: self._deliver_to(stack, changed)}
        self._failed_polls = 0
        self._is_steady = False
        self._threads = Threads("following the stacks", lambda error: self._wake.set())

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

    def arrived(self, names: Collection[str]) -> None:
        """Look now at what has changed or arrived: names as `EventSource.arrived` gets, or RESOURCES."""
        if RESOURCES in names:
            self._wake.set()
        for delivery in list(self._deliveries.values()):
            delivery.arrived(names)

    def _keep_polling(self) -> None:
        while not self._threads.stopping.wait(POLL_SECONDS):
            if self._is_told and self._is_steady:
                self._wake.wait(TOLD_POLL_SECONDS)
            self._wake.clear()
            self._poll()

    def _poll(self) -> None:
        self._is_steady = False
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
        # A change of resources may still be going on, and an error is told by the poll after it.
        untold = any(delivery.errors for delivery in self._deliveries.values())
        self._is_steady = not untold and all(map(_is_settled, found.values()))


@dataclass(frozen=True)
class _Running:
    """An event source, and what it was started for."""

    source: EventSource
    reader: StreamReader


@dataclass(eq=False)
class _Delivery:
    """One stack, and the event sources for its mappings and pipes while the stack exists.

    `errors` are the lines of the event sources that were not passed on yet, each after the id of its mapping
    or pipe.
    """

    cloud: AwsClients
    checkpoints: Path
    progress: Callable[[str], None]
    problem: Callable[[str], None]
    is_told: bool
    failed: Callable[[], None]
    name: str
    changed: Callable[[Deployment | None], None] = lambda stack: None
    errors: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._deployment: Deployment | None = None
        self._stack_id = ""
        # By the id of the mapping or pipe.
        self._running: dict[str, _Running] = {}
        self._failed_polls = 0

    def stop(self) -> None:
        """Stop delivery."""
        for running in self._running.values():
            running.source.stop()
        if self._running and self._exists():
            self._tell(self.errors)
        self._note(None)

    def arrived(self, names: Collection[str]) -> None:
        """Tell the event sources."""
        for running in list(self._running.values()):
            running.source.arrived(names)

    def follow(self, found: StackDescription | None, errors: list[tuple[str, str]]) -> None:
        """Deliver to the stack in its current state, None if it does not exist.

        `errors` are those from before it was looked up.
        """
        try:
            readers, deployment = None, self._deployment
            if found and found.is_ours and _is_settled(found):
                readers = readers_of(self.cloud, found.id)
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
        if readers is None:
            # An update that deletes a mapping may delete its stream first: errors wait until it has ended.
            return
        try:
            self._deliver_by(readers)
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

    def _deliver_by(self, readers: dict[str, StreamReader]) -> None:
        """Start, restart and stop event sources until they are those of `readers`."""
        if readers == {reader_id: running.reader for reader_id, running in self._running.items()}:
            return
        said = f"delivering to stack {self.name}"
        if self._running:
            said = f"stack {self.name} has changed: delivering by what it says now"
        for reader_id, running in list(self._running.items()):
            if readers.get(reader_id) != running.reader:
                running.source.stop()
                del self._running[reader_id]
            if reader_id not in readers:
                self.errors[:] = [error for error in self.errors if error[0] != reader_id]
        for reader_id in readers.keys() - self._running.keys():
            source = EventSource(
                self.cloud,
                reader_id,
                checkpoints=self.checkpoints,
                on_problem=partial(self._note_error, reader_id),
                open_receiver=readers[reader_id].open_receiver,
                is_told=self.is_told,
            )
            source.start()
            self._running[reader_id] = _Running(source, readers[reader_id])
        self.progress(said)

    def _detach(self) -> None:
        if self._running:
            for running in self._running.values():
                running.source.stop()
            self._running.clear()
            self.errors.clear()
            self.progress(f"stack {self.name} has gone: nothing is delivered until it is deployed again")

    def _note_error(self, reader_id: str, line: str) -> None:
        self.errors.append((reader_id, line))
        self.failed()

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
