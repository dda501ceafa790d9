"""The shop of the HTTP API on a laptop is that of the stack which is there now."""

from dataclasses import replace

import pytest

from orderstream.api.problems import ProblemError
from orderstream.aws.stack import Stack
from orderstream.client import DeliveryError
from orderstream.local.cloud import local_cloud
from orderstream.local.current_services import CurrentServices

STACK = Stack("orderstream", "OrderStream", "Orders", "ByCustomer", "one", "ProcessOrders", "mapping")


@pytest.fixture
def services() -> CurrentServices:
    return CurrentServices(local_cloud("http://127.0.0.1:1", "a secret"))


def test_without_a_stack_a_client_is_told_to_come_again(services: CurrentServices) -> None:
    services.change(STACK)
    assert services().stack == STACK
    services.change(None)
    with pytest.raises(ProblemError, match="orders deploy") as told:
        services()
    assert (told.value.status, "Retry-After" in told.value.headers) == (503, True)


def test_another_stack_has_a_producer_of_its_own_and_the_last_one_is_closed(
    services: CurrentServices,
) -> None:
    services.change(STACK)
    before = services()
    services.change(replace(STACK, bucket="two"))
    assert services().stack.bucket == "two"
    with pytest.raises(DeliveryError, match="closed"):
        before.producer.send_bytes(b"{}", partition_key="k")
    assert services().producer is not before.producer
    services.change(None)
