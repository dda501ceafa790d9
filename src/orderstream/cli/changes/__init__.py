"""`orders changes`: the commands for the change feed."""

from orderstream.cli.lazy_group import lazy_group

app = lazy_group(
    __name__,
    {
        "Commands": {
            "tail": "Print the changes of orders that the change feed has announced.",
            "replay": "Announce changes of orders again on the change feed, for consumers that are"
            " new or have lost some.",
        }
    },
    name="changes",
    help="Follow the changes of orders, and announce them again.",
)
