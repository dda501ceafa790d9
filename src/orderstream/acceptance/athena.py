"""Checks of Athena: it accepts the views stored in Glue, and reads only the requested hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from orderstream.acceptance.context import Context, Evidence, expect
from orderstream.acceptance.traffic import accounted
from orderstream.domain.object_keys import ATHENA_RESULTS, ORDERS, PARTITIONS, hour_of_key
from orderstream.errors import CheckFailedError
from orderstream.recovery.verify import Counts
from orderstream.sdk.errors import translate_errors
from orderstream.storage import bucket
from orderstream.storage.bucket import TimeRange

# The number of queries. Of these, `orders` reads every hour there has been; see
# docs/how-to/query-with-athena.md.
QUERIES = 7
FULL_QUERIES = 1
_QUERY_SECONDS = 300.0
# A query that reads more is cancelled: there is not that much data here.
_MOST_BYTES = 100_000_000
_BUSY = {"QUEUED", "RUNNING"}


def views(context: Context) -> Evidence:
    """Athena accepts the four views, and they return as many rows as `orders stack verify` counts."""
    # Only records until now, since the canary continues. Arrival times, and the views, have milliseconds.
    now = context.cloud.now()
    until = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return view_rows(context, until, accounted(context, TimeRange(until=until)).counts)


def view_rows(context: Context, until: datetime, counts: Counts) -> Evidence:
    """The rows of each view before `until`. Raises CheckFailedError unless `counts` has as many.

    Nothing here sends events, so it is only shown that Athena accepts their view.
    """
    days = _days(context, until)
    before = f"arrived_at < TIMESTAMP '{until:%Y-%m-%d %H:%M:%S.%f}'"[:-4] + "'"
    evidence: Evidence = {}
    for view, expected, where in (
        ("records", counts.records, f"{before} AND {days}"),
        ("quarantine", counts.conflicts + counts.invalid, f"{before} AND {days}"),
        ("orders", counts.stored, before),
        ("events", None, f"{before} AND {days}"),
    ):
        found, scanned = _asked(context, f"SELECT count(*) FROM {view} WHERE {where}")
        is_right = expected is None or found == expected
        expect(is_right, f"{view} has {found:,} rows, orders stack verify counts {expected or 0:,}")
        evidence |= {view: found, f"{view}_bytes": scanned}
    return evidence


def pruning(context: Context) -> Evidence:
    """A condition on the hour keeps Athena from reading the others."""
    entry = next(bucket.list_by_hour(context.deployment, ORDERS), None)
    if entry is None:
        raise CheckFailedError("the archive has no object")
    return bytes_read(context, hour_of_key(entry.key))


def bytes_read(context: Context, hour: datetime) -> Evidence:
    """The bytes that Athena reads for an hour with records, its day, and an hour without any."""
    empty = hour - timedelta(hours=24)
    query = "SELECT count(*) FROM records WHERE {}"
    rows, of_hour = _asked(context, query.format(_hour(hour)))
    # Read after the hour: more may have arrived in it since, and the day includes that too.
    _, day = _asked(context, query.format(_day(hour)))
    _, of_empty = _asked(context, query.format(_hour(empty)))
    expect(rows and of_hour, f"the hour {hour:%Y-%m-%d %H} has no record")
    expect(of_empty < of_hour <= day, f"read were {of_empty}, {of_hour} and {day} bytes")
    return {"empty_hour_bytes": of_empty, "hour_bytes": of_hour, "day_bytes": day, "rows": rows}


def _asked(context: Context, sql: str) -> tuple[int, int]:
    """The number that a query returns, and the bytes that it read. Raises CheckFailedError if it fails."""
    athena = context.cloud.client("athena")
    with translate_errors("cannot ask Athena"):
        _make_workgroup(context, athena)
        query: str = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": context.name.replace("-", "_")},
            WorkGroup=context.name,
        )["QueryExecutionId"]

    def look() -> dict[str, Any]:
        with translate_errors("cannot ask Athena"):
            found: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        expect(found["Status"]["State"] not in _BUSY, f"the query is {found['Status']['State']}")
        return found

    done = context.until(look, seconds=_QUERY_SECONDS, what="Athena")
    if done["Status"]["State"] != "SUCCEEDED":
        raise CheckFailedError(f"Athena: {done['Status'].get('StateChangeReason', 'failed')} ({sql})")
    with translate_errors("cannot ask Athena"):
        rows = athena.get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    # The first row has the column names.
    return int(rows[1]["Data"][0]["VarCharValue"]), done["Statistics"].get("DataScannedInBytes", 0)


def _make_workgroup(context: Context, athena: Any) -> None:
    """Create the run's workgroup. Results are deleted with the archive bucket, queries with the workgroup."""
    place = f"s3://{context.deployment.bucket}/{ATHENA_RESULTS}"
    try:
        athena.create_work_group(
            Name=context.name,
            Configuration={
                "ResultConfiguration": {"OutputLocation": place},
                "EnforceWorkGroupConfiguration": True,
                "BytesScannedCutoffPerQuery": _MOST_BYTES,
            },
        )
    except ClientError as error:
        if "already" not in str(error):
            raise


def _hour(hour: datetime) -> str:
    return " AND ".join(f"{name} = '{hour:{form}}'" for name, form in PARTITIONS.items())


def _day(hour: datetime) -> str:
    return _hour(hour).rpartition(" AND ")[0]


def _days(context: Context, until: datetime) -> str:
    """A condition on the days of a run, which may have started before midnight."""
    days = [until - timedelta(days=1), until]
    return " OR ".join(map(_day, days)).join("()")
