"""The local HTTP API has the services of the currently deployed stack."""

import pytest

from orderstream.api.problems import ProblemError
from orderstream.client import DeliveryError
from orderstream.local.cloud import local_cloud
from orderstream.local.current_services import CurrentServices
from tests.fakes import deployment_on

CLOUD = local_cloud("http://127.0.0.1:1", "a secret")
DEPLOYMENT = deployment_on(CLOUD)


@pytest.fixture
def services() -> CurrentServices:
    return CurrentServices()


def test_without_a_stack_a_client_is_told_to_come_again(services: CurrentServices) -> None:
    services.change(DEPLOYMENT)
    assert services().deployment == DEPLOYMENT
    services.change(None)
    with pytest.raises(ProblemError, match="orders deploy") as told:
        services()
    assert (told.value.status, "Retry-After" in told.value.headers) == (503, True)


def test_another_stack_has_a_producer_of_its_own_and_the_last_one_is_closed(
    services: CurrentServices,
) -> None:
    services.change(DEPLOYMENT)
    before = services()
    services.change(DEPLOYMENT.discarded)
    assert services().deployment.bucket == "discarded"
    with pytest.raises(DeliveryError, match="closed"):
        before.producer.send_bytes(b"{}", partition_key="k")
    assert services().producer is not before.producer
    services.change(None)
