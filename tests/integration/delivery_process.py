"""Delivery to the stack as a process of its own, which a test can kill: MiniStack survives it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orderstream.aws.clients import AwsClients
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.local.stack_watcher import StackWatcher


@contextmanager
def delivery(cloud: AwsClients, checkpoints: Path) -> Iterator[subprocess.Popen[str]]:
    """Deliver to the stack while the block runs; returns when delivery has begun. It ends by a kill."""
    where = [cloud.endpoint_url, cloud.region, cloud.access_key, cloud.secret_key, cloud.session_token]
    arguments = [*map(str, where), str(checkpoints)]
    # It is killed when the test process ends, however that does.
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", __name__, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "delivering to stack orderstream\n"
            yield process
        finally:
            process.kill()


def main(url: str, region: str, key: str, secret: str, token: str, checkpoints: str) -> None:
    """Deliver until killed; every problem is a line on standard error."""
    cloud = AwsClients(url, region=region, access_key=key, secret_key=secret, session_token=token)
    with StackWatcher(
        cloud,
        DEFAULT_STACK,
        checkpoints=Path(checkpoints),
        progress=lambda line: print(line, flush=True),
        problem=lambda line: print(line, file=sys.stderr, flush=True),
    ):
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
