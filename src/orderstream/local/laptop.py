"""The laptop cloud: MiniStack, the stack deployed to it by SAM CLI, and the event source."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from orderstream.errors import CloudError
from orderstream.local.event_source import EventSource
from orderstream.local.ministack import MiniStack
from orderstream.ops import artifact
from orderstream.ops.cloud import Cloud, cloud_errors
from orderstream.ops.stack import DEFAULT_STACK, Stack, find_stack

REGION = "us-east-1"
ACCOUNT = "000000000001"
SECRET = "laptop"

# What differs from AWS: the short name of the bucket, and who reads the stream.
_PARAMETERS = {"ArchiveBucketName": "order-data-archive", "EventSource": "false"}
_AS_THEY_ARE: Mapping[str, str] = {}
_CODE_BUCKET = "deployment-artifacts"


def laptop_environment(endpoint_url: str) -> dict[str, str]:
    """The variables that make every AWS tool speak to the laptop cloud."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        # MiniStack takes a 12-digit access key for an account of its own.
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def laptop_cloud(endpoint_url: str) -> Cloud:
    """Clients for the laptop cloud at `endpoint_url`, whatever the environment says."""
    return Cloud(endpoint_url, region=REGION, access_key=ACCOUNT, secret_key=SECRET)


def deploy(endpoint_url: str, work_dir: Path, parameters: Mapping[str, str] = _AS_THEY_ARE) -> Stack:
    """Build the artifact for this machine, deploy template.yaml as it is, switch the mapping off.

    `parameters` are values for the template's parameters in place of its defaults. Raises CloudError with
    the end of what SAM CLI said.
    """
    cloud = laptop_cloud(endpoint_url)
    # SAM CLI takes CodeUri from the template's own folder: so template and artifact lie side by side.
    shutil.copy2(artifact.TEMPLATE, work_dir / artifact.TEMPLATE.name)
    artifact.build(artifact.PROCESS, work_dir / artifact.PROCESS.code_uri)
    upkeep = work_dir / artifact.UPKEEP.code_uri
    if parameters.get("ArchiveUpkeep", "none") != "none":
        artifact.build(artifact.UPKEEP, upkeep)
    else:
        # Not deployed then; but SAM CLI packs whatever the template names, and DuckDB is large.
        upkeep.mkdir(parents=True)
        (upkeep / "README").write_text("Built and deployed only with ArchiveUpkeep=seal or compact.\n")
    with cloud_errors("cannot prepare the deployment"):
        # In this region, making a bucket that one has already is no error.
        cloud.s3.create_bucket(Bucket=_CODE_BUCKET)
    _sam_deploy(endpoint_url, work_dir, {**parameters, **_PARAMETERS})
    stack = find_stack(cloud, DEFAULT_STACK)
    _switch_off(cloud, stack.mapping_id)
    return stack


class Laptop:
    """A running laptop cloud; leaving the `with` block stops all of it and leaves no process behind.

    With `state_dir` it goes on where the last one with that folder stopped; `parameters` are values for
    template.yaml's parameters; with `authorize` everybody may do what their policies say, and no more.
    `progress` hears one line for each step, `problem` one for each thing that went wrong and did not stop it.
    """

    def __init__(
        self,
        *,
        port: int,
        state_dir: Path | None = None,
        parameters: Mapping[str, str] = _AS_THEY_ARE,
        authorize: bool = False,
        progress: Callable[[str], None],
        problem: Callable[[str], None],
    ) -> None:
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.cloud = laptop_cloud(self.endpoint_url)
        self.stack: Stack
        self.ministack: MiniStack
        self.event_source: EventSource
        self._port = port
        self._state_dir = state_dir
        self._parameters = parameters
        self._authorize = authorize
        self._progress = progress
        self._problem = problem
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
                    work_dir=work_dir,
                    state_dir=self._state_dir / "ministack" if self._state_dir else None,
                    authorize=self._authorize,
                )
            )
            self._progress("building the function and deploying template.yaml with SAM CLI")
            self.stack = deploy(self.endpoint_url, work_dir, self._parameters)
            self._progress("starting the event source")
            self.event_source = starting.enter_context(
                EventSource(
                    self.cloud,
                    self.stack.mapping_id,
                    checkpoints=state_dir / "checkpoints.json",
                    on_problem=self._problem,
                )
            )
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def check(self) -> None:
        """Raise CloudError if a part of it has died."""
        if not self.ministack.is_running():
            raise CloudError(f"MiniStack stopped by itself; its log ends:\n{self.ministack.log_tail()}")
        self.event_source.check()


@contextmanager
def sole_user(state_dir: Path) -> Iterator[None]:
    """Hold `state_dir` for this process; raises CloudError while another one holds it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CloudError(
                f"another laptop cloud uses {state_dir}",
                hint="stop it with Ctrl-C where it runs, or give another --state-dir",
            ) from None
        yield


def _sam_deploy(endpoint_url: str, work_dir: Path, parameters: Mapping[str, str]) -> None:
    sam = Path(sys.executable).with_name("sam")
    command = [str(sam), "deploy", "--template-file", artifact.TEMPLATE.name, "--stack-name", DEFAULT_STACK]
    command += ["--s3-bucket", _CODE_BUCKET, "--capabilities", "CAPABILITY_IAM", "--no-progressbar"]
    command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--on-failure", "DELETE"]
    command += ["--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    telling = {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "1", "__SAM_CLI_APP_DIR": str(work_dir)}
    done = subprocess.run(
        command,
        cwd=work_dir,
        env=inherited | telling | laptop_environment(endpoint_url),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise CloudError(f"sam deploy failed:\n{said}", hint="does `sam validate --lint` like template.yaml?")


def _switch_off(cloud: Cloud, mapping_id: str) -> None:
    """MiniStack makes the mapping enabled whatever the template says, and would read the stream too."""
    with cloud_errors("cannot switch MiniStack's own event source off"):
        cloud.lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=False)
        state = cloud.lambda_.get_event_source_mapping(UUID=mapping_id)["State"]
    if state != "Disabled":
        raise CloudError(f"MiniStack's own event source is {state}, it must be Disabled")
