"""A cloud's clients are made one after the other, whichever threads ask for them first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orderstream.ops.cloud import Cloud


class Session:
    """Waits in `create_client` for a second one to come in, and notes whether one did."""

    def __init__(self) -> None:
        self.together = False
        self._both = threading.Barrier(2)

    def create_client(self, service: str, **_: Any) -> str:
        try:
            self._both.wait(0.2)
            self.together = True
        except threading.BrokenBarrierError:
            pass
        return service


def test_two_threads_never_make_clients_at_once() -> None:
    cloud, session = Cloud(), Session()
    # What a session of botocore would be, made on first use.
    cloud.__dict__["_session"] = session
    with ThreadPoolExecutor(2) as threads:
        made = [threads.submit(lambda: str(cloud.s3)), threads.submit(lambda: str(cloud.dynamodb))]
    assert [one.result() for one in made] == ["s3", "dynamodb"]
    assert not session.together
