"""The local cloud: MiniStack, the stack deployed to it, and delivery that follows the stack."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self, TextIO

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment, find_deployment
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.deploy.artifact import ensure_uv_cache
from orderstream.deploy.deploy import execute, plan_deployment
from orderstream.errors import CloudError, DeploymentError
from orderstream.files import private
from orderstream.files.folders import ensure_room, ensure_writable, temporary_folder
from orderstream.files.scratch import ScratchFolder
from orderstream.local.alarms.evaluation_loop import AlarmEvaluationLoop
from orderstream.local.child_process import SNAPSHOT_SECONDS
from orderstream.local.ministack import SAVE_TIMEOUT_SECONDS, MiniStack
from orderstream.local.stack_watcher import StackWatcher
from orderstream.progress import no_progress

REGION = "us-east-1"
ACCOUNT = "000000000001"
SECRET = "local"

# The artifacts are built in the temporary folder, zipped, and unpacked by MiniStack: 185 MB. A state folder
# starts with the zipped ones, 40 MB, and holds two snapshots while one is written.
ROOM_FOR_WORK = 300_000_000
ROOM_FOR_STATE = 100_000_000
# MiniStack's connections break before its process is gone.
ENDING_SECONDS = 0.3
WHAT_SURVIVES = (
    "a kill loses no acknowledged record, and of everything else only what changed since the last save"
    f" (every {SNAPSHOT_SECONDS:.0f} s, less often with much data)"
)


def local_environment(endpoint_url: str, token: str) -> dict[str, str]:
    """The environment variables that point every AWS tool at the local cloud with the secret `token`."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        # MiniStack treats a 12-digit access key as the id of a separate account.
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": token,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def local_cloud(endpoint_url: str, token: str) -> AwsClients:
    """Clients for the local cloud at `endpoint_url`, regardless of the environment."""
    return AwsClients(endpoint_url, region=REGION, access_key=ACCOUNT, secret_key=SECRET, session_token=token)


def deploy(
    cloud: AwsClients,
    work_dir: Path,
    parameters: Mapping[str, str] = MappingProxyType({}),
    tell: Callable[[str], None] = lambda step: None,
) -> Deployment:
    """Deploy as `orders deploy` does.

    `parameters` override the defaults of the template's parameters. Raises OrderstreamError.
    """
    with plan_deployment(cloud, DEFAULT_STACK, parameters, tell=tell, work_dir=work_dir) as plan:
        # A rollback stays in place until `orders deploy` ends it.
        if plan.warnings and plan.change_set:
            raise DeploymentError(
                f"the template would not leave what is here as it is: {'; '.join(plan.warnings)}",
                hint="look at it with orders up --empty, and orders deploy in another terminal",
            )
        if plan.change_set:
            done = execute(cloud, plan, progress=no_progress)
            for line in done.settings.warnings if done.settings else ():
                tell(line)
    return find_deployment(cloud, DEFAULT_STACK)


