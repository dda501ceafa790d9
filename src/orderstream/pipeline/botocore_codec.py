"""Calls of the SDK rendered and read by msgspec: all that is done here for botocore.

botocore's own serializer and parser walk every value of 25 orders or 500 records by a model, and take
half of a call and more. They are passed by through its events; credentials, signature, retries, TLS and
errors stay the SDK's.
"""

from typing import Any

import msgspec

_BODY = "orderstream_body"
_ENCODER = msgspec.json.Encoder()


def use_msgspec(
    client: Any, operation: str = "dynamodb.BatchExecuteStatement", answer: Any = dict[str, Any]
) -> None:
    """Have this client of botocore do so in one operation.

    Of a JSON protocol, and of a client that does not validate parameters: nothing is left to validate.
    `answer` is the type of what comes back; what does not fit it is read by botocore.
    """
    decoder = msgspec.json.Decoder(answer)

    def read(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
        if response_dict["status_code"] != 200:
            return
        try:
            found = decoder.decode(response_dict["body"])
        except (msgspec.DecodeError, UnicodeDecodeError):
            # What botocore makes of it is what the caller is ready for.
            return
        customized_response_dict.update(found)
        response_dict["body"] = b"{}"

    events = client.meta.events
    events.register(f"provide-client-params.{operation}", _render)
    events.register(f"before-call.{operation}", _replace_body)
    events.register(f"before-parse.{operation}", read)


def _render(params: dict[str, Any], context: dict[str, Any], **_: Any) -> dict[str, Any]:
    context[_BODY] = _ENCODER.encode(params)
    # Nothing is left for the serializer to walk.
    return {}


def _replace_body(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    params["body"] = context[_BODY]
