"""BatchExecuteStatement rendered and read by msgspec: all that is done here for the SDK.

botocore's own serializer and parser walk every value of 25 orders by a model, and take half of a call. They
are passed by through its events; credentials, signature, retries, TLS and errors stay the SDK's.
"""

from typing import Any

import msgspec

_OPERATION = "dynamodb.BatchExecuteStatement"
_BODY = "orderstream_body"
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(dict[str, Any])


def lighten(client: Any) -> None:
    """Have this DynamoDB client of botocore do so."""
    events = client.meta.events
    events.register(f"provide-client-params.{_OPERATION}", _render)
    events.register(f"before-call.{_OPERATION}", _replace_body)
    events.register(f"before-parse.{_OPERATION}", _read)


def _render(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any]:
    context[_BODY] = _ENCODER.encode(params)
    # Nothing is left for the serializer to walk.
    return {}


def _replace_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    params["body"] = context[_BODY]


def _read(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if response_dict["status_code"] != 200:
        return
    try:
        answer = _DECODER.decode(response_dict["body"])
    except (msgspec.DecodeError, UnicodeDecodeError):
        # What botocore makes of it is what the caller is ready for.
        return
    customized_response_dict.update(answer)
    response_dict["body"] = b"{}"
