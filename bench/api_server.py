"""An `orders up` to send orders to over HTTP, and an API for its stack whose stream is throttled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from bench.proc_stats import busy_seconds, children, processor_seconds
from orderstream.api.app import make_app
from orderstream.api.dependencies import build_services
from orderstream.api.server import Server
from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.errors import OrderstreamError
from orderstream.local.cloud import local_cloud
from orderstream.local.ministack import free_port
from orderstream.local.registry import choose, running_instances

START_SECONDS, LOOK_SECONDS = 120, 0.2


class Up:
    """An `orders up` with ports of its own. Leaving the `with` block ends it as a polite kill does."""

    def __init__(self, folder: Path) -> None:
        port, http_port = free_port(), free_port()
        self.endpoint_url = f"http://127.0.0.1:{port}"
        self.cloud: AwsClients
        self._port, self._notes = port, folder / "orderstream"
        self.url = f"http://127.0.0.1:{http_port}"
        self._log = folder / "up.log"
        command = [str(Path(sys.executable).with_name("orders")), "up", "--port", str(port)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*command, "--http-port", str(http_port)],
                env=os.environ | {"XDG_STATE_HOME": str(folder)},
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is for the bench, which stops this in its turn.
                start_new_session=True,
            )

    def __enter__(self) -> Up:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(f"{self.url}/health"):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise OrderstreamError(f"orders up did not start:\n{self._log.read_text()}")
                time.sleep(LOOK_SECONDS)
            token = choose(running_instances(self._notes), self._port).token
            self.cloud = local_cloud(self.endpoint_url, token)
        except BaseException:
            self._process.terminate()
            self._process.wait()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait():
            raise OrderstreamError(f"orders up ended badly:\n{self._log.read_text()}")

    def used(self) -> dict[str, float]:
        """Processor seconds until now of its parts, of this process with the clients, and of all others."""
        (ministack,) = children(self._process.pid)
        ours = {
            "API and event source": processor_seconds(self._process.pid),
            "MiniStack": processor_seconds(ministack),
            "function": sum(processor_seconds(child) for child in children(ministack)),
            "clients": time.process_time(),
        }
        return ours | {"others": busy_seconds() - sum(ours.values())}


@contextmanager
def throttled(up: Up, deployment: Deployment, seconds: float) -> Iterator[str]:
    """The address of another API for the stack, in this process.

    Kinesis takes nothing from it in the middle third of `seconds`, which begin now.
    """
    cloud = up.cloud
    services = build_services(deployment)
    with services.producer, Server(make_app(lambda: services), free_port()) as server:
        begin = time.monotonic()

        def refuse(**_: object) -> tuple[AWSResponse, object] | None:
            if not seconds / 3 < time.monotonic() - begin < 2 * seconds / 3:
                return None
            error = {"Code": "ProvisionedThroughputExceededException", "Message": "made up by the bench"}
            parsed = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
            return AWSResponse(up.endpoint_url, 400, HTTPHeaders(), None), parsed

        # The SDK lets a handler answer in place of AWS.
        events: Any = cloud.kinesis_no_retry.meta.events
        events.register("before-call.kinesis.PutRecords", refuse)
        yield server.url


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False
