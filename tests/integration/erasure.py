"""A customer whose data are erased."""

from __future__ import annotations

from orderstream.archive.erasure import erase_customer
from orderstream.archive.receipt import StampedReceipt
from orderstream.aws.deployment import Deployment
from orderstream.progress import no_progress
from tests.integration.pipeline_harness import Pipe

HER = "her-id-7f3a"
SECRET = "Planted Street 1"


def her(number: int, order_id: str | None = None) -> str:
    name = f'"order_id": "{order_id}", ' if order_id else ""
    return f'{{{name}"customer_id": "{HER}", "amount": {number}, "address": "{SECRET}"}}'


def erase(pipe: Pipe, deployment: Deployment | None = None, *, customer: str = HER) -> StampedReceipt:
    return erase_customer(
        deployment or pipe.deployment, customer, reason="asked for it", currency="EUR", progress=no_progress
    )
