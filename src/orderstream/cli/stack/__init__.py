"""`orders stack`: the commands for a whole stack."""

from orderstream.cli.lazy_group import lazy_group

app = lazy_group(
    __name__,
    {
        "Commands": {
            "env": "Print the exports that make every AWS tool, and every command here, use the local cloud.",
            "dashboard": "Serve the dashboard of a stack until Ctrl-C: figures, alarms, orders, quarantine.",
            "verify": "Reconcile stream, archive, table and quarantine, and list every discrepancy.",
            "simulate": "Send sample orders at a steady rate, until the duration is over or Ctrl-C.",
            "accept": "Deploy a temporary stack, check on it what only AWS can show, and remove everything.",
            "policy": "Print IAM policies for deployment, as JSON.",
        }
    },
    name="stack",
    help="Connect to a stack, watch, verify and test it.",
)
