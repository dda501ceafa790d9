"""What others put on the stream of changes is no announcement, and stops nothing."""

from __future__ import annotations

import pytest

from orderstream.webhooks.announced_change import announced_change

NESTED = b"[" * 50_000 + b"]" * 50_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b'{"id": "A/1"}',
        b'{"id":"A/1","type":"orderstream.order.paid","subject":"A","x":'
        + NESTED
        + b',"data":{"version":1}}',
    ],
)
def test_a_record_that_is_no_announcement_is_skipped(body: bytes) -> None:
    assert announced_change(body, "1") is None
