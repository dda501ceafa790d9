"""A fake of CloudFormation."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from orderstream.aws.stack import IN_REVIEW

STACK_ID = "arn:aws:cloudformation:eu-west-1:000000000001:stack/orderstream/1"


class Pages:
    def __init__(self, *pages: dict[str, Any]) -> None:
        self.pages = pages

    def paginate(self, **request: Any) -> tuple[dict[str, Any], ...]:
        return self.pages


class FakeCloudFormation:
    """One stack in `status` with change sets; `changes` is what the next one has, `events` what happened."""

    def __init__(self, status: str = "", changes: tuple[dict[str, Any], ...] = ()) -> None:
        self.status = status
        self.changes = changes
        self.reason = "The submitted information didn't contain changes."
        self.requests: list[dict[str, Any]] = []
        self.others: list[str] = []
        self.deleted: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.after_delete = "DELETE_COMPLETE"

    @property
    def cloudformation(self) -> FakeCloudFormation:
        return self

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if not self.status:
            said = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": said}}, "DescribeStacks")
        return {"Stacks": [{"StackId": STACK_ID, "StackName": "orderstream", "StackStatus": self.status}]}

    def create_change_set(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        self.status = self.status or IN_REVIEW
        return {"Id": "change-set", "StackId": STACK_ID}

    def describe_change_set(self, **request: Any) -> dict[str, Any]:
        if not self.changes:
            return {"Status": "FAILED", "StatusReason": self.reason}
        # A page each, as CloudFormation has them when there are many.
        at = int(request.get("NextToken", 0))
        more = {"NextToken": str(at + 1)} if at + 1 < len(self.changes) else {}
        return {"Status": "CREATE_COMPLETE", "Changes": [{"ResourceChange": self.changes[at]}], **more}

    def list_change_sets(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        return {"Summaries": [{"ChangeSetId": name} for name in self.others]}

    def delete_change_set(self, ChangeSetName: str, StackName: str) -> None:  # noqa: N803
        self.deleted.append(ChangeSetName)

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        self.deleted.append(StackName)
        self.status = self.after_delete

    def get_paginator(self, name: str) -> Pages:
        if name == "describe_stack_events":
            return Pages({"StackEvents": self.events[::-1]})
        assert name == "describe_events"
        return Pages({"OperationEvents": []})
