"""The orders of a ticket seller: seats for a performance. In version 2, the row of a seat is a field."""

from typing import Annotated, Any, ClassVar

import orderstream
from orderstream import (
    Instant,
    Model,
    Name,
    Price,
    Quantity,
    ValidationErrors,
    computed,
    example,
    indexed,
    personal,
    required_from,
)


class Seat(Model):
    row: Annotated[Name, example("C")]
    number: Annotated[Quantity, example(12)]
    price: Annotated[Price, example("19.90")]
    holder: Annotated[Name, personal] | None = None


class Order(orderstream.Order):
    SCHEMA: ClassVar[int] = 2

    performance_id: Annotated[Name, indexed, example("hamlet-2027-01-15")]
    seats: tuple[Seat, ...]
    starts_at: Annotated[Instant, required_from(2), example("2027-01-15T19:30:00Z")] | None = None

    @staticmethod
    def upcast_1(order: dict[str, Any]) -> dict[str, Any]:
        """In version 1, a seat was one text, "C12"."""
        seats = [
            {"row": seat["seat"][:1], "number": int(seat["seat"][1:]), "price": seat["price"]}
            for seat in order.get("seats", [])
        ]
        return order | {"seats": seats}

    def check(self, errors: ValidationErrors) -> None:
        """No seat is sold twice in an order, and the seats add up to the amount."""
        if self.seats is None:
            return
        if not self.seats:
            errors.add("$.seats", "empty", "must not be empty")
        if len({(seat.row, seat.number) for seat in self.seats}) < len(self.seats):
            errors.add("$.seats", "seat_twice", "has a seat twice")
        if self.amount is not None and sum(seat.price for seat in self.seats) != self.amount:
            errors.add("$.amount", "wrong_amount", "must be the sum of the seats")

    @computed
    def seat_count(self) -> int:
        """How many people come."""
        return len(self.seats)
