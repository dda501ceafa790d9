"""The name of a stack, checked: the names of everything in the stack are made of it."""

from __future__ import annotations

import re

from orderstream.aws.stack import StackDescription
from orderstream.errors import InputError

# How the names of buckets end that belong to an account and a region.
ACCOUNT_REGIONAL = "-an"
# The longest name in template.yaml that has the stack's name in it, with an account of 12 digits.
_LONGEST_BUCKET = "-discarded-000000000000-{region}-an"
_LONGEST_BUCKET_NAME = 63
# Its buckets would have the names of those of the stack `orderstream`.
_TAKEN = {"order-data"}


def ensure_name(stack: str, region: str) -> None:
    """Raise InputError unless everything in a stack called so can be named after it in this region."""
    # Buckets and Glue databases have no capital letters; a stack's name begins with a letter.
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
    """Whether a stack is named like production: prod, production or live is a word of its name."""
    return not {"prod", "production", "live"}.isdisjoint(stack.split("-"))


def kept_names(found: StackDescription) -> dict[str, str]:
    """The parameters with which a stack that is there keeps names that the template would give otherwise now.

    S3 renames no bucket, so one from before account-regional names keeps the name that it got then.
    """
    bucket = found.outputs.get("ArchiveBucket", "")
    if not bucket or bucket.endswith(ACCOUNT_REGIONAL) or found.parameters.get("ArchiveBucketName"):
        return {}
    return {"ArchiveBucketName": bucket}
