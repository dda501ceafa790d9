"""The orders of a shop: they are shipped to an address, and a voucher may reduce their amount."""

from decimal import Decimal
from enum import Enum
from typing import Annotated

import orderstream
from orderstream import Model, Name, Price, ValidationErrors, computed, example, personal, text


class Channel(Enum):
    WEB = "web"
    APP = "app"
    STORE = "store"


class Address(Model):
    street: Annotated[Name, personal, example("Long Street 7")]
    postal_code: Annotated[str, text(16), personal, example("10115")]
    city: Annotated[Name, example("Berlin")]
    country: Annotated[str, text(2, pattern="[A-Z]{2}"), example("DE")]


class Order(orderstream.Order):
    ship_to: Address
    email: Annotated[str, text(254, pattern=r"[^@\s]+@[^@\s]+"), personal, example("ann@example.com")]
    channel: Channel = Channel.WEB
    voucher: Annotated[Name, example("WELCOME")] | None = None
    discount: Annotated[Price, example("0.00")] = Decimal(0)

    def check(self, errors: ValidationErrors) -> None:
        """The items less the discount are the amount, and a discount has a voucher."""
        if self.items and self.amount is not None and self.discount is not None:
            total = sum((item.quantity * item.unit_price for item in self.items), -self.discount)
            if total != self.amount:
                errors.add("$.amount", "wrong_amount", f"must be {total}, the items less the discount")
        if self.discount and not self.voucher:
            errors.add("$.voucher", "missing", "is required for a discount")

    @computed
    def country(self) -> str:
        """Whose tax applies."""
        return self.ship_to.country
