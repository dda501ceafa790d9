"""`orders stack policy`: the commands that print IAM policies."""

from orderstream.cli.lazy_group import lazy_group

app = lazy_group(
    __name__,
    {
        "Commands": {
            "deployer": "Print the policies that `orders deploy` and `orders destroy` need, one a"
            " line, each within IAM's limit.",
            "boundary": "Print a permissions boundary with exactly what the roles of a stack need.",
        }
    },
    name="policy",
    help="Print IAM policies for deployment, as JSON.",
)
