"""What was sent is waited for: until it is stored or quarantined, or the function is known to stand still."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS, QUARANTINE
from orderstream.errors import CloudError
from orderstream.migration.conversion import from_item
from orderstream.migration.moving import Mover, add_quarantined
from orderstream.migration.store import LegacyStore
from orderstream.pipeline.process import Invocation, process
from orderstream.pipeline.quarantine import QuarantineWriter
from orderstream.pipeline.services import S3Store, lifecycle, make_archive
from orderstream.pipeline.table import InsertOutcome, InsertResult, OrderTable
from orderstream.progress import no_progress
from tests.fakes import Clock
from tests.integration.pipeline_harness import Pipe
from tests.integration.reconciliation import items


@pytest.fixture
def store() -> Iterator[LegacyStore]:
    with LegacyStore() as opened:
        for number in range(3):
            item = {"CustomerID": "c", "OrderAmount": number, "OrderDate": "2024-05-01T12:00:00Z"}
            opened.add(from_item(f"A-{number}", item))
        yield opened


def move(store: LegacyStore, pipe: Pipe, meanwhile: Callable[[], object]) -> None:
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        meanwhile()

    Mover(store, pipe.deployment, no_progress, sleep=sleep, clock=clock).run(3)


def test_a_function_that_stands_still_is_an_error_and_the_next_run_continues(
    cloud: AwsClients, store: LegacyStore
) -> None:
    pipe = Pipe(cloud)
    with pytest.raises(
        CloudError, match="3 orders were sent, and the function of stack test has stored none"
    ):
        move(store, pipe, lambda: None)
    pipe.process()
    move(store, pipe, lambda: None)
    assert items(pipe).keys() == {"A-1", "A-2"}
    assert store.states() == {"moved": 2, "invalid": 1}
    assert len(pipe.keys(ORDERS)) == 1


def test_an_order_that_the_table_refuses_is_invalid_for_the_reason_in_quarantine(
    cloud: AwsClients, store: LegacyStore
) -> None:
    pipe = Pipe(cloud)

    class RefusingTable:
        def insert(
            self, items: Sequence[dict[str, Any]], seconds_left: Callable[[], float]
        ) -> list[InsertOutcome]:
            return [InsertOutcome(InsertResult.REFUSED, message="Item size is too large") for _ in items]

    def deliver() -> None:
        objects = S3Store(cloud.s3, pipe.deployment.bucket)
        process(
            pipe.records(),
            archive=make_archive(pipe.settings, objects),
            table=RefusingTable(),
            events=lifecycle(cloud.dynamodb, OrderTable(cloud.dynamodb, pipe.settings.table), pipe.settings),
            quarantine=QuarantineWriter(objects),
            currency=pipe.settings.currency,
            invocation=Invocation("request-1", lambda: 50.0, lambda: datetime.now(UTC)),
        )

    move(store, pipe, deliver)
    assert store.states() == {"invalid": 3}
    codes = {order_id: [one.code for one in reasons] for order_id, reasons in store.invalid()}
    assert codes == {"A-0": ["not_positive"], "A-1": ["refused_by_table"], "A-2": ["refused_by_table"]}
    assert len(pipe.keys(QUARANTINE)) == 1


def test_without_a_stream_nothing_can_be_sent_and_the_error_says_so(
    cloud: AwsClients, store: LegacyStore
) -> None:
    pipe = Pipe(cloud)
    cloud.kinesis.delete_stream(StreamName=pipe.deployment.stream)
    with pytest.raises(CloudError, match="no order can be sent"):
        move(store, pipe, lambda: None)


def test_an_invalid_order_that_is_in_quarantine_is_not_sent_again(
    cloud: AwsClients, store: LegacyStore
) -> None:
    pipe = Pipe(cloud)
    pipe.put(store.data("A-0"))
    pipe.process()
    add_quarantined(store, pipe.deployment)
    store.settle_quarantined()
    assert store.states() == {"absent": 2, "invalid": 1}
    move(store, pipe, pipe.process)
    assert store.states() == {"moved": 2, "invalid": 1}
    assert len(pipe.records()) == 3
