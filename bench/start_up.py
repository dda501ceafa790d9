"""How long does a command take, how long until `orders up` is ready, and what does it use when it is idle?

Each command is run as a process of its own, and `orders trace` among so many objects of the archive that came
since its order.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.harness import progress, until_complete
from bench.orders_up import OrdersUp
from bench.proc_stats import processor_seconds
from bench.report import table, targets
from orderstream.aws.deployment import Deployment
from orderstream.client import OrderProducer
from orderstream.domain.decode import decode
from orderstream.domain.object_keys import ORDERS, batch_key
from orderstream.local.cloud import local_environment
from orderstream.pipeline.archive_codec import compress, encode
from orderstream.pipeline.records import Record
from orderstream.storage.orders import get_orders

TARGETS = {"orders --help": 0.15, "orders get": 0.35, "orders trace": 0.6, "orders up": 6.0}
_ORDER = b'{"order_id": "A-1", "customer_id": "12345", "amount": 250.00}'


def measure(rounds: int = 10, objects: int = 900, idle_seconds: float = 60) -> dict[str, Any]:
    """Seconds of each command, and shares of a processor when idle."""
    with TemporaryDirectory() as folder:
        progress("orders up")
        begin = time.monotonic()
        with OrdersUp(Path(folder)) as up:
            up.await_output("ready on")
            ready = time.monotonic() - begin
            deployment = up.deployment
            with OrderProducer(deployment.stream, deployment.cloud.kinesis_no_retry) as producer:
                producer.send_json(_ORDER)
            until_complete(lambda: get_orders(deployment, ["A-1"]), len, 1)
            progress(f"{objects} objects of the archive")
            _archive(deployment, objects)
            token = deployment.cloud.session_token or ""
            commands = {
                "orders --help": _cost(["--help"], {}, rounds),
                "orders get": _cost(["get", "A-1"], local_environment(up.endpoint_url, token), rounds),
                "orders trace": _cost(["trace", "A-1"], local_environment(up.endpoint_url, token), rounds),
            }
            progress(f"idle for {idle_seconds:.0f} s")
            processes = {"orders up": up.process.pid, "MiniStack": up.ministack}
            before = {name: processor_seconds(pid) for name, pid in processes.items()}
            time.sleep(idle_seconds)
            idle = {
                name: (processor_seconds(pid) - before[name]) / idle_seconds
                for name, pid in processes.items()
            }
    return {"rounds": rounds, "objects": objects, "ready": ready, "commands": commands, "idle": idle}


def _archive(deployment: Deployment, objects: int) -> None:
    now, shard_id = datetime.now(UTC), "shardId-000000000000"
    for number in range(objects):
        data = b'{"order_id": "other-%d", "customer_id": "1", "amount": 1}' % number
        record = Record(f"{shard_id}:{number}", shard_id, str(number), "1", now, data)
        body = compress([encode(record, json=decode(data).json, order_id=f"other-{number}")])
        key = batch_key(ORDERS, now, shard_id, [record.sequence_number], [record.event_id])
        deployment.cloud.s3.put_object(Bucket=deployment.bucket, Key=key, Body=body)


def _cost(arguments: list[str], environment: dict[str, str], rounds: int) -> dict[str, float]:
    """The medians of a command's time and processor time, without the first run."""
    progress(f"{rounds} times: orders {' '.join(arguments)}")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    program = str(Path(sys.executable).with_name("orders"))
    walls, processors = [], []
    for _ in range(rounds + 1):
        before, begin = _used(), time.monotonic()
        subprocess.run([program, *arguments], env=inherited | environment, check=True, capture_output=True)
        walls.append(time.monotonic() - begin)
        processors.append(_used() - before)
    return {"seconds": median(walls[1:]), "processor_seconds": median(processors[1:])}


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(results: dict[str, Any]) -> Iterator[str]:
    """Commands, what is used when idle, and the targets."""
    yield table(
        f"Commands, {results['rounds']} times, with {results['objects']} objects in the archive",
        "| | s | processor s |",
        "| {name} | {seconds:.2f} | {processor_seconds:.2f} |",
        ({"name": name} | cost for name, cost in results["commands"].items()),
    )
    yield table(
        "An idle local cloud",
        "| | of a processor |",
        "| {name} | {share:.1%} |",
        ({"name": name, "share": share} for name, share in results["idle"].items()),
    )
    seconds = {name: cost["seconds"] for name, cost in results["commands"].items()}
    seconds["orders up"] = results["ready"]
    yield targets((name, seconds[name], "≤", bound, "{:.2f} s") for name, bound in TARGETS.items())
