"""Same content, same fingerprint, whatever the model knows; other content, another one (G3, G12)."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderstream.domain.decode import Decoded, decode, parse
from orderstream.domain.equality import is_item, same_content
from orderstream.domain.fields import InvalidValue
from orderstream.domain.ids import event_id, order_id_of
from orderstream.domain.ids import fingerprint as fingerprint_of
from orderstream.domain.normalization import as_read, model_version
from orderstream.domain.order import Currency, Instant, Item, Name, Order, Price, Quantity
from orderstream.domain.reading import NotValid, valid_reader
from orderstream.domain.validation import ModelReader, ValidationErrors
from tests.unit.domain.stored_ids import STORED_EARLIER

BASE = '{"customer_id": "c", "amount": 6, "items": [{"sku": "A", "quantity": 2, "unit_price": 3}], "x": 1}'


def fingerprint(data: str) -> str:
    found = decode(data.encode())
    assert found.order is not None, found.reasons
    return found.fingerprint


@pytest.mark.parametrize(
    "same",
    [
        '{"x": 1, "items": [{"unit_price": 3, "quantity": 2, "sku": "A"}], "amount": 6, "customer_id": "c"}',
        BASE.replace("6", "6.0"),
        BASE.replace("6", "0.6e1"),
        BASE.replace('"x": 1', '"x": 1.00'),
        BASE.replace('"x": 1', '"x": 1, "currency": null'),
        BASE.replace('"x": 1', '"x": 1, "y": null'),
        BASE.replace('"x": 1', '"x": 1, "order_id": "other"'),
        BASE.replace('"sku": "A"', '"sku": "\\u0041", "colour": null'),
    ],
)
def test_numbers_count_by_value_and_the_order_of_keys_and_nulls_do_not_count(same: str) -> None:
    assert fingerprint(same) == fingerprint(BASE)


# Which text is a number or a date, only the model knows.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        (BASE, BASE.replace("6", '"6.00"')),
        (BASE, BASE.replace('"unit_price": 3', '"unit_price": "3.000"')),
        (
            BASE.replace('"x": 1', '"order_date": "2026-11-22T18:00:00Z"'),
            BASE.replace('"x": 1', '"order_date": "2026-11-22T19:00:00+01:00"'),
        ),
    ],
)
def test_another_spelling_of_what_the_model_reads_is_the_same_content(one: str, other: str) -> None:
    assert fingerprint(one) != fingerprint(other)
    assert same_content(decode(one.encode()), decode(other.encode()))


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace('"c"', '"d"'),
        BASE.replace("6", "8").replace('"unit_price": 3', '"unit_price": 4'),
        BASE.replace('"A"', '"B"'),
        BASE.replace('"x": 1', '"x": 2'),
        BASE.replace('"x": 1', '"x": true'),
        BASE.replace('"x": 1', '"x": 1, "currency": "EUR"'),
        BASE.replace('"x": 1', '"x": 1, "order_date": "2026-11-22T18:00:00Z"'),
        BASE.replace('"sku": "A"', '"sku": "A", "colour": "red"'),
        BASE.replace('"x": 1', '"x": 1, "address": {"floor": 9}'),
        BASE.replace(', "items": [{"sku": "A", "quantity": 2, "unit_price": 3}]', ""),
        BASE.replace('"x": 1', '"x": "1"'),
        BASE.replace('"x": 1', '"x": [1, null]'),
    ],
)
def test_any_other_content_changes_the_fingerprint(other: str) -> None:
    assert fingerprint(other) != fingerprint(BASE)
    assert not same_content(decode(other.encode()), decode(BASE.encode()))


def test_an_unknown_field_inside_a_nested_object_counts() -> None:
    floor = BASE.replace('"sku": "A"', '"sku": "A", "to": {"floor": %d}')
    assert fingerprint(floor % 3) != fingerprint(floor % 9)
    assert not same_content(decode((floor % 3).encode()), decode((floor % 9).encode()))


def test_an_item_that_the_same_model_read_needs_no_bytes_to_be_compared() -> None:
    stored, respelt = decode(BASE.replace("6", '"6.00"').encode()), decode(BASE.encode())
    item = {"Fingerprint": stored.fingerprint, "NormalizedFingerprint": stored.normalized}
    assert is_item(respelt, item) is True
    assert is_item(decode(BASE.replace('"c"', '"d"').encode()), item) is False


def test_an_item_that_another_model_read_is_the_same_only_if_what_was_sent_is() -> None:
    stored = decode(BASE.replace("6", '"6.00"').encode())
    item = {"Fingerprint": stored.fingerprint, "NormalizedFingerprint": f"other:{stored.normalized[9:]}"}
    assert is_item(stored, item) is True
    assert is_item(decode(BASE.replace('"c"', '"d"').encode()), item) is None


def test_the_version_of_a_model_changes_with_its_fields_and_their_types() -> None:
    assert model_version(Order) != model_version(_Grown)
    assert model_version(_Grown) != model_version(Item)
    assert model_version(Order) == model_version(_Same)


def test_what_is_no_order_has_a_fingerprint_too_so_that_a_stricter_model_knows_what_was_stored() -> None:
    refused = decode(BASE.replace("6", "-6").encode())
    assert refused.order is None
    assert refused.fingerprint == fingerprint_of(parse(BASE.replace("6", "-6").encode()))
    assert decode(b"[]").fingerprint == decode(b"no JSON").fingerprint == ""


RULES: list[Any] = [Name, Price, Quantity, Currency, Instant]
NAMES = ("a", "b", "c", "d")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["EUR", "5.00", "5", "2026-11-22T19:00:00+01:00", "text"])
    | st.text(max_size=5)
)
DOCUMENTS = st.dictionaries(
    st.sampled_from((*NAMES, "order_id", "items")),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
        ),
        max_leaves=8,
    ),
)


@st.composite
def growing_models(draw: st.DrawFn) -> tuple[type[msgspec.Struct], type[msgspec.Struct]]:
    """A model, and the same with more fields, in the order and in its items."""

    def model(fields: dict[str, Any], item: dict[str, Any]) -> type[msgspec.Struct]:
        line = msgspec.defstruct("Line", [(name, rule | None, None) for name, rule in item.items()])
        lines: Any = tuple[line, ...]  # type: ignore[valid-type]
        known = [(name, rule | None, None) for name, rule in fields.items()]
        return msgspec.defstruct("Model", [*known, ("items", lines | None, None)], frozen=True)

    fields = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(RULES)))
    item = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(RULES)))
    more = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(RULES)))
    return model(fields, item), model(more | fields, more | item)


@given(growing_models(), DOCUMENTS)
def test_the_fingerprint_is_the_same_for_a_model_and_for_one_that_extends_it(
    models: tuple[type[msgspec.Struct], type[msgspec.Struct]], document: dict[str, Any]
) -> None:
    text = msgspec.json.Encoder(decimal_format="number").encode(document)
    seen = set()
    for model in models:
        sent = parse(text)
        ModelReader(model).read(sent, "$", ValidationErrors())
        seen.add(fingerprint_of(sent))
    assert len(seen) == 1


@given(growing_models(), DOCUMENTS)
def test_what_a_model_reads_as_it_stands_need_not_be_normalized(
    models: tuple[type[msgspec.Struct], type[msgspec.Struct]], document: dict[str, Any]
) -> None:
    for model in models:
        check = ValidationErrors()
        explained = ModelReader(model).read(document, "$", check)
        try:
            read, is_as_sent = valid_reader(model)(document)
        except (InvalidValue, NotValid):
            assert check.reasons
            continue
        assert (read, []) == (explained, check.reasons)
        if is_as_sent:
            assert fingerprint_of(document) == fingerprint_of(as_read(read, document))


@given(DOCUMENTS)
def test_the_fingerprint_of_a_document_written_in_another_way_is_the_same(document: dict[str, Any]) -> None:
    text = msgspec.json.Encoder(decimal_format="number").encode(document)
    assert fingerprint_of(parse(spelt(document).encode())) == fingerprint_of(parse(text))


def spelt(value: Any) -> str:
    """JSON with an exponent in every number and the keys the other way round."""
    if isinstance(value, dict):
        members = (f"{json.dumps(name)}: {spelt(value[name])}" for name in reversed(value))
        return f"{{{' , '.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(spelt, value))} ]"
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"{Decimal(value):E}"
    return json.dumps(value)


class _Same(Order):
    """Adds no field."""


class _GrownItem(Item, frozen=True):
    rebate: Price | None = None


class _Grown(Order, frozen=True):
    discount: Price | None = None
    items: tuple[_GrownItem, ...] | None = None


@pytest.mark.parametrize("model", [Order, _Grown])
@pytest.mark.parametrize(("order", "stored"), STORED_EARLIER.items())
def test_an_item_stored_by_an_earlier_version_stays_valid_when_the_model_grows(
    model: type[Order], order: str, stored: str
) -> None:
    def decoded(text: str) -> Decoded:
        document, check = parse(text.encode()), ValidationErrors()
        read = ModelReader(model).read(document, "$", check)
        assert read is not None and not check.reasons
        return Decoded(read, (), read.order_id, fingerprint_of(document), text.encode())

    assert is_item(decoded(order), {"Fingerprint": stored})
    assert is_item(decoded(order.replace("5.00", "5.01")), {"Fingerprint": stored}) is None
    assert is_item(decoded(order), {}) is None


def test_an_order_without_an_id_is_called_by_its_place_in_the_stream() -> None:
    event = event_id("shardId-000000000007", "49590338271490256608559692538361571095921575989136588898")
    nameless, named = decode(BASE.encode()).order, decode(BASE.replace("{", '{"order_id": "A", ', 1).encode())
    assert nameless is not None and named.order is not None
    assert order_id_of(nameless, event) == event
    assert order_id_of(named.order, event) == "A"
