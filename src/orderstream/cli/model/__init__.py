"""`orders model`: the commands for the order model of a project."""

from orderstream.cli.lazy_group import lazy_group

app = lazy_group(
    __name__,
    {
        "Commands": {
            "show": "Describe every field of an order: its type, its limits, its attribute in the"
            " table and its marks.",
            "check": "Run the order model over the records of the archive; nothing is written.",
            "schema": "Print the JSON Schema of an order, as it is sent.",
            "diff": "Show what the order model changes, in its fields and its lifecycle, and what breaks.",
        }
    },
    name="model",
    help="Describe, check and compare the order model of a project.",
)
