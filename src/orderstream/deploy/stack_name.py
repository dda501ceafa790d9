"""Validates a stack's name, from which the names of all its resources are derived."""

from __future__ import annotations

import re

from orderstream.aws.stack import StackDescription
from orderstream.errors import InputError

# The suffix of bucket names in an account's regional namespace.
ACCOUNT_REGIONAL = "-an"
# The longest name in template.yaml that contains the stack's name, with a 12-digit account id.
_LONGEST_BUCKET = "-discarded-000000000000-{region}-an"
_LONGEST_BUCKET_NAME = 63
# Its buckets would have the same names as those of the stack `orderstream`.
_TAKEN = {"order-data"}


def ensure_name(stack: str, region: str) -> None:
    """Raise InputError unless `stack` yields valid names for all its resources in this region."""
    # Bucket and Glue database names have no capital letters; a stack's name starts with a letter.
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", stack) or stack in _TAKEN:
        raise InputError(
            f"no stack can be called {stack!r}: its buckets are named after it",
            hint="use lower-case letters, digits and single hyphens, such as orders-staging",
        )
    most = _LONGEST_BUCKET_NAME - len(_LONGEST_BUCKET.format(region=region))
    if len(stack) > most:
        raise InputError(
            f"the name {stack} has {len(stack)} characters: too long to name the stack's buckets after it",
            hint=f"in {region}, a stack's name has at most {most} characters",
        )


def is_production(stack: str) -> bool:
    """Whether a stack's name suggests production: prod, production or live is a word of it."""
    return not {"prod", "production", "live"}.isdisjoint(stack.split("-"))


def kept_names(found: StackDescription) -> dict[str, str]:
    """The parameters that preserve an existing stack's names where the template's have changed since.

    S3 cannot rename a bucket, so one from before account-regional names keeps its name.
    """
    bucket = found.outputs.get("ArchiveBucket", "")
    if not bucket or bucket.endswith(ACCOUNT_REGIONAL) or found.parameters.get("ArchiveBucketName"):
        return {}
    return {"ArchiveBucketName": bucket}
