"""MiniStack makes what template.yaml needs and its own CloudFormation does not know."""

from __future__ import annotations

import json
from typing import Any

from orderstream.aws.clients import AwsClients

STACK = "s"


def stacked(cloud: AwsClients, resources: dict[str, Any]) -> None:
    """A stack of these resources, made or updated."""
    client, body = cloud.cloudformation, json.dumps({"Resources": resources})
    if client.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])["StackSummaries"]:
        client.update_stack(StackName=STACK, TemplateBody=body)
        client.get_waiter("stack_update_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    else:
        client.create_stack(StackName=STACK, TemplateBody=body)
        client.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def gone(cloud: AwsClients) -> None:
    cloud.cloudformation.delete_stack(StackName=STACK)
    cloud.cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})


def alarm_on_share(threshold: int) -> dict[str, Any]:
    def counted(name: str) -> dict[str, Any]:
        metric = {"Namespace": "N", "MetricName": name, "Dimensions": [{"Name": "Stack", "Value": "s"}]}
        # A parameter is text in a template.
        return {"MetricStat": {"Metric": metric, "Period": "60", "Stat": "Sum"}, "ReturnData": "false"}

    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": "share",
            "Metrics": [
                {"Id": "bad", **counted("Bad")},
                {"Id": "all", **counted("All")},
                {"Id": "share", "Expression": "100 * bad / all"},
            ],
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
        },
    }


def test_alarms_on_an_expression_and_on_other_alarms_are_made_changed_and_removed(cloud: AwsClients) -> None:
    both = {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "DependsOn": "Share",
        "Properties": {"AlarmName": "both", "AlarmRule": 'ALARM("share")'},
    }

    def state() -> str:
        (found,) = cloud.cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        return found["StateValue"]

    for threshold in (5, 10):
        stacked(cloud, {"Share": alarm_on_share(threshold), "Both": both})
        (alarm,) = cloud.cloudwatch.describe_alarms()["MetricAlarms"]
        assert (alarm["AlarmName"], alarm["Threshold"]) == ("share", threshold)
        first, _, share = alarm["Metrics"]
        assert first["MetricStat"]["Period"] == 60 and first["ReturnData"] is False
        assert share["Expression"] == "100 * bad / all"
    assert state() == "OK"
    cloud.cloudwatch.set_alarm_state(AlarmName="share", StateValue="ALARM", StateReason="test")
    assert state() == "ALARM"
    gone(cloud)
    both_kinds: Any = ["CompositeAlarm", "MetricAlarm"]
    left = cloud.cloudwatch.describe_alarms(AlarmTypes=both_kinds)
    assert left["CompositeAlarms"] == left["MetricAlarms"] == []


def test_a_registered_consumer_is_made_and_removed(cloud: AwsClients) -> None:
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "S", "ShardCount": 1}}
    consumer = {
        "Type": "AWS::Kinesis::StreamConsumer",
        "Properties": {"ConsumerName": "C", "StreamARN": {"Fn::GetAtt": ["Stream", "Arn"]}},
    }
    stacked(cloud, {"Stream": stream, "Consumer": consumer})
    arn = cloud.kinesis.describe_stream_summary(StreamName="S")["StreamDescriptionSummary"]["StreamARN"]
    (found,) = cloud.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]
    assert found["ConsumerName"] == "C"
    stacked(cloud, {"Stream": stream})
    assert cloud.kinesis.list_stream_consumers(StreamARN=arn)["Consumers"] == []


def test_a_metric_of_other_dimensions_moves_no_alarm(cloud: AwsClients) -> None:
    cloud.cloudwatch.put_metric_alarm(
        AlarmName="plain",
        Namespace="N",
        MetricName="M",
        Dimensions=[{"Name": "Stack", "Value": "s"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    cloud.cloudwatch.put_metric_data(Namespace="N", MetricData=[{"MetricName": "M", "Value": 100}])
    (alarm,) = cloud.cloudwatch.describe_alarms()["MetricAlarms"]
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"


def test_a_mapping_keeps_the_metrics_that_it_is_to_have(cloud: AwsClients) -> None:
    stream = {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "S", "ShardCount": 1}}
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": {"Fn::GetAtt": ["Stream", "Arn"]},
            "FunctionName": "none",
            "StartingPosition": "TRIM_HORIZON",
        },
    }
    for metrics in (["EventCount"], []):
        mapping["Properties"]["MetricsConfig"] = {"Metrics": metrics}  # type: ignore[index]
        stacked(cloud, {"Stream": stream, "Mapping": mapping})
        (found,) = cloud.lambda_.list_event_source_mappings()["EventSourceMappings"]
        assert found["MetricsConfig"] == {"Metrics": metrics}
    gone(cloud)
    assert cloud.lambda_.list_event_source_mappings()["EventSourceMappings"] == []
