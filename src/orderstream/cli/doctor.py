"""`orders doctor`: check what the commands need."""

import typer
from botocore.config import Config

from orderstream.aws.clients import AwsClients
from orderstream.aws.clock import ServiceClock
from orderstream.aws.stack import DEFAULT_STACK
from orderstream.cli import environment, options, up
from orderstream.errors import InputError
from orderstream.output import doctor as show

# All checks run at the same time, so this is also the longest that the command takes.
SECONDS = 30.0
TIMEOUTS = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})

# `doctor` is imported when the command runs, so that the others start faster.
app = typer.Typer()


@app.command(epilog="Example: orders doctor")
def doctor(
    as_json: options.AsJson = False,
    env: options.Environment = None,
    stack: options.StackName = DEFAULT_STACK,
    region: options.Region = None,
    profile: options.Profile = None,
) -> None:
    """Check this machine, the project, and the cloud with its quotas and permissions.

    Prints a line for each check, with what to do. It changes nothing, and takes half a minute at most. Ends
    with status 1 if a check failed; a warning is no failure.
    """
    from orderstream.doctor import machine
    from orderstream.doctor.checklist import Verdict, run
    from orderstream.doctor.cloud import CloudChecks

    def meant() -> Verdict:
        try:
            environment.ensure_meant(cloud)
        except InputError as error:
            return Verdict("warning", error.message, error.hint)
        return Verdict("ok", env or "the local cloud")

    cloud = AwsClients(region=region, profile=profile, timeouts=TIMEOUTS, clock=ServiceClock())
    clouds = CloudChecks(cloud, stack, environment.parameters())
    checks = {
        "Python": machine.python,
        "Orderstream": machine.orderstream,
        "project": machine.project,
        "disk": machine.disk,
        "uv": machine.uv,
        "ports": lambda: machine.ports((up.USUAL_PORT, up.USUAL_PORT + 1)),
        "region": clouds.region,
        "credentials": clouds.credentials,
        "environment": meant,
        "clock": clouds.clock,
        "stack": clouds.stack,
        "Lambda quota": clouds.lambda_quota,
        "Kinesis quota": clouds.kinesis_quota,
        "permissions": clouds.permissions,
    }
    if not environment.names():
        del checks["environment"]
    failed = show.print_diagnoses(run(checks, seconds=SECONDS), as_json=as_json)
    raise typer.Exit(1 if failed else 0)
