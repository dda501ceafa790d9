"""The laptop cloud: MiniStack, the stack deployed to it, and delivery that follows the stack."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from orderstream.deploy.deploy import carry_out, planned
from orderstream.errors import CloudError, DeploymentError
from orderstream.local.alarms.watch import AlarmWatch
from orderstream.local.following import Following, switch_off
from orderstream.local.ministack import MiniStack
from orderstream.local.secret import new_token, token_of
from orderstream.ops import private
from orderstream.ops.cloud import Cloud
from orderstream.ops.stack import DEFAULT_STACK, Stack, find_stack

REGION = "us-east-1"
ACCOUNT = "000000000001"
SECRET = "laptop"

_AS_THEY_ARE: Mapping[str, str] = {}


def laptop_environment(endpoint_url: str, token: str) -> dict[str, str]:
    """The variables that make every AWS tool speak to the laptop cloud whose secret is `token`."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        # MiniStack takes a 12-digit access key for an account of its own.
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": token,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def laptop_cloud(endpoint_url: str, token: str) -> Cloud:
    """Clients for the laptop cloud at `endpoint_url`, whatever the environment says."""
    return Cloud(endpoint_url, region=REGION, access_key=ACCOUNT, secret_key=SECRET, session_token=token)


def deploy(
    cloud: Cloud,
    work_dir: Path,
    parameters: Mapping[str, str] = _AS_THEY_ARE,
    tell: Callable[[str], None] = lambda step: None,
) -> Stack:
    """Deploy as `orders deploy` does, and switch the mapping off.

    `parameters` are values for the template's parameters in place of its defaults. Raises OrderstreamError.
    """
    with planned(cloud, DEFAULT_STACK, parameters, tell=tell, work_dir=work_dir) as plan:
        if plan.doubts:
            raise DeploymentError(
                f"the template would not leave what is here as it is: {'; '.join(plan.doubts)}",
                hint="look at it with orders up --empty, and orders deploy in another terminal",
            )
        if plan.change_set:
            carry_out(cloud, plan, progress=lambda what, doing: None)
    stack = find_stack(cloud, DEFAULT_STACK)
    switch_off(cloud, stack.mapping_id)
    return stack


class Laptop:
    """A running laptop cloud; leaving the `with` block stops all of it and leaves no process behind.

    With `state_dir` it goes on where the last one with that folder stopped; `parameters` are values for
    template.yaml's parameters. With `empty` nothing is deployed; with `authorize` everybody may do what their
    policies say, and no more. Whoever deploys the stack, changes it or removes it, then or later: delivery
    follows, and `changed` hears of the stack that is there now, None when it goes. `progress` hears one line
    for each step, `problem` one for each thing that went wrong and did not stop it.
    """

    def __init__(
        self,
        *,
        port: int,
        state_dir: Path | None = None,
        parameters: Mapping[str, str] = _AS_THEY_ARE,
        empty: bool = False,
        authorize: bool = False,
        progress: Callable[[str], None],
        problem: Callable[[str], None],
        changed: Callable[[Stack | None], None] = lambda stack: None,
    ) -> None:
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.token = token_of(state_dir) if state_dir else new_token()
        self.cloud = laptop_cloud(self.endpoint_url, self.token)
        self.stack: Stack
        self.ministack: MiniStack
        self.delivery: Following
        self.alarms: AlarmWatch
        self._port = port
        self._state_dir = state_dir
        self._parameters = parameters
        self._empty = empty
        self._authorize = authorize
        self._progress = progress
        self._problem = problem
        self._changed = changed
        self._running = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            work_dir = Path(starting.enter_context(TemporaryDirectory(prefix="orderstream-")))
            state_dir = self._state_dir or work_dir
            starting.enter_context(sole_user(state_dir))
            self._progress(f"starting MiniStack on port {self._port}")
            self.ministack = starting.enter_context(
                MiniStack(
                    port=self._port,
                    token=self.token,
                    work_dir=work_dir,
                    state_dir=self._state_dir / "ministack" if self._state_dir else None,
                    authorize=self._authorize,
                )
            )
            if not self._empty:
                self.stack = deploy(self.cloud, work_dir, self._parameters, self._progress)
            self.delivery = starting.enter_context(
                Following(
                    self.cloud,
                    DEFAULT_STACK,
                    checkpoints=state_dir / "checkpoints.json",
                    progress=self._progress,
                    problem=self._problem,
                    changed=self._changed,
                )
            )
            self.alarms = starting.enter_context(AlarmWatch(self.cloud, self._problem))
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make every AWS tool speak to it."""
        return laptop_environment(self.endpoint_url, self.token)

    def check(self) -> None:
        """Raise CloudError if a part of it has died."""
        if not self.ministack.is_running():
            raise CloudError(f"MiniStack stopped by itself; its log ends:\n{self.ministack.log_tail()}")
        self.delivery.check()


@contextmanager
def sole_user(state_dir: Path) -> Iterator[None]:
    """Hold `state_dir` for this process; raises CloudError while another one holds it."""
    private.make_folder(state_dir)
    with open(state_dir / "lock", "w", opener=private.opener) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CloudError(
                f"another laptop cloud uses {state_dir}",
                hint="stop it with Ctrl-C where it runs, or give another --state-dir",
            ) from None
        yield
