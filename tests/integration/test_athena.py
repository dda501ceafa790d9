"""The tables and views that template.yaml has for Athena have the columns of the rest of the system."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from reference import PROJECT

from orderstream.archive.views import columns_of
from orderstream.aws.clients import AwsClients
from orderstream.domain.object_keys import ORDERS, PARTITIONS, QUARANTINE, hour_prefix
from orderstream.local.cloud import LocalCloud
from orderstream.pipeline.archive_codec import compress
from orderstream.storage.columns import column_types
from tests.integration.athena import (
    HOURS,
    PLACES,
    VIEWS,
    Athena,
    Table,
    client,
    duckdb_type,
    glue_tables,
    view_of,
)
from tests.integration.conftest import awaited
from tests.integration.deployed import deploy


def as_athena(kinds: dict[str, str]) -> dict[str, str]:
    """DuckDB's types as those in which Athena can have the same: Hive's times know no zone."""
    return {name: kind.replace("TIMESTAMPTZ", "TIMESTAMP_MS") for name, kind in kinds.items()}


def declared(table: Table) -> dict[str, str]:
    listed = table["StorageDescriptor"]["Columns"] + table.get("PartitionKeys", [])
    return {column["Name"]: duckdb_type(column["Type"], "hive") for column in listed}


@pytest.mark.parametrize("layout", ["batch", "order"])
def test_tables_and_views_have_the_columns_of_an_archived_record(
    cloud: AwsClients, tmp_path: Path, layout: str
) -> None:
    deployment = deploy(cloud, ArchiveLayout=layout)
    tables = glue_tables(cloud)
    by_layout = {"batch": "archive_lines", "order": "archive_objects"}[layout]
    assert tables.keys() == {by_layout, "quarantine_lines", "compacted", *VIEWS}
    record = as_athena(column_types())
    assert list(declared(tables["records"]).items()) == list((record | HOURS).items())
    assert list(declared(tables["orders"]).items()) == list((record | HOURS).items())
    assert declared(tables["compacted"]) == record | as_athena(PLACES) | HOURS
    assert list(declared(tables["events"]).items()) == list(as_athena(columns_of("events")).items())
    about = {name: record[name] for name in ("event_id", "order_id", "partition_key", "arrived_at")}
    assert list(declared(tables["quarantine"]).items()) == list(
        {
            **about,
            "reasons": "STRUCT(path VARCHAR, code VARCHAR, message VARCHAR)[]",
            "attempted_at": "TIMESTAMP_MS",
            "request_id": "VARCHAR",
            "stored": "VARCHAR",
            "raw": "VARCHAR",
            "raw_base64": "VARCHAR",
            **HOURS,
        }.items()
    )

    # A view is declared twice as what its SQL gives.
    athena = Athena(deployment, tmp_path)
    for name in VIEWS:
        assert tables[name]["TableType"] == "VIRTUAL_VIEW"
        assert tables[name]["Parameters"]["presto_view"] == "true"
        assert tables[name]["ViewExpandedText"] == "/* Presto View */"
        view = view_of(tables[name])
        assert view.keys() == {"catalog", "schema", "columns", "originalSql"}
        assert (view["catalog"], view["schema"]) == ("awsdatacatalog", "orderstream")
        in_view = {column["name"]: duckdb_type(column["type"], "trino") for column in view["columns"]}
        for listed in (declared(tables[name]), athena.columns(name)):
            assert list(listed.items()) == list(in_view.items())


def test_sam_deploys_them_as_they_are_here(local: LocalCloud, cloud: AwsClients) -> None:
    deploy(cloud)
    by_sam, here = glue_tables(local.cloud), glue_tables(cloud)
    assert by_sam.keys() == here.keys()
    for name, table in by_sam.items():
        assert declared(table) == declared(here[name])
        assert name not in VIEWS or view_of(table) == view_of(here[name])
    place = by_sam["archive_lines"]["Parameters"]["storage.location.template"]
    hours = "".join(f"{name}=${{{name}}}/" for name in PARTITIONS)
    assert place == f"s3://order-data-archive/{ORDERS}{hours}"


def asked(cloud: AwsClients, bucket: str, query: str) -> list[list[str]]:
    """The rows that MiniStack's Athena finds: it runs simple queries on tables, no views."""
    athena = client(cloud, "athena")
    name = athena.start_query_execution(
        QueryString=query,
        QueryExecutionContext={"Database": "orderstream"},
        ResultConfiguration={"OutputLocation": f"s3://{bucket}/results/"},
    )["QueryExecutionId"]

    def ended() -> str | None:
        state = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]["State"]
        return None if state in ("QUEUED", "RUNNING") else str(state)

    assert awaited(ended) == "SUCCEEDED"
    _, *rows = athena.get_query_results(QueryExecutionId=name)["ResultSet"]["Rows"]
    return [[cell["VarCharValue"] for cell in row["Data"]] for row in rows]


def test_a_line_is_one_column_of_its_table_to_ministacks_athena_too(cloud: AwsClients) -> None:
    deployment = deploy(cloud)
    line = '{"event_id":"1","raw":{"a, b":"\\" \\u0001"}}'
    for prefix, table in ((ORDERS, "archive_lines"), (QUARANTINE, "quarantine_lines")):
        key = f"{hour_prefix(prefix, datetime(2026, 11, 22, 8, tzinfo=UTC))}a.ndjson.gz"
        cloud.s3.put_object(Bucket=deployment.bucket, Key=key, Body=compress([line.encode() + b"\n"]))
        rows = asked(cloud, deployment.bucket, f"SELECT line, year, month, day, hour FROM {table}")
        assert rows == [[line, "2026", "11", "22", "08"]]


def test_the_queries_of_the_documentation_run(cloud: AwsClients, tmp_path: Path) -> None:
    page = (PROJECT / "docs/how-to/query-with-athena.md").read_text()
    queries = [one for block in re.findall(r"```sql\n(.*?)```", page, re.DOTALL) for one in block.split(";")]
    athena = Athena(deploy(cloud), tmp_path)
    assert [athena.rows(query) for query in queries if query.strip()] == [[]] * 4
