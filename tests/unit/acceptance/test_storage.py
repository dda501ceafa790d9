"""`evidence`: the bucket's policy refuses whoever writes over evidence or deletes a manifest."""

from __future__ import annotations

import pytest

from orderstream.acceptance import storage
from orderstream.domain.object_keys import EVIDENCE, MANIFESTS
from orderstream.errors import CheckFailedError
from tests.unit.acceptance.fakes import BUCKET, Answer, Refusal, context_on


class Guarded:
    """A bucket with a policy that refuses what it should, but for what it `lets`; `code` is how."""

    def __init__(self, *lets: str, code: str = "AccessDenied") -> None:
        self.lets = lets
        self.code = code
        self.written: list[str] = []
        self.deleted: list[str] = []

    def put_object(self, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str = "") -> Answer:
        assert Bucket == BUCKET
        if Key.startswith(EVIDENCE) and not IfNoneMatch:
            self._refuse(f"put {Key}")
        self.written.append(Key)
        return {"ETag": '"1"'}

    def delete_object(self, Bucket: str, Key: str) -> Answer:
        assert Bucket == BUCKET
        if Key.startswith(MANIFESTS):
            self._refuse(f"delete {Key}")
        self.deleted.append(Key)
        return {}

    def _refuse(self, act: str) -> None:
        if not act.startswith(self.lets):
            raise Refusal(self.code, "explicit deny in a resource-based policy", 403)


def test_each_prefix_of_evidence_refuses_a_plain_put_and_manifests_their_deletion() -> None:
    bucket = Guarded()
    found = storage.evidence_stays(context_on(s3=bucket))
    assert found == {
        **{f"put {prefix}": "AccessDenied" for prefix in EVIDENCE},
        f"delete {MANIFESTS}": "AccessDenied",
    }
    assert not bucket.written and not bucket.deleted


@pytest.mark.parametrize("prefix", EVIDENCE)
def test_evidence_that_could_be_written_over_fails_the_check_by_its_key(prefix: str) -> None:
    with pytest.raises(CheckFailedError, match=f"{prefix}acceptance.json was written without If-None-Match"):
        storage.evidence_stays(context_on(s3=Guarded(f"put {prefix}")))


def test_a_manifest_that_could_be_deleted_fails_the_check() -> None:
    with pytest.raises(CheckFailedError, match="a manifest was deleted"):
        storage.evidence_stays(context_on(s3=Guarded(f"delete {MANIFESTS}")))


def test_a_refusal_for_another_reason_than_the_policy_fails_the_check() -> None:
    with pytest.raises(CheckFailedError, match=f"refused otherwise: .*'put {MANIFESTS}': 'SlowDown'"):
        storage.evidence_stays(context_on(s3=Guarded(code="SlowDown")))
