"""`athena-views` and `athena-pruning`: what they ask of Athena, and which answers they do not take."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime

import pytest
import sqlglot

from orderstream.acceptance import athena
from orderstream.domain.object_keys import PARTITIONS
from orderstream.errors import CheckFailedError
from orderstream.recovery.verify import Counts
from tests.unit.acceptance.fakes import BUCKET, NAME, SOME_TIME, Answer, Refusal, context_on

HOUR = datetime(2026, 5, 4, 12, tzinfo=UTC)
# The number that a query counts, and the bytes that it reads; or why it fails.
Found = tuple[int, int] | str


@dataclass
class Athena:
    """Runs queries of the workgroup of the run alone: they wait, they run, and `answers` says what comes."""

    answers: Callable[[str], Found]
    groups: dict[str, Answer] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    looks: int = 0

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
        if self.looks < 3:
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


COUNTS = Counts(**dict.fromkeys((one.name for one in fields(Counts)), 0))
COUNTED = replace(COUNTS, records=5, stored=4, conflicts=2, invalid=1)


def test_each_view_has_the_rows_that_verify_counts_up_to_one_moment() -> None:
    service = counting(records=(5, 5120), quarantine=(3, 700), orders=(4, 9001), events=(0, 800))
    assert athena.view_rows(context_on(athena=service), SOME_TIME, COUNTED) == {
        "records": 5,
        "records_bytes": 5120,
        "quarantine": 3,
        "quarantine_bytes": 700,
        "orders": 4,
        "orders_bytes": 9001,
        "events": 0,
        "events_bytes": 800,
    }
    moment = "arrived_at < TIMESTAMP '2026-05-04 12:30:00.000'"
    day, day_before = (f"year = '2026' AND month = '05' AND day = '{one}'" for one in ("04", "03"))
    for query in service.queries:
        # The view of the orders looks into every hour, whatever is asked of it.
        days = "" if view_of(query) == "orders" else f" AND ({day_before} OR {day})"
        assert query == f"SELECT count(*) FROM {view_of(query)} WHERE {moment}{days}"
    # The workgroup of the run is made once, and bounds what they read.
    assert service.groups == {
        NAME: {
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/athena-results/"},
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": 100_000_000,
        }
    }


@pytest.mark.parametrize(
    ("orders", "said"),
    [
        ((5, 1), "orders has 5 rows, orders stack verify counts 4"),
        (
            "SYNTAX_ERROR: line 1:22: Table 'awsdatacatalog.orders' does not exist",
            "Athena: SYNTAX_ERROR: line 1:22: Table .* does not exist .SELECT count",
        ),
    ],
)
def test_other_rows_and_a_view_that_athena_does_not_take_fail_the_check(orders: Found, said: str) -> None:
    service = counting(records=(5, 1), quarantine=(3, 1), orders=orders)
    with pytest.raises(CheckFailedError, match=said):
        athena.view_rows(context_on(athena=service), SOME_TIME, COUNTED)


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


def test_an_hour_is_read_without_the_others_of_its_day_and_an_empty_one_for_nothing() -> None:
    service = Athena(Hours({("2026-05-04", "11"): 4000, ("2026-05-04", "12"): 900}))
    found = athena.bytes_read(context_on(athena=service), HOUR)
    assert found == {"empty_hour_bytes": 0, "hour_bytes": 900, "day_bytes": 4900, "rows": 900}


def test_what_arrives_between_the_queries_fails_nothing() -> None:
    service = Athena(Hours({("2026-05-04", "12"): 900}, grows=50))
    found = athena.bytes_read(context_on(athena=service), HOUR)
    assert found["hour_bytes"] <= found["day_bytes"]


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (Hours({("2026-05-04", "11"): 40, ("2026-05-04", "12"): 9}, prunes=False), "read were 49, 49 and 49"),
        (Hours({("2026-05-04", "11"): 4000}), "the hour 2026-05-04 12 has no record"),
    ],
)
def test_an_athena_that_reads_other_hours_or_finds_nothing_fails_the_check(hours: Hours, said: str) -> None:
    with pytest.raises(CheckFailedError, match=said):
        athena.bytes_read(context_on(athena=Athena(hours)), HOUR)
