"""Runs the checks, each bounded in time, whatever they raise."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import msgspec

from orderstream.errors import OrderstreamError
from orderstream.sdk.errors import translate_errors

State = Literal["ok", "warning", "failed", "not checked"]


class Verdict(msgspec.Struct, frozen=True):
    """What a check found, and what to do about it ("" if nothing)."""

    state: State
    detail: str
    hint: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """What the check called `name` found."""

    name: str
    state: State
    detail: str
    hint: str = ""


def run(checks: Mapping[str, Callable[[], Verdict]], *, seconds: float) -> Iterator[Diagnosis]:
    """Run all checks at the same time, and yield what each found, in sequence.

    An error is a failed check, and so is a check that has found nothing after `seconds`.
    """
    answers: dict[str, queue.Queue[Verdict]] = {name: queue.Queue() for name in checks}
    for name, look in checks.items():
        # A daemon: the process must not wait at its end for one that hangs.
        threading.Thread(target=_look, args=(look, answers[name]), name=name, daemon=True).start()
    deadline = time.monotonic() + seconds
    for name, answer in answers.items():
        try:
            found = answer.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            found = Verdict("failed", f"no result within {seconds:g} s")
        yield Diagnosis(name, found.state, found.detail, found.hint)


def _look(look: Callable[[], Verdict], answer: queue.Queue[Verdict]) -> None:
    try:
        with translate_errors("cannot check"):
            found = look()
    except OrderstreamError as error:
        found = Verdict("failed", error.message, error.hint)
    except Exception as error:
        # One check must not end the others.
        found = Verdict("failed", f"{type(error).__name__}: {error}")
    answer.put(found)
