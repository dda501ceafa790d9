"""What a model of a user's own can declare, and what happens with each declaration."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar

import msgspec
import pytest

import orderstream
from orderstream.domain.declaration import computed_attributes, declared_fields
from orderstream.domain.decode import Decoded, decode
from orderstream.domain.examples import example_order, least
from orderstream.domain.item import attribute_names, attributes
from orderstream.domain.model_check import faults_of
from orderstream.domain.normalization import model_version
from orderstream.errors import InputError
from orderstream.pipeline.attributes import attribute_value, plain_value

BASE: dict[str, Any] = {"order_id": "A-1", "customer_id": "c", "amount": "2.50"}


class Size(Enum):
    SMALL = 1
    LARGE = 2


class Gift(orderstream.Model):
    text: orderstream.Name


def twice(value: Any) -> Any:
    return value * 2


class Computing(orderstream.Order):
    size: Size = Size.SMALL
    code: Annotated[
        str, orderstream.text(4, pattern="[a-z]+"), orderstream.rule(str.upper), orderstream.example("ab")
    ]
    note: Annotated[orderstream.Name, orderstream.stored_as("Remark")] | None = None

    @orderstream.computed
    def double(self) -> Decimal:
        return self.amount * 2

    @orderstream.computed
    def gifts(self) -> tuple[Gift, ...] | None:
        return (Gift("one"), Gift("two")) if self.note else None

    @orderstream.computed
    def at(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    @orderstream.computed
    def chosen(self) -> Size:
        return self.size


def decoded(model: type[orderstream.Order], **fields: Any) -> Decoded:
    return decode(msgspec.json.encode(BASE | fields), model)


def item_of(found: Decoded) -> dict[str, Any]:
    assert found.order is not None, found.reasons
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    return attributes(found.order, order_id="A-1", order_date=moment, currency="EUR", computed=found.computed)


def codes(found: Decoded) -> list[tuple[str, str]]:
    return [(reason.path, reason.code) for reason in found.reasons]


def test_the_item_has_what_is_computed_transformed_and_renamed_and_comes_back_from_the_table() -> None:
    item = item_of(decoded(Computing, code="ab", note="hello", size=2))
    own = {name: item[name] for name in ("Double", "Gifts", "At", "Chosen", "Code", "Remark", "Size")}
    assert own == {
        "Double": Decimal(5),
        "Gifts": [{"text": "one"}, {"text": "two"}],
        "At": "2026-01-01T00:00:00.000000Z",
        "Chosen": 2,
        "Code": "AB",
        "Remark": "hello",
        "Size": 2,
    }
    assert plain_value(attribute_value(item)) == item
    assert "Gifts" not in item_of(decoded(Computing, code="ab"))


def test_rules_of_a_type_apply_one_after_the_other() -> None:
    assert codes(decoded(Computing, code="AB")) == [("$.code", "wrong_pattern")]
    assert codes(decoded(Computing, code="abcde")) == [("$.code", "too_long")]


def test_the_attributes_of_a_model_are_known_by_field() -> None:
    names = attribute_names(Computing)
    assert names["customer_id"] == "CustomerID" and names["amount"] == "OrderAmount"
    assert (names["note"], names["double"]) == ("Remark", "Double")


class Faulty(orderstream.Order):
    kind: orderstream.Name

    def check(self, errors: orderstream.ValidationErrors) -> None:
        if self.kind == "refused":
            raise orderstream.InvalidValue("odd", "is odd")
        if self.kind == "check":
            raise ZeroDivisionError("by zero")

    @orderstream.computed
    def number(self) -> int:
        return {"float": 1.5, "bool": True, "big": 10**40 + 1}.get(self.kind, 1)  # type: ignore[return-value]

    @orderstream.computed
    def exact(self) -> Decimal:
        return Decimal("NaN") if self.kind == "nan" else Decimal(1)

    @orderstream.computed
    def when(self) -> datetime | None:
        return datetime(2026, 1, 1) if self.kind == "naive" else None  # noqa: DTZ001


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [
        ("fine", []),
        ("check", [("$", "model_error")]),
        ("refused", [("$", "odd")]),
        ("float", [("$.number", "wrong_type")]),
        ("bool", [("$.number", "wrong_type")]),
        ("nan", [("$.exact", "not_finite")]),
        ("naive", [("$.when", "no_time_zone")]),
        ("big", [("$.number", "number_out_of_range")]),
    ],
)
def test_what_the_users_code_cannot_handle_is_a_reason_and_no_exception(
    kind: str, reasons: list[tuple[str, str]]
) -> None:
    found = decoded(Faulty, kind=kind)
    assert codes(found) == reasons
    assert (found.order is None) == bool(reasons)


class Second(orderstream.Order):
    SCHEMA: ClassVar[int] = 3

    full_name: orderstream.Name
    source: Annotated[orderstream.Name | None, orderstream.required_from(3)] = None

    @staticmethod
    def upcast_1(order: dict[str, Any]) -> dict[str, Any]:
        return order | {"full": f"{order['first']} {order['last']}"}

    @staticmethod
    def upcast_2(order: dict[str, Any]) -> dict[str, Any]:
        return order | {"full_name": order["full"]}


def test_records_of_every_version_are_brought_forward() -> None:
    first = decoded(Second, first="Ann", last="Lee")
    second = decoded(Second, schema=2, full="Ann Lee")
    third = decoded(Second, schema=3, full_name="Ann Lee", source="web")
    assert [found.schema for found in (first, second, third)] == [1, 2, 3]
    assert {found.order.full_name for found in (first, second, third) if isinstance(found.order, Second)} == {
        "Ann Lee"
    }
    assert first.fingerprint != second.fingerprint, "what was sent is compared as it was sent"


@pytest.mark.parametrize("schema", [0, 4, -1, "2", 2.0, True, [1]])
def test_a_version_that_the_model_does_not_know_is_refused(schema: object) -> None:
    assert codes(decoded(Second, schema=schema, full_name="x")) == [("$.schema", "unknown_schema")]


def test_a_field_is_required_from_its_version_on() -> None:
    assert codes(decoded(Second, schema=3, full_name="x")) == [("$.source", "missing")]
    assert codes(decoded(Second, schema=2, full="x")) == []


def test_a_record_that_cannot_be_brought_forward_is_quarantined() -> None:
    assert codes(decoded(Second, first="Ann")) == [("$", "model_error")]


def test_the_built_in_order_has_one_version() -> None:
    assert codes(decoded(orderstream.Order, schema=1)) == []
    assert codes(decoded(orderstream.Order, schema=2)) == [("$.schema", "unknown_schema")]


def test_marks_count_inside_and_outside_of_an_optional_type() -> None:
    class Marked(orderstream.Order):
        inside: Annotated[orderstream.Name, orderstream.personal] | None = None
        outside: Annotated[orderstream.Name | None, orderstream.personal] = None

    marked = [one for one in declared_fields(Marked) if one.marks.get("personal")]
    assert [(one.name, one.is_optional) for one in marked] == [("inside", True), ("outside", True)]


def test_an_example_is_valid_whatever_the_model_demands() -> None:
    for model in (Computing, Second, Faulty):
        for choose in ({}, {"choose": least}):
            example = example_order({"customer_id": "ann"}, model=model, **choose)
            assert example["customer_id"] == "ann"
            assert decode(msgspec.json.encode(example), model).reasons == ()


def test_an_example_that_no_attempt_makes_valid_is_told_with_its_reason() -> None:
    class Strict(orderstream.Order):
        code: Annotated[str, orderstream.text(4, pattern="[a-z]+")]

    with pytest.raises(InputError, match=r"\$\.code must match \[a-z\]\+") as told:
        example_order({}, model=Strict)
    assert "example(" in told.value.hint


def test_the_version_of_a_model_is_that_of_its_fields() -> None:
    assert len({model_version(model) for model in (Computing, Second, Faulty, orderstream.Order)}) == 4


class Untyped(orderstream.Order):
    plain: str


class Shadowing(orderstream.Order):
    status: orderstream.Name | None = None
    raw: orderstream.Name | None = None
    customerid: Annotated[orderstream.Name, orderstream.stored_as("CustomerID")] | None = None


class Narrowed(orderstream.Order):
    order_id: orderstream.Name


class Indexing(orderstream.Order):
    gift: Annotated[Gift, orderstream.indexed]
    customer_id: Annotated[orderstream.Name, orderstream.indexed]


class Skipping(orderstream.Order):
    SCHEMA: ClassVar[int] = 3

    later: Annotated[orderstream.Name | None, orderstream.required_from(4)] = None
    always: Annotated[orderstream.Name, orderstream.required_from(2)]

    @staticmethod
    def upcast_2(order: dict[str, Any]) -> dict[str, Any]:
        return order


class Nested(orderstream.Model):
    inner: float


class Deep(orderstream.Order):
    nested: tuple[Nested, ...]


class Silent(orderstream.Order):
    @orderstream.computed
    def nothing(self):  # type: ignore[no-untyped-def]
        return 1


class Stacked(orderstream.Order):
    code: Annotated[orderstream.Name, orderstream.text(3)]


class Mutable(orderstream.Order):
    tags: tuple[orderstream.Name, ...] = ("one",)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (orderstream.Order, []),
        (Computing, []),
        (Second, []),
        (dict, [""]),
        (Untyped, ["plain"]),
        (Shadowing, ["raw", "customer_id", "status", "customerid"]),
        (Narrowed, ["order_id"]),
        (Indexing, ["gift", "customer_id"]),
        (Skipping, ["SCHEMA", "later", "always"]),
        (Deep, ["nested.inner"]),
        (Silent, ["nothing"]),
        (Stacked, ["code"]),
        (Mutable, ["tags"]),
    ],
)
def test_every_mistake_in_a_model_is_found_when_it_is_loaded(model: Any, names: list[str]) -> None:
    assert sorted(fault.name for fault in faults_of(model)) == sorted(names)


def test_a_computed_attribute_is_inherited_and_can_be_replaced() -> None:
    class More(Computing):
        @orderstream.computed
        def double(self) -> int:
            return 2

    assert [one.name for one in computed_attributes(More)] == ["double", "gifts", "at", "chosen"]
    assert item_of(decoded(More, code="ab"))["Double"] == 2
