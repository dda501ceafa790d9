"""The permissions that CloudFormation's handlers need, from cfn-lint's provider schemas."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

# Schemas are the same in every region that has the type.
_REGION = "us-east-1"
_SERVICES = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"

# Types whose schema has no handlers: the permissions of the API that they call.
_WITHOUT_SCHEMA = {
    "AWS::Glue::Table": {
        "glue:CreateTable",
        "glue:DeleteTable",
        "glue:GetTable",
        "glue:GetTables",
        "glue:UpdateTable",
    },
}
# Permissions that a service requires behind a handler and that no schema lists. Access logs: see API
# Gateway's guide (developerguide/http-api-logging). Alarms on a band: CloudWatch creates a detector.
BEHIND: Mapping[str, tuple[str, ...]] = {
    "AWS::ApiGatewayV2::Stage": (
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:DescribeResourcePolicies",
        "logs:FilterLogEvents",
        "logs:GetLogDelivery",
        "logs:GetLogEvents",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    ),
    "AWS::CloudWatch::Alarm": (
        "cloudwatch:DeleteAnomalyDetector",
        "cloudwatch:DescribeAnomalyDetectors",
        "cloudwatch:PutAnomalyDetector",
    ),
}
# Create and update handlers list the permissions for all properties. Those that only unset properties need
# are omitted: by type and property, actions or whole services (a name that ends with a colon).
SPARED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "AWS::ApiGatewayV2::Api": {"BodyS3Location": ("s3:getObject",)},
    "AWS::ApiGatewayV2::Authorizer": {"AuthorizerCredentialsArn": ("iam:PassRole",)},
    "AWS::ApiGatewayV2::Integration": {"CredentialsArn": ("iam:PassRole",)},
    "AWS::ApplicationAutoScaling::ScalableTarget": {
        "RoleARN": ("iam:PassRole",),
        "ScheduledActions": (
            "application-autoscaling:DeleteScheduledAction",
            "application-autoscaling:PutScheduledAction",
        ),
        # Of its namespaces, the template has that of DynamoDB.
        "ServiceNamespace=lambda": ("lambda:",),
    },
    "AWS::ApplicationAutoScaling::ScalingPolicy": {
        "PredictiveScalingPolicyConfiguration": ("cloudwatch:GetMetricData",),
    },
    "AWS::DynamoDB::Table": {
        "ContributorInsightsSpecification": ("iam:CreateServiceLinkedRole",),
        "ImportSourceSpecification": (
            "dynamodb:BatchWriteItem",
            "dynamodb:DeleteItem",
            "dynamodb:DescribeImport",
            "dynamodb:GetItem",
            "dynamodb:ImportTable",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
            "logs:",
            "s3:",
        ),
        "KinesisStreamSpecification": (
            "dynamodb:DisableKinesisStreamingDestination",
            "dynamodb:EnableKinesisStreamingDestination",
            "kinesis:",
        ),
        "Replicas": ("dynamodb:AssociateTableReplica", "dynamodb:CreateTableReplica"),
        "ResourcePolicy": ("dynamodb:DeleteResourcePolicy", "dynamodb:PutResourcePolicy"),
    },
    "AWS::Events::Rule": {"RoleArn": ("iam:PassRole",)},
    "AWS::IAM::Role": {"ManagedPolicyArns": ("iam:AttachRolePolicy",)},
    "AWS::Glue::Database": {
        "DatabaseInput.FederatedDatabase": (
            "glue:CreateConnection",
            "glue:PassConnection",
            "glue:UpdateConnection",
        )
    },
    "AWS::Lambda::Alias": {
        "ProvisionedConcurrencyConfig": (
            "lambda:DeleteProvisionedConcurrencyConfig",
            "lambda:PutProvisionedConcurrencyConfig",
        ),
        "RoutingConfig": ("codedeploy:",),
    },
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": ("lambda:PassCapacityProvider", "lambda:PutFunctionScalingConfig"),
        "CodeSigningConfigArn": (
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        ),
        "FileSystemConfigs": ("elasticfilesystem:", "s3files:"),
        "Layers": ("lambda:GetLayerVersion",),
        "RecursiveLoop": ("lambda:PutFunctionRecursionConfig",),
        "VpcConfig": ("ec2:",),
    },
    "AWS::Lambda::Version": {
        "FunctionScalingConfig": ("lambda:PutFunctionScalingConfig",),
        "ProvisionedConcurrencyConfig": ("lambda:PutProvisionedConcurrencyConfig",),
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": ("logs:PutBearerTokenAuthentication",),
        "DataProtectionPolicy": (
            "firehose:",
            "logs:CreateLogDelivery",
            "logs:PutDataProtectionPolicy",
            "s3:",
        ),
        "FieldIndexPolicies": ("logs:DeleteIndexPolicy", "logs:PutIndexPolicy"),
        "ResourcePolicyDocument": ("logs:DeleteResourcePolicy", "logs:PutResourcePolicy"),
    },
    "AWS::Pipes::Pipe": {
        "Enrichment": ("iam:CreateServiceLinkedRole",),
        "KmsKeyIdentifier": ("kms:",),
        "LogConfiguration": ("firehose:", "logs:", "s3:"),
    },
    "AWS::S3::Bucket": {
        "AbacStatus": ("s3:PutBucketAbac",),
        "AccelerateConfiguration": ("s3:PutAccelerateConfiguration",),
        "AccessControl": ("s3:PutBucketAcl", "s3:PutObjectAcl"),
        "AnalyticsConfigurations": ("s3:DeleteBucketAnalyticsConfiguration", "s3:PutAnalyticsConfiguration"),
        "CorsConfiguration": ("s3:DeleteBucketCors", "s3:PutBucketCORS"),
        "IntelligentTieringConfigurations": ("s3:PutIntelligentTieringConfiguration",),
        "InventoryConfigurations": ("s3:PutInventoryConfiguration",),
        "MetadataConfiguration": (
            "s3:UpdateBucketMetadataAnnotationTableConfiguration",
            "s3:UpdateBucketMetadataInventoryTableConfiguration",
            "s3:UpdateBucketMetadataJournalTableConfiguration",
        ),
        "MetadataTableConfiguration": (
            "s3:CreateBucketMetadataTableConfiguration",
            "s3:DeleteBucketMetadataTableConfiguration",
            "s3tables:",
        ),
        "MetricsConfigurations": ("s3:DeleteBucketMetricsConfiguration", "s3:PutMetricsConfiguration"),
        "NotificationConfiguration": ("s3:PutBucketNotification",),
        "ReplicationConfiguration": (
            "iam:PassRole",
            "s3:DeleteBucketReplication",
            "s3:PutBucketReplication",
            "s3:PutReplicationConfiguration",
        ),
        "WebsiteConfiguration": ("s3:DeleteBucketWebsite", "s3:PutBucketWebsite"),
    },
    "AWS::SNS::Subscription": {"SubscriptionRoleArn": ("iam:",)},
    "AWS::SNS::Topic": {
        "DataProtectionPolicy": ("sns:PutDataProtectionPolicy",),
        "DeliveryStatusLogging": ("iam:",),
        "Subscription": ("sns:Subscribe", "sns:Unsubscribe"),
    },
}
_SPARING = {"create", "update"}


def permissions(kind: str) -> frozenset[str]:
    """The actions that CloudFormation needs to create, read, update, delete, list and tag a type of resource.

    Excludes those in SPARED. Raises KeyError for an unknown type.
    """
    found = {name: set(actions) for name, actions in _handlers(kind).items()}
    if not found:
        return frozenset(_WITHOUT_SCHEMA[kind])
    kept = {action for name, actions in found.items() if name not in _SPARING for action in actions}
    more = {action for name in _SPARING & found.keys() for action in found[name]}
    spared = tuple(one for actions in SPARED.get(kind, {}).values() for one in actions)
    kept |= {action for action in more if not is_spared(action, spared)}
    spelled = map(_spelled, kept | _tagging(kind) | set(BEHIND.get(kind, ())))
    # Some schemas list actions that IAM does not have.
    return frozenset(action for action in spelled if exists(action))


def is_spared(action: str, spared: Iterable[str]) -> bool:
    """Whether `spared` contains the action or its whole service."""
    return any(action == one or (one.endswith(":") and action.startswith(one)) for one in spared)


def _schema(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, kind).schema
    return schema


def _handlers(kind: str) -> dict[str, list[str]]:
    return {name: one["permissions"] for name, one in _schema(kind).get("handlers", {}).items()}


def _tagging(kind: str) -> set[str]:
    """The tagging permissions: CloudFormation or the template tags the resources."""
    tagging = _schema(kind).get("tagging")
    return set(tagging.get("permissions", ())) if isinstance(tagging, dict) else set()


def _spelled(action: str) -> str:
    """Normalize the service's case: some schemas capitalize it. IAM ignores case, readers do not."""
    service, _, name = action.partition(":")
    return f"{service.lower()}:{name}"


@cache
def _services() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_SERVICES.read_text())
    return document


def knows_resources(action: str) -> bool:
    """Whether IAM can limit an action to resources, by the service authorization reference."""
    service, _, name = action.partition(":")
    found = _services().get(service, {}).get("Actions", {}).get(name.lower())
    return bool(found and found.get("Resources"))


def exists(action: str) -> bool:
    """Whether the service authorization reference has an action."""
    service, _, name = action.partition(":")
    return name.lower() in _services().get(service, {}).get("Actions", {})
