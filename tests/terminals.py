"""Terminals for tests: what is typed at one, and what is shown on one."""

from __future__ import annotations

import os
import pty
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def typed(text: str) -> Iterator[TextIO]:
    """A terminal to read from, at which somebody has typed this."""
    master, slave = pty.openpty()
    os.write(master, text.encode())
    with open(slave, encoding="utf-8") as terminal:
        yield terminal
    os.close(master)


@contextmanager
def instead_of(name: str, stream: TextIO) -> Iterator[None]:
    """`sys.stdin` or `sys.stdout` is this one."""
    before = getattr(sys, name)
    setattr(sys, name, stream)
    try:
        yield
    finally:
        setattr(sys, name, before)


@contextmanager
def screen() -> Iterator[Callable[[str], str]]:
    """Standard output is a terminal; what to call for all that it shows up to some text."""
    master, slave = pty.openpty()

    def shown(end: str) -> str:
        said = b""
        while end.encode() not in said:
            assert select.select([master], [], [], 30)[0], said
            said += os.read(master, 1000)
        return said.decode().replace("\r\n", "\n")

    with open(slave, "w", encoding="utf-8") as terminal, instead_of("stdout", terminal):
        yield shown
    os.close(master)
