"""What the kernel tells about processes: the processor time that they used, and the most memory they had."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Processor time of all threads of a process, in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def usage(ministack: int, parts: Mapping[str, int] = MappingProxyType({})) -> dict[str, float]:
    """Processor seconds until now of MiniStack, the functions in it, this process, `parts`, and all others.

    `parts` are other processes by name.
    """
    user, nice, system, _, _, irq, softirq = Path("/proc/stat").read_text().split(None, 8)[1:8]
    found = {name: processor_seconds(pid) for name, pid in parts.items()} | {
        "MiniStack": processor_seconds(ministack),
        "function": sum(processor_seconds(child) for child in children(ministack)),
        "this process": time.process_time(),
    }
    busy = sum(map(int, (user, nice, system, irq, softirq))) / _TICKS
    return found | {"others": busy - sum(found.values())}


def used_since(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """The difference of two `usage`; clocks differ, so "others" may be a little below zero."""
    return {name: max(0.0, seconds - before[name]) for name, seconds in now.items()}


def peak_mb(pid: int) -> float:
    """The most memory that a process ever had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def children(pid: int) -> list[int]:
    """The processes that a process started and that run."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        # The thread or the child may have ended since.
        with suppress(OSError):
            found += [int(child) for child in (thread / "children").read_text().split() if _runs(child)]
    return found


def _runs(pid: str) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
