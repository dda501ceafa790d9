"""The orders of a marketplace: each belongs to a merchant, who is paid the amount less a commission."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any

import orderstream
from orderstream import InvalidValue, Name, Price, computed, example, indexed, rule, stored_as

CENT = Decimal("0.01")


def share(value: Any) -> Any:
    """A share is at most one."""
    if value > 1:
        raise InvalidValue("too_large", "must be at most 1")
    return value


class Item(orderstream.Item):
    listing_id: Annotated[Name, example("L-7")]


class Order(orderstream.Order):
    merchant_id: Annotated[Name, indexed, example("M-1")]
    items: tuple[Item, ...]
    commission: Annotated[Price, rule(share), example("0.12")] = Decimal("0.1")
    note: Annotated[Name, stored_as("MerchantNote")] | None = None

    @computed
    def payout(self) -> Decimal:
        """What the merchant gets."""
        return (self.amount * (1 - self.commission)).quantize(CENT, ROUND_HALF_EVEN)
