"""The hint for an endpoint that does not answer depends on where it is."""

import pytest
from botocore.exceptions import EndpointConnectionError

from orderstream.errors import CloudError
from orderstream.sdk.errors import translate_errors


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://127.0.0.1:4566/", "is the local cloud running"),
        ("http://localhost:4566/", "is the local cloud running"),
        ("http://[::1]:4566/", "is the local cloud running"),
        ("https://cloudformation.eu-wst-1.amazonaws.com/", "no region eu-wst-1: did you mean eu-west-1?"),
        ("https://archive.s3.eu-wst-1.amazonaws.com/orders", "did you mean eu-west-1?"),
        ("https://kinesis.moon.amazonaws.com/", "no region moon: is it mistyped?"),
        ("https://kinesis.eu-west-1.amazonaws.com/", "region eu-west-1 exists: is the network up"),
        ("https://kinesis.cn-north-1.amazonaws.com.cn/", "region cn-north-1 exists: is the network up"),
        ("https://kinesis.eu-west-1.api.aws/", "region eu-west-1 exists: is the network up"),
        ("https://aws.example/", "is AWS_ENDPOINT_URL right?"),
    ],
)
def test_why_nothing_answers_is_said_by_where_it_was_asked(url: str, hint: str) -> None:
    with pytest.raises(CloudError) as caught, translate_errors("cannot look"):
        raise EndpointConnectionError(endpoint_url=url)
    assert hint in caught.value.hint
    assert ("local cloud" in caught.value.hint) is ("local cloud" in hint)
