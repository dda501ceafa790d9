"""`orders archive`: the commands for the archive."""

from orderstream.cli.lazy_group import lazy_group

app = lazy_group(
    __name__,
    {
        "Commands": {
            "query": "Query the archive in SQL (DuckDB's dialect): one SELECT over four views.",
            "replay": "Rebuild the tables from the archive: existing items and events stay, missing"
            " ones are inserted.",
            "forget": "Erase a customer: items, events, archive, quarantine, discarded batches, old"
            " versions, local cache.",
            "seal": "Record the content of each past hour in a manifest that contains the hash of"
            " the previous one.",
            "compact": "Seal each past hour, and compact its objects into one Parquet file.",
            "audit": "Hash every object, compare it with the manifests, and list what was altered,"
            " removed or inserted.",
        }
    },
    name="archive",
    help="Query, replay, erase, seal, compact and audit the archive.",
)
