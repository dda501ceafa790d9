"""An event source in a process of its own, to be killed: arguments ENDPOINT TOKEN MAPPING CHECKPOINTS.

It says "ready" when it reads, and reads until it is killed: nothing is saved or waited for at its end.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from orderstream.local.cloud import local_cloud
from orderstream.local.event_source import EventSource


def run(endpoint_url: str, token: str, mapping_id: str, checkpoints: Path) -> None:
    cloud = local_cloud(endpoint_url, token)
    event_source = EventSource(cloud, mapping_id, checkpoints=checkpoints, on_problem=print)
    event_source.start()
    print("ready", flush=True)
    while True:
        event_source.check()
        time.sleep(0.1)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
