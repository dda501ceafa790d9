"""`orders quarantine`: the commands for invalid records and conflicts."""

from orderstream.cli.lazy_group import lazy_group

app = lazy_group(
    __name__,
    {
        "Commands": {
            "list": "List the records in quarantine that were not resubmitted yet, oldest first.",
            "show": "Print a record in quarantine: its origin, every reason with its path, and its"
            " exact bytes.",
            "resubmit": "Put edited records back on the stream under the same identity. Repeating"
            " it is harmless.",
        }
    },
    name="quarantine",
    help="List, edit and resubmit invalid records and conflicts.",
)
