"""`athena-views` and `athena-pruning`: what they ask of Athena, and which answers they do not take."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlglot

from orderstream.acceptance import athena
from orderstream.acceptance.context import Context
from orderstream.acceptance.traffic import new_orders
from orderstream.aws.clock import ServiceClock
from orderstream.domain.fields import utc_text
from orderstream.domain.object_keys import ORDERS, PARTITIONS, batch_key
from orderstream.errors import CheckFailedError
from orderstream.pipeline.archive_codec import compress
from tests.fakes import Clock
from tests.unit.acceptance.fakes import BUCKET, NAME, SOME_TIME, Answer, Refusal, aws_of, context_on
from tests.unit.acceptance.pipeline import Bucket, Pipeline

# The number that a query counts, and the bytes that it reads; or why it fails.
Found = tuple[int, int] | str


@dataclass
class Athena:
    """Runs queries of the workgroup of the run alone: they wait, they run, and `answers` says what comes."""

    answers: Callable[[str], Found]
    groups: dict[str, Answer] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    looks: int = 0
    never_ends: bool = False

    def create_work_group(self, Name: str, Configuration: Answer) -> Answer:
        if Name in self.groups:
            raise Refusal("InvalidRequestException", "WorkGroup is already created")
        self.groups[Name] = Configuration
        return {}

    def start_query_execution(
        self, QueryString: str, QueryExecutionContext: Answer, WorkGroup: str
    ) -> Answer:
        if WorkGroup not in self.groups:
            raise Refusal("InvalidRequestException", f"WorkGroup {WorkGroup} is not found.")
        # Athena's names have no hyphens.
        assert QueryExecutionContext == {"Database": NAME.replace("-", "_")}
        sqlglot.parse_one(QueryString, dialect="athena")
        self.queries.append(QueryString)
        self.looks = 0
        return {"QueryExecutionId": str(len(self.queries) - 1)}

    def get_query_execution(self, QueryExecutionId: str) -> Answer:
        found = self.answers(self.queries[int(QueryExecutionId)])
        self.looks += 1
        if self.looks < 3 or self.never_ends:
            return _execution({"State": "QUEUED" if self.looks == 1 else "RUNNING"}, {})
        if isinstance(found, str):
            return _execution({"State": "FAILED", "StateChangeReason": found}, {"DataScannedInBytes": 0})
        return _execution({"State": "SUCCEEDED"}, {"DataScannedInBytes": found[1]})

    def get_query_results(self, QueryExecutionId: str) -> Answer:
        found = self.answers(self.queries[int(QueryExecutionId)])
        rows = [{"Data": [{"VarCharValue": text}]} for text in ("_col0", str(found[0]))]
        return {"ResultSet": {"Rows": rows}}


def _execution(status: Answer, statistics: Answer) -> Answer:
    return {"QueryExecution": {"Status": status, "Statistics": statistics}}


def view_of(query: str) -> str:
    """The one that it counts."""
    found = re.match(r"SELECT count\(\*\) FROM (\w+) WHERE ", query)
    assert found
    return found[1]


def counting(**counts: Found) -> Athena:
    return Athena(lambda query: counts[view_of(query)])


def pipeline_with_orders(count: int, pipeline: Pipeline | None = None) -> Pipeline:
    """A pipeline with so many orders, of which the id of one was sent with another amount too.

    They arrived a moment ago, if nothing else is given.
    """
    pipeline = pipeline or Pipeline(now=lambda: datetime.now(UTC) - timedelta(seconds=1))
    orders = new_orders("some", count)
    orders.append(orders[0] | {"amount": "2.00"})
    for one in orders:
        record = {"Data": json.dumps(one).encode(), "PartitionKey": one["customer_id"]}
        pipeline.put_records(f"{NAME}-OrderStream", [record])
    return pipeline


def test_each_view_has_the_rows_that_verify_counts_up_to_one_moment() -> None:
    service = counting(records=(5, 5120), quarantine=(1, 700), orders=(4, 9001))
    context = context_on(athena=service, **pipeline_with_orders(4).services)
    assert athena.views(context) == {
        "records": 5,
        "records_bytes": 5120,
        "quarantine": 1,
        "quarantine_bytes": 700,
        "orders": 4,
        "orders_bytes": 9001,
    }
    moment = r"arrived_at < TIMESTAMP '\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}'"
    day = r"year = '\d{4}' AND month = '\d\d' AND day = '\d\d'"
    for query in service.queries:
        # The view of the orders looks into every hour, whatever is asked of it.
        days = "" if view_of(query) == "orders" else rf" AND \({day} OR {day}\)"
        assert re.fullmatch(rf"SELECT count\(\*\) FROM \w+ WHERE {moment}{days}", query)
    assert len({re.findall(moment, query)[0] for query in service.queries}) == 1


def test_queries_run_in_a_workgroup_of_the_run_which_is_made_once_and_bounds_what_they_read() -> None:
    service = counting(records=(5, 1), quarantine=(1, 1), orders=(4, 1))
    context = context_on(athena=service, **pipeline_with_orders(4).services)
    athena.views(context)
    assert service.groups == {
        NAME: {
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/athena-results/"},
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": 100_000_000,
        }
    }
    assert aws_of(context).asked["create_work_group"] == 3


@pytest.mark.parametrize(
    ("view", "found", "said"),
    [
        ("records", (4, 1), "records has 4 rows, orders stack verify counts 5"),
        ("quarantine", (0, 1), "quarantine has 0 rows, orders stack verify counts 1"),
        ("orders", (5, 1), "orders has 5 rows, orders stack verify counts 4"),
        (
            "orders",
            "SYNTAX_ERROR: line 1:22: Table 'awsdatacatalog.orders' does not exist",
            "Athena: SYNTAX_ERROR: line 1:22: Table .* does not exist .SELECT count",
        ),
    ],
)
def test_other_rows_and_a_view_that_athena_does_not_take_fail_the_check(
    view: str, found: Found, said: str
) -> None:
    answers: dict[str, Found] = {"records": (5, 1), "quarantine": (1, 1), "orders": (4, 1), view: found}
    with pytest.raises(CheckFailedError, match=said):
        athena.views(context_on(athena=counting(**answers), **pipeline_with_orders(4).services))


def test_what_arrives_in_the_millisecond_of_that_moment_is_counted_by_neither() -> None:
    pipeline = pipeline_with_orders(4, Pipeline(now=lambda: SOME_TIME.replace(microsecond=345_000)))
    context = context_on(
        athena=counting(records=(0, 0), quarantine=(0, 0), orders=(0, 0)), **pipeline.services
    )
    late = ServiceClock(here=lambda: SOME_TIME.replace(microsecond=345_678))
    found = athena.views(replace(context, cloud=replace(context.cloud, clock=late)))
    assert found["records"] == 0


def test_a_query_that_does_not_end_is_awaited_for_five_minutes() -> None:
    service, clock = counting(records=(5, 1)), Clock()
    service.never_ends = True
    with pytest.raises(CheckFailedError, match="after 300 s: the query is RUNNING"):
        athena.views(context_on(clock, athena=service, **pipeline_with_orders(4).services))
    assert clock.now == 300


class Hours:
    """What a table with a partition for each hour reads: all objects of the hours that are asked for.

    With `prunes` false it reads all that there is. `grows` by that many bytes from one query to the next.
    """

    def __init__(self, sizes: dict[tuple[str, str], int], *, prunes: bool = True, grows: int = 0) -> None:
        self.sizes = sizes
        self.prunes = prunes
        self.grows = grows
        self._asked: set[str] = set()

    def __call__(self, query: str) -> Found:
        if query not in self._asked:
            self._asked.add(query)
            newest = max(self.sizes)
            self.sizes[newest] += self.grows
        *names, hour = PARTITIONS
        day = "-".join(re.findall(rf"(?:{'|'.join(names)}) = '(\d+)'", query))
        hours = re.findall(rf"{hour} = '(\d\d)'", query)
        wanted = {key: size for key, size in self.sizes.items() if key[0] == day and key[1] in (hours or key)}
        return sum(wanted.values()), sum((wanted if self.prunes else self.sizes).values())


def pruned(hours: Hours) -> Context:
    """A run whose archive has a record that arrived in SOME_TIME's hour."""
    line = {
        "event_id": "shardId-000000000000:1",
        "partition_key": "one",
        "arrived_at": utc_text(SOME_TIME),
        "order_id": "A-1",
        "raw": {"order_id": "A-1"},
    }
    bucket = Bucket()
    key = batch_key(ORDERS, SOME_TIME, "shardId-000000000000", ["1"], [])
    bucket.store.put_new(key, compress([json.dumps(line).encode() + b"\n"]))
    services: dict[str, Any] = {"s3": bucket, "athena": Athena(hours)}
    return context_on(**services)


