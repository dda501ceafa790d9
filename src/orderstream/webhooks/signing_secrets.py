"""The secrets that sign, in Secrets Manager: one for each webhook, with the one before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError

from orderstream.sdk.errors import error_code, translate_errors
from orderstream.webhooks.registry import Webhook

KEEP_SECONDS = 300.0


def secret_prefix(stack: str) -> str:
    """What the names of all secrets of a stack's webhooks begin with."""
    return f"orderstream/{stack}/webhooks/"


class SigningSecrets:
    """Reads secrets with a botocore client. `clock` is in seconds since the epoch."""

    def __init__(self, client: Any, stack: str, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._prefix = secret_prefix(stack)
        self._clock = clock
        self._known: dict[tuple[str, float], tuple[float, list[str]]] = {}

    def __call__(self, webhook: Webhook) -> list[str]:
        """The secret of a webhook, and for some time after a rotation the one before it.

        Raises CloudError if it cannot be read. A rotation changes the webhook, so it is noticed at once.
        """
        now = self._clock()
        key = (webhook.id, webhook.old_secret_until)
        until, found = self._known.get(key, (0.0, []))
        if until <= now:
            found = [self._read(webhook.id, "AWSCURRENT")]
            if webhook.old_secret_until > now:
                found += filter(None, [self._read(webhook.id, "AWSPREVIOUS")])
            until = now + KEEP_SECONDS
            if webhook.old_secret_until > now:
                until = min(until, webhook.old_secret_until)
            self._known[key] = (until, found)
        return found

    def _read(self, webhook_id: str, stage: str) -> str:
        """A secret, "" if it has no previous version."""
        name = self._prefix + webhook_id
        with translate_errors(f"secret {name}"):
            try:
                answer = self._client.get_secret_value(SecretId=name, VersionStage=stage)
            except ClientError as error:
                if stage == "AWSCURRENT" or error_code(error) != "ResourceNotFoundException":
                    raise
                return ""
        return str(answer["SecretString"])


def secrets_of_stack(client: Any, stack: str) -> list[str]:
    """The names of the secrets of a stack's webhooks, those of webhooks that were lost too."""
    prefix = secret_prefix(stack)
    with translate_errors("cannot list the secrets of webhooks"):
        pages: Iterable[Any] = client.get_paginator("list_secrets").paginate(
            Filters=[{"Key": "name", "Values": [prefix]}]
        )
        names = [one["Name"] for page in pages for one in page["SecretList"]]
    # The filter ignores case.
    return sorted(name for name in names if name.startswith(prefix))


def delete_secret(client: Any, name: str) -> None:
    """Delete a secret, if it is there."""
    with translate_errors(f"cannot delete the secret {name}"):
        try:
            client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
