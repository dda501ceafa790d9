"""IAM and STS: roles, their policies, and who may assume them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tests.unit.acceptance.fakes import ACCOUNT, CALLERS_ID, SOME_TIME, Answer, Refusal

ARN = f"arn:aws:iam::{ACCOUNT}"
ROLES_KEY = "ASIAOFTHEROLE0000001"


@dataclass
class Iam:
    """Roles and managed policies, with IAM's bounds; the calls that are `denied` are denied.

    A role can be assumed when that was refused `refusals` times: so long a new one takes to be known.
    """

    denied: Collection[str] = ()
    refusals: int = 0
    roles: dict[str, Answer] = field(default_factory=dict)
    trusts: dict[str, str] = field(default_factory=dict)
    policies: dict[str, Answer] = field(default_factory=dict)
    attached: dict[str, list[str]] = field(default_factory=dict)

    def _ensure_allowed(self, call: str) -> None:
        if call in self.denied:
            raise Refusal("AccessDenied", f"User is not authorized to perform: {call}", 403)

    def create_role(self, Path: str, RoleName: str, AssumeRolePolicyDocument: str) -> Answer:
        self._ensure_allowed("iam:CreateRole")
        assert len(RoleName) <= 64
        self.roles[RoleName] = {
            "Path": Path,
            "RoleName": RoleName,
            "RoleId": "AROA0000000000000001",
            "Arn": f"{ARN}:role{Path}{RoleName}",
            "CreateDate": SOME_TIME,
        }
        self.trusts[RoleName] = AssumeRolePolicyDocument
        self.attached[RoleName] = []
        return {"Role": self.roles[RoleName]}

    def create_policy(self, Path: str, PolicyName: str, PolicyDocument: str) -> Answer:
        self._ensure_allowed("iam:CreatePolicy")
        if len("".join(PolicyDocument.split())) > 6144:
            raise Refusal("LimitExceeded", "Cannot exceed quota for PolicySize: 6144", 409)
        arn = f"{ARN}:policy{Path}{PolicyName}"
        self.policies[arn] = {"Path": Path, "PolicyName": PolicyName, "Arn": arn}
        return {"Policy": self.policies[arn]}

    def attach_role_policy(self, RoleName: str, PolicyArn: str) -> Answer:
        self._ensure_allowed("iam:AttachRolePolicy")
        self.attached[RoleName].append(PolicyArn)
        return {}

    def list_roles(self, PathPrefix: str) -> Answer:
        self._ensure_allowed("iam:ListRoles")
        return {"Roles": [one for one in self.roles.values() if one["Path"].startswith(PathPrefix)]}

    def list_policies(self, Scope: str, PathPrefix: str) -> Answer:
        self._ensure_allowed("iam:ListPolicies")
        assert Scope == "Local"
        return {"Policies": [one for one in self.policies.values() if one["Path"].startswith(PathPrefix)]}

    def list_attached_role_policies(self, RoleName: str) -> Answer:
        return {"AttachedPolicies": [{"PolicyArn": arn} for arn in self.attached[RoleName]]}

    def detach_role_policy(self, RoleName: str, PolicyArn: str) -> Answer:
        self.attached[RoleName].remove(PolicyArn)
        return {}

    def delete_role(self, RoleName: str) -> Answer:
        assert not self.attached[RoleName], "IAM deletes no role that has policies"
        del self.roles[RoleName]
        return {}

    def delete_policy(self, PolicyArn: str) -> Answer:
        assert not any(PolicyArn in arns for arns in self.attached.values())
        del self.policies[PolicyArn]
        return {}

    def get_caller_identity(self) -> Answer:
        return {"UserId": CALLERS_ID, "Account": ACCOUNT, "Arn": f"{ARN}:user/caller"}

    def assume_role(self, RoleArn: str, RoleSessionName: str, DurationSeconds: int) -> Answer:
        self._ensure_allowed("sts:AssumeRole")
        (role,) = (one for one in self.roles.values() if one["Arn"] == RoleArn)
        assert role["RoleName"] in self.trusts
        if self.refusals:
            self.refusals -= 1
            raise Refusal("AccessDenied", f"not authorized to perform: sts:AssumeRole on {RoleArn}", 403)
        # The most for a role by which another role is assumed.
        assert DurationSeconds <= 3600
        keys = {
            "AccessKeyId": ROLES_KEY,
            "SecretAccessKey": "roles secret",
            "SessionToken": "roles token",
            "Expiration": SOME_TIME,
        }
        return {"Credentials": keys}
