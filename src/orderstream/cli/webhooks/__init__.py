"""`orders webhooks`: the commands for HTTP endpoints that get the changes of orders."""

from orderstream.cli.lazy_group import lazy_group

app = lazy_group(
    __name__,
    {
        "Commands": {
            "add": "Register an endpoint, which gets the changes of orders from now on.",
            "list": "List the endpoints: whether they are on, what waits for them, and for how long.",
            "test": "Let the deployed function send a signed test event now, and print the answer.",
            "redrive": "Send dead letters again, and now what waits for a retry.",
            "rotate": "Give an endpoint a new secret, and print it.",
            "remove": "Remove an endpoint, its secret, and everything that waits for it.",
        }
    },
    name="webhooks",
    help="Send the changes of orders to HTTP endpoints.",
)
