"""Runs MiniStack as a child process: tied to its parent, with the state folder opened first."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderstream.errors import OrderstreamError

if TYPE_CHECKING:
    from orderstream.local.snapshots import Snapshots

# Between two snapshots, while the state changes.
SNAPSHOT_SECONDS = 3.0
# Set by the parent: the descriptor for reports.
REPORTS = "ORDERSTREAM_REPORTS"

Tell = Callable[[Mapping[str, Any]], None]


def main() -> None:
    """Run MiniStack until the parent closes standard input or dies for any reason, including kill -9.

    So no MiniStack is left behind. Each byte on standard input requests a snapshot.
    """
    reports = int(os.environ.pop(REPORTS))
    os.set_inheritable(reports, False)
    # Several threads report, and a long line is not written at once.
    one_at_a_time = threading.Lock()

    def tell(report: Mapping[str, Any]) -> None:
        line = json.dumps(report).encode() + b"\n"
        with one_at_a_time, suppress(BrokenPipeError):
            # If it is broken, the parent is dead, and this process is about to end.
            while line:
                line = line[os.write(reports, line) :]

    # The modules of MiniStack read the environment and the state folder when they are imported.
    snapshots = _opened(tell) if os.environ.get("PERSIST_STATE") == "1" else None
    from orderstream.local import arrivals, ministack_patches

    arrivals.install(tell)

    def follow_parent() -> None:
        while os.read(0, 1):
            if snapshots:
                snapshots.ask()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow_parent, daemon=True).start()
    ministack_patches.main()


def _opened(tell: Tell) -> Snapshots:
    from orderstream.local.state import StateFolder

    try:
        folder = StateFolder(Path(os.environ["STATE_DIR"]).parent)
        last = folder.load()
        for bucket in folder.make_consistent(last):
            tell({"removed": bucket})
    except OrderstreamError as error:
        tell({"fatal": error.message, "hint": error.hint})
        sys.exit(1)
    except OSError as error:
        tell({"fatal": f"the state folder cannot be used: {error}", "hint": "give another --state-dir"})
        sys.exit(1)
    # Imports MiniStack's S3, which loads its folder at import: so only after that was made consistent.
    from orderstream.local.snapshots import Snapshots

    snapshots = Snapshots(folder, last, tell)
    snapshots.install()
    return snapshots


if __name__ == "__main__":
    main()
