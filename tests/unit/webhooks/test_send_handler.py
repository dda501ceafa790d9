"""What an invocation of SendDeliveries returns and logs, and how it connects."""

from __future__ import annotations

import contextlib
import io
import json
import time
from contextlib import closing
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from orderstream.errors import InputError
from orderstream.webhooks.http_client import Answer
from orderstream.webhooks.registry import Webhook
from orderstream.webhooks.send_handler import SendServices, connector, handle_with
from tests.unit.feed.harness import Context
from tests.unit.webhooks.harness import OK, Webhooks, failed
from tests.unit.webhooks.receiver import Handler, receiver


def invoke(hooks: Webhooks, event: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the function returns, and the line that it logs; {} if none."""
    use = SendServices("shop", hooks.registry, hooks.sender(), hooks.connect)
    log = io.StringIO()
    with contextlib.redirect_stdout(log):
        answer = handle_with(use, event, Context(120.0))
    return answer, json.loads(log.getvalue() or "{}")


def test_an_invocation_counts_what_was_delivered_what_failed_and_what_died() -> None:
    hooks = Webhooks(concurrency=1)
    hooks.add("a", lambda event_id, number: failed() if number == 1 else OK)
    hooks.announce("A/1", "B/1")
    answer, line = invoke(hooks, {"webhook": "a"})
    assert (answer["succeeded"], answer["failed"], answer["dead"]) == (2, 1, 0)
    assert (line["WebhookDelivered"], line["WebhookFailed"], line["webhook"]) == (2, 1, "a")
    # A metric that is not needed would cost money.
    assert "WebhookDead" not in json.dumps(line)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stack"]]
    assert invoke(hooks, {"webhook": "a"})[1] == {}


def test_a_webhook_that_is_switched_off_counts_as_a_dead_letter_and_says_why() -> None:
    hooks = Webhooks()
    hooks.add("a", lambda event_id, number: failed(410))
    hooks.announce("A/1")
    _, line = invoke(hooks, {"webhook": "a"})
    assert line["WebhookDead"] == 1 and line["problems"] == ["switched off: the endpoint answered 410 Gone"]


def test_a_test_event_is_sent_at_once_whatever_the_state_of_the_webhook() -> None:
    hooks = Webhooks()
    endpoint = hooks.add("a", lambda event_id, number: failed(410))
    hooks.announce("A/1")
    hooks.send()
    endpoint.verdict = lambda event_id, number: Answer(200, seconds=0.5)
    answer, line = invoke(hooks, {"test": "a"})
    assert answer == {"status": 200, "error": "", "retry_after": None, "seconds": 0.5} and line == {}
    (event,) = map(json.loads, endpoint.bodies)
    assert (event["type"], event["source"], event["data"]) == (
        "orderstream.webhook.test",
        "/orderstream/shop",
        {"webhook": "a"},
    )
    hooks.refused_urls.add("https://a.example/")
    assert "which is not public" in invoke(hooks, {"test": "a"})[0]["error"]
    assert invoke(hooks, {"test": "b"})[0]["error"] == "there is no webhook b"


def test_it_connects_to_private_addresses_only_if_the_stack_says_so() -> None:
    received = []

    def respond(handler: Handler) -> None:
        received.append(handler.body)
        handler.answer(200)

    with receiver(respond) as url:
        for refused in (url, url.replace("http:", "https:")):
            with pytest.raises(InputError):
                connector(private=False)(refused)
        with closing(connector(private=True)(url)) as client:
            assert client.post(b"{}", {}).status == 200
    assert received == [b"{}"]


def test_a_receiver_verifies_what_the_sender_signs_at_the_time_of_the_request() -> None:
    hooks = Webhooks()
    secret = hooks.add().secret
    verified = []

    def respond(handler: Handler) -> None:
        verified.append(Verifier(secret).verify(handler.body, dict(handler.headers.items())))
        handler.answer(200)

    with receiver(respond) as url:
        hooks.now = time.time()
        webhook = Webhook("a", url, "2026-11-30")
        with closing(connector(private=True)(url)) as client:
            assert hooks.sender().post(client, webhook, "A/1", b'{"id": "A/1"}').error == ""
    assert verified == [{"id": "A/1"}]
