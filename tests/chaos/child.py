"""Child processes that end with their parent: `python -m tests.chaos.child MODULE …` runs a module."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@contextmanager
def child(module: str, *arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m module arguments` while the block runs; at its end the process is killed."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, module, *arguments],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A Ctrl-C at the terminal is for the parent, which stops this in its turn.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # None of them has anything to save.
        process.kill()
        process.wait()
        assert process.stdin
        process.stdin.close()


def _follow_parent() -> None:
    # Standard input ends when the parent dies, of whatever cause.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_follow_parent, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
