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
    """Use msgspec for requests and responses of one operation of this botocore client.

    The client must not validate parameters, as none are left to validate. Otherwise as `parse_with_msgspec`.
    """
    events = client.meta.events
    events.register(f"provide-client-params.{operation}", _render)
    events.register(f"before-call.{operation}", _replace_body)
    parse_with_msgspec(client, operation, answer)


def parse_with_msgspec(client: Any, operation: str, answer: Any) -> None:
    """Use msgspec for the responses of one operation of this botocore client; repeating it is harmless.

    The operation must use a JSON protocol. `answer` is the type of the response; botocore parses a response
    that does not match it. As in botocore, bytes are base64 and a datetime is seconds since the epoch, in
    UTC.
    """
    decoder = msgspec.json.Decoder(answer, strict=False)

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

    client.meta.events.register(f"before-parse.{operation}", read, unique_id=f"orderstream {operation}")


def _render(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any]:
    context[_BODY] = _ENCODER.encode(params)
    # Leave nothing for the serializer to walk.
    return {}


def _replace_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    params["body"] = context[_BODY]
