"""Calls functions of a module in a process of its own: `python -S -E worker.py PROCESSOR MODULE FOLDER…`.

The folders are the only libraries there are, so this imports nothing of the project. Each line of standard
input is a function and its arguments, as JSON; each line of standard output is what it returned. "ready" is
answered when the module is imported.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Context:
    """Lambda's context of an invocation."""

    aws_request_id = "c5a1b1d2-9d2f-4b0c-8a57-0f2c1c1d9a11"
    function_name = "ProcessOrders"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def handle(handler: Any, file: str) -> dict[str, float]:
    """Seconds `cpu`, `wall` and `parse` that the event in the file takes; `peak_mb`, and records `failed`."""
    text = Path(file).read_bytes()
    begin = time.process_time()
    event = json.loads(text)
    parsed = time.process_time() - begin
    wall, cpu = time.perf_counter(), time.process_time()
    answer = handler(event, Context())
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    failed = len((answer or {}).get("batchItemFailures", []))
    # Not ru_maxrss: that begins with the memory of the parent.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return {"cpu": cpu, "wall": wall, "parse": parsed, "failed": failed, "peak_mb": peak}


def main() -> None:
    processor, name, *folders = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w")
    # What a handler prints goes to Lambda's log; here to nobody.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.sched_setaffinity(0, {int(processor)})
    sys.path[:0] = folders
    module: Any = importlib.import_module(name)
    if name.startswith("orderstream"):
        # The other handlers create their clients at import; ours does so at the first use.
        importlib.import_module("orderstream.pipeline.services").services()
    for line in sys.stdin:
        function, *arguments = json.loads(line)
        if function == "ready":
            found = function
        elif function == "handle":
            found = handle(module.handle, *arguments)
        else:
            found = getattr(module, function)(*arguments)
        print(json.dumps(found), file=out, flush=True)


if __name__ == "__main__":
    main()
