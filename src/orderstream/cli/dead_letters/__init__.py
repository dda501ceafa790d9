"""`orders dead-letters`: the commands for batches that Lambda discarded."""

from orderstream.cli.lazy_group import lazy_group

app = lazy_group(
    __name__,
    {
        "Commands": {
            "list": "List the batches that Lambda discarded and that were not redriven yet, oldest first.",
            "redrive": "Redrive every discarded batch through the function.",
        }
    },
    name="dead-letters",
    help="List and redrive batches that Lambda discarded.",
)
