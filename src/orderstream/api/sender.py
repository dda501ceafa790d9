"""Restricts order ids by sender: the sender as authenticated by API Gateway, and the prefix of its ids."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orderstream.api.problems import ProblemError
from orderstream.client.serialization import new_order_id
from orderstream.domain.fields import InvalidValue
from orderstream.domain.order import order_id_rule

# The values of the template's parameter OrderIdsBySender.
BY_SENDER = ("none", "check", "prefix")

# 128 bits: finding a second sender with the same prefix is infeasible.
_DIGITS = 32


@dataclass(frozen=True)
class OrderIds:
    """The ids that one sender may use: they start with `prefix`.

    With `adds` it is prepended to an id that does not start with it; otherwise, such an id is rejected.
    """

    prefix: str = ""
    adds: bool = False

    def own(self, order_id: str) -> str:
        """The id for the sender's `order_id`. Raises Refused if it is not a valid id, or not the sender's."""
        order_id_rule(order_id)
        if order_id.startswith(self.prefix):
            return order_id
        if not self.adds:
            message = f"must begin with {self.prefix} as all order ids of this sender do"
            raise InvalidValue("not_the_senders", message)
        try:
            return order_id_rule(self.prefix + order_id)
        except InvalidValue as refused:
            message = f"{refused.message} with the prefix {self.prefix} before it"
            raise InvalidValue(refused.code, message) from None

    def new(self) -> str:
        """A new id for an order without one."""
        return self.prefix + new_order_id()


ANY = OrderIds()


def ids_of(scope: Mapping[str, Any], by_sender: str) -> OrderIds:
    """The ids that the sender of an ASGI request may use; `by_sender` is one of BY_SENDER.

    Raises ProblemError (403) if ids are by sender and the sender is unknown.
    """
    if by_sender == "none":
        return ANY
    # Only Mangum sets it, from the Lambda event: a client's headers cannot.
    sender = sender_of(scope.get("aws.event", {}))
    if sender is None:
        raise ProblemError(
            403,
            f"order ids are kept apart by sender (OrderIdsBySender={by_sender}), and this request has no"
            " sender: send to ApiUrl, with a signature, or with a token that has a sub",
        )
    return OrderIds(prefix_of(sender), adds=by_sender == "prefix")


def sender_of(event: Mapping[str, Any]) -> str | None:
    """The sender of the request in this HTTP API event (payload format 2.0); None if unknown.

    This is the issuer and subject of a token, or the unique id of the user or role that signed.
    """
    match (event.get("requestContext") or {}).get("authorizer"):
        case {"jwt": {"claims": {"iss": str(issuer), "sub": str(subject)}}} if issuer and subject:
            # An issuer is a URL, without a space in it, so no two senders have the same text.
            return f"{issuer} {subject}"
        case {"iam": {"userId": str(user_id)}}:
            # For a role it is ROLE_ID:SESSION, and a caller that assumes the role chooses the session name.
            return user_id.partition(":")[0] or None
    return None


def prefix_of(sender: str) -> str:
    """The prefix of the order ids of `sender`: of fixed length, so that no prefix starts with another."""
    return hashlib.sha256(sender.encode()).hexdigest()[:_DIGITS] + "-"