def test_an_hour_is_read_without_the_others_of_its_day_and_an_empty_one_for_nothing() -> None:
    found = athena.pruning(pruned(Hours({("2026-05-04", "11"): 4000, ("2026-05-04", "12"): 900})))
    assert found == {"empty_hour_bytes": 0, "hour_bytes": 900, "day_bytes": 4900, "rows": 900}


def test_what_arrives_between_the_queries_fails_nothing() -> None:
    found = athena.pruning(pruned(Hours({("2026-05-04", "12"): 900}, grows=50)))
    assert found["hour_bytes"] <= found["day_bytes"]


def test_an_athena_that_reads_the_other_hours_too_fails_the_check() -> None:
    hours = Hours({("2026-05-04", "11"): 4000, ("2026-05-04", "12"): 900}, prunes=False)
    with pytest.raises(CheckFailedError, match="read were 4900, 4900 and 4900 bytes"):
        athena.pruning(pruned(hours))


def test_an_hour_in_which_athena_finds_nothing_fails_the_check() -> None:
    with pytest.raises(CheckFailedError, match="the hour 2026-05-04 12 has no record"):
        athena.pruning(pruned(Hours({("2026-05-04", "11"): 4000})))


def test_an_archive_without_a_record_fails_the_check() -> None:
    with pytest.raises(CheckFailedError, match="the archive has no record"):
        athena.pruning(context_on(s3=Bucket(), athena=counting()))
