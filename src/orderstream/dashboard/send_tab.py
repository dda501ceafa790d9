"""The tab to send an order: fields generate its JSON, which is editable and sent as is."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import msgspec
from nicegui import ui
from nicegui.elements.mixins.value_element import ValueElement

from orderstream.client import OrderProducer, RecordMetadata
from orderstream.dashboard import components
from orderstream.dashboard.polling import await_stored
from orderstream.dashboard.status_feed import StatusFeed
from orderstream.domain.currencies import TEST_CURRENCY
from orderstream.domain.decode import decode
from orderstream.domain.ids import event_id
from orderstream.domain.model import Schema, decimal_fields, json_schema
from orderstream.errors import InputError, OrderstreamError

# A user is waiting.
_GIVE_UP_AFTER_SECONDS = 10.0


class SendTab:
    """The tab. `on_order` is called with an order to open."""

    def __init__(self, source: StatusFeed, on_order: Callable[[str], Awaitable[None]]) -> None:
        self._source = source
        self._on_order = on_order
        with components.card("").classes("max-w-3xl"):
            with ui.grid().classes("w-full grid-cols-1 sm:grid-cols-2 gap-2"):
                self._fields = dict(_inputs(json_schema()["properties"]))
            for field in self._fields.values():
                field.on_value_change(self._write)
            self._text = ui.textarea("what is sent").classes("w-full")
            self._text.props("outlined autogrow input-class=font-mono spellcheck=false")
            self._text.on_value_change(self._check)
            self._reasons = ui.column().classes("w-full gap-0")
            with ui.row().classes("items-center gap-2"):
                self._send = ui.button("Send", on_click=self._ask).props("unelevated")
                self._anyway = ui.button("Send it all the same", on_click=self._ask).props(
                    "outline color=orange-9"
                )
            self._answer = ui.column().classes("w-full gap-1")
        self._write()

    def _write(self) -> None:
        # Numbers as text: what was typed is sent, digit for digit.
        typed = {name: field.value for name, field in self._fields.items()}
        typed |= {name: (typed[name] or "").strip() for name in decimal_fields() & typed.keys()}
        order = {name: value for name, value in typed.items() if value or name == "customer_id"}
        self._text.set_value(msgspec.json.encode(order).decode())
        self._check()

    def _check(self) -> None:
        reasons = decode(self._data()).reasons
        self._reasons.clear()
        with self._reasons:
            for reason in reasons:
                ui.label(f"{reason.path} {reason.message}").classes("text-red-600 dark:text-red-400 text-sm")
            if reasons:
                ui.label("Sent all the same, it goes to quarantine.").classes("text-sm opacity-70")
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
            said.set_text(f"Not sent: {error.message} {error.hint}".strip())
            said.classes("text-red-600 dark:text-red-400")
            return
        place = event_id(receipt.shard_id, receipt.sequence_number)
        said.set_text(f"Kinesis has it: {place}").classes("break-all text-sm opacity-80")
        with self._answer:
            outcome = ui.label("waiting until it is stored …")
            order_id = receipt.order_id
            if order_id is None or decode(data).reasons:
                outcome.set_text("It is not a valid order: look for it in quarantine.")
                return
            stored = await await_stored(self._source, order_id)
            outcome.set_text(f"Order {order_id} is stored." if stored else "It is not stored yet.")
            ui.button("Show it", on_click=lambda: self._on_order(order_id)).props("flat dense no-caps")

    async def _is_meant(self) -> bool:
        with ui.dialog() as dialog, ui.card():
            where = f"stack {self._source.name} on AWS"
            ui.label(f"This goes to {where}, where it is an order like every other.")
            with ui.row().classes("w-full justify-end"):
                ui.button("Cancel", on_click=lambda: dialog.submit(False)).props("flat")
                ui.button("Send it", on_click=lambda: dialog.submit(True)).props("unelevated")
        meant = bool(await dialog)
        dialog.delete()
        return meant

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


def _inputs(fields: Mapping[str, Schema]) -> Iterator[tuple[str, ValueElement[Any]]]:
    """An input for each field that has one value and is not always now; the others are written as JSON."""
    for name, schema in fields.items():
        if schema.get("type") not in ("array", "object") and schema.get("examples") != []:
            yield name, _input(name, schema)


def _input(name: str, schema: Schema) -> ValueElement[Any]:
    label = name.replace("_", " ")
    if name == "order_id":
        return ui.input(label, placeholder="a new one").props("outlined dense stack-label")
    value = schema.get("default", next(iter(schema.get("examples", ())), None))
    if "enum" in schema:
        options = [one for one in schema["enum"] if one != TEST_CURRENCY]
        return ui.select(options, value=value, label=label, with_input=True).props("outlined dense")
    if schema.get("type") == "boolean":
        return ui.switch(label, value=bool(value))
    number = " inputmode=decimal" if "oneOf" in schema else ""
    return ui.input(label, value=value or "").props(f"outlined dense{number}")
