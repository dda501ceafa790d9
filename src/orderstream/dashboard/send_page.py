"""The page to send an order: a form writes its JSON, which is editable and sent as is."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from decimal import Decimal

import msgspec
from nicegui import ui

from orderstream.client import OrderProducer, RecordMetadata
from orderstream.dashboard import components, links
from orderstream.dashboard.order_form import ListField, ModelField, ScalarField
from orderstream.dashboard.polling import await_stored
from orderstream.dashboard.viewer import Viewer
from orderstream.domain.decode import decode
from orderstream.domain.fields import InvalidValue, exact_number, exact_sum_of_products
from orderstream.domain.ids import event_id
from orderstream.domain.model import json_schema
from orderstream.domain.order import Order
from orderstream.domain.user_model import order_model
from orderstream.errors import InputError, OrderstreamError

# A user is waiting.
_GIVE_UP_AFTER_SECONDS = 10.0


class SendPage:
    """The page, with a form for the order model in use."""

    def __init__(self, viewer: Viewer) -> None:
        self._source = viewer.feed
        with components.card("").classes("max-w-3xl"):
            self._form = ModelField(json_schema(), self._write)
            self._text = ui.textarea("What is sent").classes("w-full")
            self._text.props("outlined autogrow input-class=font-mono spellcheck=false")
            self._text.on_value_change(self._check)
            self._reasons = ui.column().classes("w-full gap-0")
            with ui.row().classes("items-center gap-2"):
                self._send = ui.button("Send", on_click=self._ask).props("unelevated no-caps")
                self._anyway = ui.button("Send it anyway", on_click=self._ask).props(
                    "outline no-caps color=orange-9"
                )
            self._answer = ui.column().classes("w-full gap-1")
        self._write()

    def _write(self) -> None:
        if order_model() is Order:
            follow_items(self._form)
        self._text.set_value(msgspec.json.encode(self._form.value).decode())
        self._check()

    def _check(self) -> None:
        reasons = decode(self._data()).reasons
        self._reasons.clear()
        with self._reasons:
            for reason in reasons:
                ui.label(f"{reason.path} {reason.message}").classes("text-red-600 dark:text-red-400 text-sm")
            if reasons:
                ui.label("Sent anyway, it goes to quarantine.").classes("text-sm opacity-70")
        self._send.set_enabled(not reasons)
        self._anyway.set_visibility(bool(reasons))

    def _data(self) -> bytes:
        return (self._text.value or "").encode()

    async def _ask(self) -> None:
        if not self._source.is_local and not await self._is_meant():
            return
        data = self._data()
        self._answer.clear()
        with self._answer:
            said = ui.label("sending …")
        try:
            receipt = await asyncio.to_thread(self._put, data)
        except OrderstreamError as error:
            if said.is_deleted:
                return
            said.set_text(f"Not sent: {error.message} {error.hint}".strip())
            said.classes("text-red-600 dark:text-red-400")
            return
        if said.is_deleted:
            # The page was left.
            return
        place = event_id(receipt.shard_id, receipt.sequence_number)
        said.set_text(f"Kinesis has it: {place}").classes("break-all text-sm opacity-80")
        with self._answer:
            outcome = ui.label("waiting until it is stored …")
            order_id = receipt.order_id
            if order_id is None or decode(data).reasons:
                outcome.set_text("It is not a valid order and goes to quarantine.")
                ui.link("Show the record", links.quarantined(place))
                return
            stored = await await_stored(self._source, order_id)
            if outcome.is_deleted:
                return
            outcome.set_text(f"Order {order_id} is stored." if stored else "It is not stored yet.")
            ui.link("Show the order", links.order(order_id))

    async def _is_meant(self) -> bool:
        where = f"stack {self._source.name} on AWS"
        return await components.is_confirmed(
            f"This goes to {where}, where it is an order like every other.", "Send it"
        )

    def _put(self, data: bytes) -> RecordMetadata:
        deployment = self._source.deployment
        with OrderProducer(
            deployment.stream,
            self._source.cloud.kinesis_no_retry,
            give_up_after_seconds=_GIVE_UP_AFTER_SECONDS,
        ) as producer:
            try:
                outcome = producer.send_json(data)
            except InputError:
                # Not a valid order, but that is what quarantine is for.
                outcome = producer.send_bytes(data, partition_key=uuid.uuid4().hex)
        return outcome.result()


def follow_items(form: ModelField) -> None:
    """Set the amount to what the line items add up to, where there are any; it cannot be typed then."""
    amount, items = form.fields["amount"], form.fields["items"]
    assert isinstance(amount, ScalarField) and isinstance(items, ListField)
    amount.input.props("readonly" if items.entries else "", remove="" if items.entries else "readonly")
    total = total_of(items.value) if items.entries else None
    if total is not None:
        amount.input.set_value(f"{total:f}")


def total_of(lines: Iterable[dict[str, object]]) -> Decimal | None:
    """The sum of quantity times unit price; None if one of them is no number yet."""
    try:
        return exact_sum_of_products(
            (exact_number(line.get("quantity")), exact_number(line.get("unit_price"))) for line in lines
        )
    except InvalidValue:
        return None
