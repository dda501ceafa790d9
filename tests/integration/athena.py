"""What can be had of Athena where there is none: Glue's tables and views, read and run by DuckDB."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import duckdb
import sqlglot
from sqlglot import exp

from orderstream.aws.clients import AwsClients
from orderstream.aws.deployment import Deployment
from orderstream.domain.object_keys import PARTITIONS

Row = dict[str, Any]
Table = dict[str, Any]

# The columns that a table has beside those of an archived record, in DuckDB's types.
HOURS = dict.fromkeys(PARTITIONS, "VARCHAR")
PLACES = {"places": 'STRUCT("key" VARCHAR, line INTEGER, written TIMESTAMPTZ)[]'}

_DIGITS = {"year": 4, "month": 2, "day": 2, "hour": 2}
# Each stands on those before it.
VIEWS = ("lines", "records", "quarantine", "orders", "events")


def client(cloud: AwsClients, service: str) -> Any:
    """A client for a service of which the rest of the system knows nothing."""
    session: Any = botocore.session.Session()
    session.set_credentials(cloud.access_key, cloud.secret_key, cloud.session_token)
    return session.create_client(service, region_name=cloud.region, endpoint_url=cloud.endpoint_url)


def glue_tables(cloud: AwsClients) -> dict[str, Table]:
    """The tables and views of the database, as Glue's API returns them, by their names."""
    glue = client(cloud, "glue")
    assert glue.get_database(Name="orderstream")["Database"]["Name"] == "orderstream"
    return {table["Name"]: table for table in glue.get_tables(DatabaseName="orderstream")["TableList"]}


def view_of(table: Table) -> Row:
    """What Athena finds in a view: catalog, schema, columns, originalSql."""
    found = re.fullmatch(r"/\* Presto View: (\S+) \*/", table["ViewOriginalText"])
    assert found
    view: Row = json.loads(base64.b64decode(found[1]))
    return view


def duckdb_type(kind: str, dialect: str) -> str:
    """A type of Hive's or Trino's as DuckDB writes its own. Athena's timestamps of Hive have milliseconds."""
    exact = re.sub(r"timestamp(?!\()", "timestamp(3)", kind)
    spelt = exp.DataType.build(exact, dialect=dialect).sql("duckdb")
    (found,) = duckdb.execute(f"SELECT typeof(CAST(NULL AS {spelt}))").fetchall()
    return str(found[0])


class Athena:
    """The tables and views of a stack, with what lies in its bucket now."""

    def __init__(self, deployment: Deployment, work_dir: Path) -> None:
        self._deployment = deployment
        self._work_dir = work_dir
        self._duckdb = duckdb.connect()
        self._duckdb.execute("SET TimeZone = 'UTC'")
        tables = glue_tables(deployment.cloud)
        for table in tables.values():
            if table["TableType"] == "EXTERNAL_TABLE":
                self._read(table)
        for name in VIEWS:
            (sql,) = sqlglot.transpile(view_of(tables[name])["originalSql"], read="trino", write="duckdb")
            self._duckdb.execute(f"CREATE VIEW {name} AS {sql}")

    def rows(self, sql: str) -> list[Row]:
        """The rows of a query in Trino's SQL."""
        (translated,) = sqlglot.transpile(sql, read="trino", write="duckdb")
        found = self._duckdb.execute(translated)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def columns(self, name: str) -> dict[str, str]:
        """The columns of a table or view, with the types that DuckDB finds."""
        return {column: kind for column, kind, *_ in self._duckdb.execute(f"DESCRIBE {name}").fetchall()}

    def _read(self, table: Table) -> None:
        storage = table["StorageDescriptor"]
        columns = storage["Columns"] + table.get("PartitionKeys", [])
        listed = ", ".join(f"{one['Name']} {duckdb_type(one['Type'], 'hive')}" for one in columns)
        self._duckdb.execute(f"CREATE TABLE {table['Name']} ({listed})")
        for key, partition in self._files(table):
            body = self._deployment.cloud.s3.get_object(Bucket=self._deployment.bucket, Key=key)[
                "Body"
            ].read()
            if "Parquet" in storage["SerdeInfo"]["SerializationLibrary"]:
                self._insert_parquet(table, body, partition)
            else:
                # As LazySimpleSerDe reads: a line ends where a line ends, a column at the control character.
                assert storage["SerdeInfo"]["Parameters"] == {"serialization.format": "1"}
                text = (gzip.decompress(body) if key.endswith(".gz") else body).decode()
                rows = [(line.split("\1")[0], *partition) for line in re.split(r"\r\n|\r|\n", text) if line]
                marks = ", ".join("?" * (1 + len(partition)))
                self._duckdb.executemany(f"INSERT INTO {table['Name']} VALUES ({marks})", rows)

    def _insert_parquet(self, table: Table, body: bytes, partition: tuple[str, ...]) -> None:
        file = self._work_dir / "object.parquet"
        file.write_bytes(body)
        # Athena finds them by name, and what a file does not have is null.
        there = {
            name for name, *_ in self._duckdb.execute(f"DESCRIBE FROM read_parquet('{file}')").fetchall()
        }
        listed = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
        names = ", ".join(name if name in there else "NULL" for name in listed)
        hours = ", ".join(f"'{value}'" for value in partition)
        self._duckdb.execute(
            f"INSERT INTO {table['Name']} SELECT {names}, {hours} FROM read_parquet('{file}')"
        )

    def _files(self, table: Table) -> list[tuple[str, tuple[str, ...]]]:
        """The keys of a table's files, each with its partition: only those that projection leads to."""
        keys = [column["Name"] for column in table.get("PartitionKeys", [])]
        parameters = table["Parameters"]
        place = parameters["storage.location.template"] if keys else table["StorageDescriptor"]["Location"]
        pattern = re.escape(place)
        for key in keys:
            assert parameters[f"projection.{key}.type"] == ("date" if key == "year" else "integer")
            assert key == "year" or int(parameters[f"projection.{key}.digits"]) == _DIGITS[key]
            pattern = pattern.replace(re.escape(f"${{{key}}}"), f"([0-9]{{{_DIGITS[key]}}})")
        pages = self._deployment.cloud.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._deployment.bucket
        )
        listed = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        places = ((key, re.match(pattern, f"s3://{self._deployment.bucket}/{key}")) for key in listed)
        return [(key, found.groups()) for key, found in places if found]
