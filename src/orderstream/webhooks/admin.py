"""Add, list, test, redrive and remove the webhooks of a stack, and rotate their secrets."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from orderstream.aws.deployment import Deployment
from orderstream.aws.stack import describe_stack
from orderstream.domain.fields import utc_text
from orderstream.errors import CloudError, InputError, NotFoundError
from orderstream.feed.cloud_event import ERASED, PLACED, UPDATED
from orderstream.ingest.events import event_names_of_model
from orderstream.progress import Progress
from orderstream.sdk.errors import translate_errors
from orderstream.webhooks.address import addresses, parse_url
from orderstream.webhooks.deliveries import Deliveries
from orderstream.webhooks.registry import Registry, Webhook
from orderstream.webhooks.signature import new_secret
from orderstream.webhooks.signing_secrets import delete_secret, secret_prefix

# Each change is queued for each of them.
MOST_WEBHOOKS = 100
OLD_SECRET_HOURS = 24


class NewSecret(msgspec.Struct, frozen=True):
    """A webhook and its new secret, which is not shown again; until when the one before signs too, if any."""

    id: str
    url: str
    types: tuple[str, ...]
    secret: str
    old_secret_until: str | None = None


class WebhookStatus(msgspec.Struct, frozen=True):
    """A webhook with what waits for it. `state` is on, paused or off; `why` is what failed last.

    Of a webhook that is off, everything that waits counts as dead. Times are UTC.
    """

    id: str
    url: str
    types: tuple[str, ...]
    created_at: str
    state: str
    why: str
    paused_until: str | None
    pending: int
    dead: int
    oldest: str | None


class EndpointAnswer(msgspec.Struct, frozen=True):
    """What an endpoint answered to a test event. `status` is 0 without a response, `error` "" for 2xx."""

    id: str
    status: int
    error: str
    seconds: float


class WebhookAdmin:
    """Administers the webhooks of a deployment. Raises CloudError if it has none (`Webhooks` is false)."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._cloud = deployment.cloud
        self._registry = Registry(self._cloud.dynamodb, deployment.webhook_endpoints_table)
        self._deliveries = Deliveries(self._cloud.dynamodb, deployment.webhook_deliveries_table)
        self._prefix = secret_prefix(deployment.name)

    @property
    def _secrets(self) -> Any:
        return self._cloud.secrets

    def add(self, url: str, types: Sequence[str] = ()) -> NewSecret:
        """Register an endpoint for some events, or all. Raises InputError for a URL that is refused."""
        known = {*event_names_of_model(), PLACED, UPDATED, ERASED}
        if unknown := sorted(set(types) - known):
            raise InputError(
                f"there is no event {unknown[0]}", hint=f"the order model has: {', '.join(sorted(known))}"
            )
        described = describe_stack(self._cloud, self._deployment.name)
        parameters = described.parameters if described else {}
        private = parameters.get("WebhookPrivateAddresses") == "true"
        target = parse_url(url, private=private)
        if not private:
            # The names of a private network are known only there.
            addresses(target)
        if len(self._registry.all()) >= MOST_WEBHOOKS:
            raise InputError(f"a stack has at most {MOST_WEBHOOKS} webhooks", hint="remove one")
        webhook = Webhook(f"wh-{secrets.token_hex(6)}", url, utc_text(datetime.now(UTC)), tuple(types))
        secret = new_secret()
        key = {"KmsKeyId": parameters["KmsKeyArn"]} if parameters.get("KmsKeyArn") else {}
        # First, because nothing can be sent without it.
        with translate_errors(f"cannot create the secret {self._prefix}{webhook.id}"):
            self._secrets.create_secret(Name=self._prefix + webhook.id, SecretString=secret, **key)
        self._registry.add(webhook)
        return NewSecret(webhook.id, url, webhook.types, secret)

    def listed(self) -> Iterator[WebhookStatus]:
        """All webhooks, in the order in which they were added."""
        now = self._cloud.now().timestamp()
        for webhook in self._registry.all():
            state = webhook.state
            pending, dead = self._deliveries.counts(webhook.id)
            oldest = self._deliveries.oldest(webhook.id)
            is_paused = not state.off and state.paused_until > now
            yield WebhookStatus(
                id=webhook.id,
                url=webhook.url,
                types=webhook.types,
                created_at=webhook.created_at,
                state="off" if state.off else "paused" if is_paused else "on",
                why=state.off or state.last_error,
                paused_until=_text(state.paused_until) if is_paused else None,
                pending=0 if state.off else pending,
                dead=dead + (pending if state.off else 0),
                oldest=_text(oldest) if oldest is not None else None,
            )

    def find(self, webhook_id: str) -> Webhook:
        """The webhook with this id. Raises NotFoundError."""
        webhook = self._registry.get(webhook_id)
        if webhook is None:
            raise NotFoundError(
                f"there is no webhook {webhook_id}", hint="orders webhooks list has their ids"
            )
        return webhook

    def test(self, webhook_id: str) -> EndpointAnswer:
        """Let the function send a test event now, and return the answer."""
        self.find(webhook_id)
        payload = self._invoke({"test": webhook_id}, "RequestResponse")
        if "error" not in payload:
            raise CloudError(
                f"{self._deployment.webhook_sender} failed: {payload.get('errorMessage', payload)}",
                hint="orders logs --function send has its log",
            )
        return EndpointAnswer(webhook_id, payload["status"], payload["error"], payload["seconds"])

    def remove(self, webhook_id: str, progress: Progress) -> int:
        """Remove a webhook with its secret and everything that waits for it; return how many rows it had."""
        self.find(webhook_id)
        self._registry.remove(webhook_id)
        removed = 0
        for removed, _ in enumerate(self._deliveries.remove_all(webhook_id), start=1):
            progress("deliveries removed", removed)
        delete_secret(self._secrets, self._prefix + webhook_id)
        return removed

    def redrive(self, webhook_id: str, order_id: str | None, progress: Progress) -> int:
        """Send dead letters again, and what waits for a retry now; return how many.

        Of one order, or of all. It switches the webhook on and ends its pause.
        """
        self.find(webhook_id)
        redriven = 0
        now = self._cloud.now().timestamp()
        for redriven, _ in enumerate(self._deliveries.redrive(webhook_id, now, order_id), start=1):
            progress("deliveries redriven", redriven)
        self._registry.reset(webhook_id)
        self._invoke({"webhook": webhook_id}, "Event")
        return redriven

    def rotate(self, webhook_id: str, *, again: bool = False) -> NewSecret:
        """Give a webhook a new secret; the one before it signs too for a day.

        Raises InputError if that day is not over since the last rotation, unless `again`.
        """
        webhook = self.find(webhook_id)
        now = self._cloud.now()
        if webhook.old_secret_until > now.timestamp() and not again:
            raise InputError(
                f"the secret of {webhook_id} was rotated, and the one before it signs until"
                f" {_text(webhook.old_secret_until)}",
                hint="--yes rotates again: receivers that still have the one before then refuse everything",
            )
        until = now + timedelta(hours=OLD_SECRET_HOURS)
        # First: a secret must not stop to sign because this ends in between.
        self._registry.keep_old_secret(webhook_id, until.timestamp())
        secret = new_secret()
        with translate_errors(f"cannot change the secret {self._prefix}{webhook_id}"):
            self._secrets.put_secret_value(SecretId=self._prefix + webhook_id, SecretString=secret)
        return NewSecret(webhook_id, webhook.url, webhook.types, secret, utc_text(until))

    def _invoke(self, payload: dict[str, str], how: Any) -> dict[str, Any]:
        sender = self._deployment.webhook_sender
        with translate_errors(f"cannot invoke {sender}"):
            answer = self._cloud.lambda_.invoke(
                FunctionName=sender, InvocationType=how, Payload=json.dumps(payload).encode()
            )
            said = answer["Payload"].read()
        return dict(json.loads(said)) if said else {}


def _text(seconds: float) -> str:
    return utc_text(datetime.fromtimestamp(seconds, UTC))
