"""Prepares the MiniStack process: ties it to its parent and opens the state folder."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderstream.errors import OrderstreamError

if TYPE_CHECKING:
    from orderstream.local.snapshots import Snapshots

# Between two snapshots, while the state changes.
SNAPSHOT_SECONDS = 3.0
# Set by the parent: the descriptor for reports, and the event source's file, which is saved too.
REPORTS = "ORDERSTREAM_REPORTS"
CHECKPOINTS = "ORDERSTREAM_CHECKPOINTS"


def begin() -> None:
    """Prepare this process, before anything of MiniStack is imported.

    Standard input ends when the parent closes it or dies for any reason, including kill -9, so no MiniStack
    is left behind. Each byte on it requests a snapshot.
    """
    reports = int(os.environ.pop(REPORTS))
    os.set_inheritable(reports, False)

    def tell(report: Mapping[str, Any]) -> None:
        try:
            os.write(reports, json.dumps(report).encode() + b"\n")
        except BrokenPipeError:
            # The parent is dead, and this process is about to end.
            return

    snapshots = _opened(tell) if os.environ.get("PERSIST_STATE") == "1" else None

    def follow_parent() -> None:
        while os.read(0, 1):
            if snapshots:
                snapshots.ask()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow_parent, daemon=True).start()


def _opened(tell: Any) -> Snapshots:
    from orderstream.local.state import StateFolder

    checkpoints = os.environ.pop(CHECKPOINTS, "")
    folder = StateFolder(
        Path(os.environ["STATE_DIR"]),
        Path(os.environ["S3_DATA_DIR"]),
        Path(checkpoints) if checkpoints else None,
    )
    try:
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