@dataclass(eq=False, kw_only=True)
class LocalCloud(AbstractContextManager["LocalCloud"]):
    """A running local cloud; leaving the `with` block stops all of it and leaves no process behind.

    With `state_dir` it resumes from the state saved there; `parameters` are values for template.yaml's
    parameters. With `empty` nothing is deployed; with `authorize` IAM policies are enforced. Whenever anybody
    deploys, updates or deletes the stack, delivery follows. `changed` is called with the current stack, or
    None when it is deleted. `progress` is called with one line for each step, `problem` with one for each
    non-fatal error.
    """

    port: int
    state_dir: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    empty: bool = False
    authorize: bool = False
    progress: Callable[[str], None]
    problem: Callable[[str], None]
    changed: Callable[[Deployment | None], None] = lambda stack: None
    # Those that run, once it is started.
    deployment: Deployment = field(init=False)
    ministack: MiniStack = field(init=False)
    delivery: StackWatcher = field(init=False)
    alarms: AlarmEvaluationLoop = field(init=False)

    def __post_init__(self) -> None:
        self.endpoint_url = f"http://127.0.0.1:{self.port}"
        ensure_folders(self.state_dir)
        self.token = token_of(self.state_dir)
        self.cloud = local_cloud(self.endpoint_url, self.token)
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            scratch = ScratchFolder("up")
            work_dir = Path(starting.enter_context(scratch))
            held = [scratch.lock]
            if self.state_dir:
                held.append(starting.enter_context(lock_state_dir(self.state_dir)))
                self.progress(f"keeping all data in {self.state_dir}: {WHAT_SURVIVES}")
            checkpoints = (self.state_dir or work_dir) / "checkpoints.json"
            self.progress(f"starting MiniStack on port {self.port}")
            self.ministack = starting.enter_context(
                MiniStack(
                    port=self.port,
                    token=self.token,
                    work_dir=work_dir,
                    state_dir=self.state_dir,
                    held=held,
                    authorize=self.authorize,
                    problem=self.problem,
                    progress=self.progress,
                    arrived=self._tell_arrivals,
                )
            )
            if not self.empty:
                self.deployment = deploy(self.cloud, work_dir, self.parameters, self.progress)
            self.delivery = starting.enter_context(
                StackWatcher(
                    self.cloud,
                    DEFAULT_STACK,
                    checkpoints=checkpoints,
                    progress=self.progress,
                    problem=self._tell_problem,
                    changed=self.changed,
                    is_told=True,
                )
            )
            self.alarms = starting.enter_context(AlarmEvaluationLoop(self.cloud, self._tell_problem))
            if self.state_dir:
                # Not ready until a kill cannot undo the stack and the bucket that it created.
                self.ministack.save()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that point every AWS tool at it."""
        return local_environment(self.endpoint_url, self.token)

    def _tell_arrivals(self, names: Collection[str]) -> None:
        # MiniStack runs before the watcher does.
        if "delivery" in vars(self):
            self.delivery.arrived(names)

    def _tell_problem(self, line: str) -> None:
        # Once MiniStack has ended everything fails, and `check` reports why.
        if not self.ministack.has_ended(within=ENDING_SECONDS):
            self.problem(line)

    def check(self) -> None:
        """Raise CloudError if a part of it has failed."""
        self.ministack.ensure_running()
        self.delivery.check()


def token_of(state_dir: Path | None) -> str:
    """The session token that every request must carry. It cannot be guessed.

    That of a state folder is made at its first start, so that clients keep working across a restart. Raises
    CloudError.
    """
    if state_dir is None:
        return secrets.token_urlsafe(32)
    file = state_dir / "session-token"
    try:
        private.make_folder(state_dir)
        if not file.exists():
            private.write(file, secrets.token_urlsafe(32).encode())
        return private.read(file).decode("ascii")
    except (OSError, UnicodeError) as error:
        raise CloudError(
            f"cannot keep anything in {state_dir}: {error}", hint="give another --state-dir"
        ) from error


def ensure_folders(state_dir: Path | None) -> None:
    """Raise InputError, before starting, if a required folder is not writable or is full."""
    work = temporary_folder()
    ensure_room(work, ROOM_FOR_WORK, hint="make room, or set TMPDIR to a folder that has it")
    ensure_uv_cache()
    if state_dir:
        ensure_writable(state_dir, hint="give another --state-dir")
        ensure_room(state_dir, ROOM_FOR_STATE, hint="make room, or give another --state-dir")


@contextmanager
def lock_state_dir(state_dir: Path) -> Iterator[int]:
    """Lock `state_dir` for this process; yields the descriptor, so that child processes can hold it too.

    Raises CloudError if another process holds it. Children of a killed process are about to exit, so this
    waits for them.
    """
    private.make_folder(state_dir)
    descriptor = private.opener(str(state_dir / "lock"), os.O_RDWR | os.O_CREAT)
    with open(descriptor, "r+") as lock:
        deadline = time.monotonic() + SAVE_TIMEOUT_SECONDS
        while not _locked(lock):
            lock.seek(0)
            if _is_alive(lock.read()) or time.monotonic() > deadline:
                raise CloudError(
                    f"another local cloud uses {state_dir}",
                    hint="stop it with Ctrl-C where it runs, or give another --state-dir",
                )
            time.sleep(0.1)
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock.fileno()


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    """Whether the process runs. Text that is not a number means that it is about to write its id."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True
