"""Serialize and parse calls of botocore with msgspec.

botocore's own serializer and parser walk every value of 25 orders or 500 records by a model, which takes
half the time of a call or more. Event handlers bypass them; credentials, signatures, retries, TLS and errors
are still handled by the SDK.
"""

from typing import Any

import msgspec

_BODY = "orderstream_body"
_ENCODER = msgspec.json.Encoder()


def use_msgspec(
    client: Any, operation: str = "dynamodb.BatchExecuteStatement", answer: Any = dict[str, Any]
) -> None:
    """Use msgspec for one operation of this botocore client.

    The operation must use a JSON protocol, and the client must not validate parameters, as none are left to
    validate. `answer` is the type of the response; botocore parses a response that does not match it.
    """
    decoder = msgspec.json.Decoder(answer)

    def read(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
        if response_dict["status_code"] != 200:
            return
        try:
            found = decoder.decode(response_dict["body"])
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Leave it to botocore, whose errors the caller handles.
            return
        customized_response_dict.update(found)
        response_dict["body"] = b"{}"

    events = client.meta.events
    events.register(f"provide-client-params.{operation}", _render)
    events.register(f"before-call.{operation}", _replace_body)
    events.register(f"before-parse.{operation}", read)


def _render(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any]:
    context[_BODY] = _ENCODER.encode(params)
    # Leave nothing for the serializer to walk.
    return {}


def _replace_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    params["body"] = context[_BODY]
