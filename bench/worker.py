"""One handler in a process of its own: handles events one by one, and tells what each cost.

Runs with the handler's artifact as the only libraries there are, so it imports nothing of the project:
`python -S -E bench/worker.py ARTIFACT MODULE PROCESSOR`. Each line of standard input is the path of an event;
each line of standard output is what came of it, as JSON. The first says that the handler is ready.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path


class Context:
    """What Lambda tells a handler about its invocation."""

    aws_request_id = "c5a1b1d2-9d2f-4b0c-8a57-0f2c1c1d9a11"
    function_name = "ProcessOrders"

    def get_remaining_time_in_millis(self) -> int:
        """Time enough."""
        return 60_000


def main() -> None:
    """Handle what comes."""
    artifact, module, processor = sys.argv[1:4]
    out = os.fdopen(os.dup(1), "w")
    # What a handler prints goes to Lambda's log; here to nobody.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.sched_setaffinity(0, {int(processor)})
    sys.path.insert(0, artifact)
    handler = importlib.import_module(module)
    if module.startswith("orderstream"):
        # The peers make their clients at import, as everybody does; here nothing is made before it is used.
        importlib.import_module("orderstream.pipeline.services").services()
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        text = Path(line.strip()).read_bytes()
        begin = time.process_time()
        event = json.loads(text)
        parsed = time.process_time() - begin
        wall, cpu = time.perf_counter(), time.process_time()
        answer = handler.handle(event, Context())
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        failed = len((answer or {}).get("batchItemFailures", []))
        # Not ru_maxrss: that begins with what the parent had.
        status = Path("/proc/self/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        told = {"cpu": cpu, "wall": wall, "parse": parsed, "failed": failed, "peak_mb": peak}
        print(json.dumps(told), file=out, flush=True)


if __name__ == "__main__":
    main()
