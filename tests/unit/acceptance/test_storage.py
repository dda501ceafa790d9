"""`evidence` fails where the bucket's policy lets somebody write over evidence or delete a manifest."""

from __future__ import annotations

import pytest

from orderstream.acceptance import storage
from orderstream.domain.object_keys import EVIDENCE, MANIFESTS
from orderstream.errors import CheckFailedError
from tests.unit.acceptance.fakes import BUCKET, Answer, Refusal, context_on


class Guarded:
    """A bucket with a policy that refuses everything but what it `lets`; `code` is how."""

    def __init__(self, lets: str, code: str) -> None:
        self._lets = lets
        self._code = code

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> Answer:
        return self._refuse_unless_let(Bucket, f"put {Key}")

    def delete_object(self, Bucket: str, Key: str) -> Answer:
        return self._refuse_unless_let(Bucket, f"delete {Key}")

    def _refuse_unless_let(self, bucket: str, act: str) -> Answer:
        assert bucket == BUCKET
        if not act.startswith(self._lets):
            raise Refusal(self._code, "explicit deny in a resource-based policy", 403)
        return {}


@pytest.mark.parametrize(
    ("lets", "code", "said"),
    [
        *(
            (f"put {prefix}", "AccessDenied", f"{prefix}acceptance.json was written without If-None-Match")
            for prefix in EVIDENCE
        ),
        (f"delete {MANIFESTS}", "AccessDenied", "a manifest was deleted"),
        ("nothing", "SlowDown", f"refused otherwise: .*'put {MANIFESTS}': 'SlowDown'"),
    ],
)
def test_a_policy_that_does_not_guard_evidence_fails_the_check(lets: str, code: str, said: str) -> None:
    with pytest.raises(CheckFailedError, match=said):
        storage.evidence_stays(context_on(s3=Guarded(lets, code)))
