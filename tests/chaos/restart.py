"""The scenario in which `orders up` is stopped and started again while orders are on their way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from orderstream.local.laptop import laptop_cloud
from orderstream.local.ministack import free_port
from orderstream.local.secret import token_of
from orderstream.ops.stack import DEFAULT_STACK, find_stack
from tests.chaos.accounts import account_for
from tests.chaos.scenarios import Outcome, sample_traffic
from tests.chaos.stage import awaited, done_up_to, is_past, last_of_each_shard, producer_client, send

NAME = "restarted"
FAULT = "orders up --state-dir stopped (SIGTERM) and started again"

# Time for the function's first start before the stop; what is left of it passes while nobody answers.
_TRAFFIC_SECONDS = 15.0

# The producer gives a record up after 60 seconds. The start takes 10, on a machine that is not busy.
_START_SECONDS = 120


def play_restart(*, records: int) -> Outcome:
    """Restart `orders up` while so many records are sent, and account for all of them.

    The port stays, and the producer goes on trying while nobody answers. `injected` has one restart.
    """
    with TemporaryDirectory(prefix="orderstream-chaos-") as folder, ThreadPoolExecutor(1) as threads:
        home, port = Path(folder), free_port()
        token = token_of(home / "state")
        cloud = laptop_cloud(f"http://127.0.0.1:{port}", token)
        checkpoints = home / "state" / "checkpoints.json"
        with _up(home, port) as first:
            stack = find_stack(cloud, DEFAULT_STACK)
            since = datetime.now(UTC) - timedelta(milliseconds=1)
            sending = threads.submit(
                send,
                producer_client(f"http://127.0.0.1:{port}", token),
                stack.stream,
                sample_traffic(NAME, records),
                _TRAFFIC_SECONDS,
            )
            # Some are done with, and some are not even sent.
            awaited(lambda: done_up_to(checkpoints, stack.mapping_id) or sending.done())
            is_amid = not sending.done()
            first.send_signal(signal.SIGTERM)
            assert first.wait(60) == 0, "an orderly stop"
        with _up(home, port):
            sent = sending.result()
            wanted = last_of_each_shard(sent)
            awaited(lambda: is_past(checkpoints, stack.mapping_id, wanted))
            accounts = account_for(cloud, stack, sent, since)
        return Outcome(NAME, FAULT, (int(is_amid),), accounts)


@contextmanager
def _up(home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`orders up` with its state under `home`, ready; stopped at the end of the block."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [str(Path(sys.executable).with_name("orders")), "up", "--port", str(port)]
    log = home / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--state-dir", str(home / "state")],
            env=environment | {"XDG_STATE_HOME": str(home)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        awaited(lambda: b"ready" in log.read_bytes() or process.poll() is not None, _START_SECONDS)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
