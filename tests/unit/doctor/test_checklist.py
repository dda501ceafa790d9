"""Every check has a result in time, whatever it does."""

from __future__ import annotations

import threading

from botocore.exceptions import NoRegionError

from orderstream.doctor.checklist import Verdict, run
from orderstream.errors import InputError


def raising(error: Exception) -> Verdict:
    raise error


def test_a_check_that_raises_or_hangs_has_failed_and_the_others_have_their_results_in_sequence() -> None:
    released = threading.Event()

    def hangs() -> Verdict:
        released.wait()
        return Verdict("ok", "too late")

    checks = {
        "fine": lambda: Verdict("ok", "all right"),
        "ours": lambda: raising(InputError("it is wrong", hint="correct it")),
        "theirs": lambda: raising(ZeroDivisionError("a mistake")),
        "the SDK's": lambda: raising(NoRegionError()),
        "hanging": hangs,
        "last": lambda: Verdict("warning", "not so good", "mend it"),
    }
    # Long enough for those that end: one that takes longer than this fails the test only by itself.
    found = list(run(checks, seconds=3))
    released.set()
    assert [(one.name, one.state) for one in found] == [
        ("fine", "ok"),
        ("ours", "failed"),
        ("theirs", "failed"),
        ("the SDK's", "failed"),
        ("hanging", "failed"),
        ("last", "warning"),
    ]
    details = [one.detail for one in found]
    assert details[1:3] == ["it is wrong", "ZeroDivisionError: a mistake"]
    assert details[4] == "no result within 3 s"
    assert found[1].hint == "correct it" and "--region" in found[3].hint
