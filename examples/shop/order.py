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
    street: Annotated[Name, personal]
    postal_code: Annotated[str, text(16), personal]
    city: Name
    country: Annotated[str, text(2, pattern="[A-Z]{2}"), example("DE")]


class Order(orderstream.Order):
    ship_to: Address
    email: Annotated[str, text(254, pattern=r"[^@\s]+@[^@\s]+"), personal, example("ann@example.com")]
    channel: Channel = Channel.WEB
    voucher: Name | None = None
    discount: Price = Decimal(0)

    def check(self, errors: ValidationErrors) -> None:
        if self.items is not None and self.amount is not None and self.discount is not None:
            total = sum((item.quantity * item.unit_price for item in self.items), Decimal(0))
            if total - self.discount != self.amount:
                errors.add(
                    "$.amount", "wrong_amount", f"must be {total - self.discount}: items less discount"
                )
        if self.discount and self.voucher is None:
            errors.add("$.voucher", "missing", "is required for a discount")

    @computed
    def country(self) -> str:
        return self.ship_to.country
