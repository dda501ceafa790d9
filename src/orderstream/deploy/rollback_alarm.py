"""The alarm that CloudFormation monitors during an update, to roll back if the function starts to fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orderstream.aws.clients import AwsClients
from orderstream.sdk.errors import translate_errors

# The suffix of the alarm's name in template.yaml, after the stack's name.
ALARM = "function-errors"
# The alarm goes off after two failing minutes of three, and CloudWatch is a minute late.
MINUTES = 5
MOST_MINUTES = 180


@dataclass(frozen=True)
class RollbackAlarm:
    """The alarm, by name and ARN, and for how many minutes after the update it is monitored.

    `arn` is "" if no alarm is monitored; then `why` is the reason.
    """

    alarm: str
    arn: str
    minutes: int
    why: str = ""

    @property
    def configuration(self) -> dict[str, Any]:
        """The RollbackConfiguration of a change set. Without an alarm, it removes an earlier one."""
        if not self.arn:
            return {"RollbackTriggers": []}
        trigger = {"Arn": self.arn, "Type": "AWS::CloudWatch::Alarm"}
        return {"RollbackTriggers": [trigger], "MonitoringTimeInMinutes": self.minutes}

    def __str__(self) -> str:
        if not self.arn:
            return f"not watching alarm {self.alarm}: {self.why}"
        after = f" and for {self.minutes} minutes after it" if self.minutes else ""
        return (
            f"watching alarm {self.alarm} during the update{after}: if it goes off, CloudFormation rolls back"
        )


def rollback_alarm(cloud: AwsClients, stack: str, minutes: int) -> RollbackAlarm:
    """The alarm to monitor while an existing stack is updated."""
    name = f"{stack}-{ALARM}"
    with translate_errors(f"cannot look at alarm {name}"):
        found = cloud.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    if not found:
        return RollbackAlarm(name, "", 0, "the stack has no such alarm yet")
    if found[0]["StateValue"] == "ALARM":
        # A deployment in this state is the fix.
        return RollbackAlarm(name, "", 0, "it is on already")
    return RollbackAlarm(name, found[0]["AlarmArn"], minutes)
