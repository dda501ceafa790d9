"""Call PutRecords, and classify the errors of single records and of the SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ParamValidationError

from orderstream import __version__
from orderstream.errors import InputError
from orderstream.sdk.codec import use_msgspec
from orderstream.sdk.errors import CREDENTIALS_HINT, NO_ANSWER, error_code, hint_of, is_transient

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef, PutRecordsResultEntryTypeDef

MAX_RECORD_BYTES = 1024 * 1024
MAX_PARTITION_KEY_CHARACTERS = 256

# No retries by the SDK: it would repeat the whole call, while the producer knows which records failed, and it
# would ignore `give_up_after_seconds`. No parameter validation either: each record was checked when it was
# accepted.
CONFIG = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 1},
    tcp_keepalive=True,
    parameter_validation=False,
    # The SDK would build its own user agent for each call: a seventh of the time of one with a single record.
    user_agent=f"orderstream/{__version__} botocore/{botocore.__version__}",
)

_REGION_HINT = "set AWS_REGION, or give OrderProducer a client that was made with region_name"
_HINTS = {
    "ResourceNotFoundException": "check the name of the stream, the region, the account and AWS_ENDPOINT_URL",
    "AccessDeniedException": "the sender needs kinesis:PutRecords on the stream",
    "KMSAccessDeniedException": "the sender needs kms:GenerateDataKey on the key of the stream",
}


class PutError(NamedTuple):
    """Why a record or a call failed, in one line; a transient error may not recur at the next attempt."""

    reason: str
    hint: str = ""
    is_transient: bool = True


class _Result(TypedDict, total=False):
    SequenceNumber: str
    ShardId: str
    ErrorCode: str
    ErrorMessage: str


class _Answer(TypedDict, total=False):
    FailedRecordCount: int
    Records: list[_Result]
    EncryptionType: str


def new_session(profile: str | None = None) -> Any:
    """A botocore session that takes the region from AWS_REGION, AWS_DEFAULT_REGION or the profile.

    By default, botocore ignores AWS_REGION.
    """
    # botocore's own session: importing boto3 would double the startup time of a command.
    region = ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)
    return botocore.session.Session(session_vars={"region": region}, profile=profile)


def producer_client(session: Any, timeouts: Config | None = None, **where: str | None) -> KinesisClient:
    """A Kinesis client of this botocore session for an OrderProducer; `where` as for `create_client`.

    `timeouts` override those in CONFIG.
    """
    config = CONFIG.merge(timeouts or Config())
    client: KinesisClient = session.create_client("kinesis", config=config, **where)
    use_msgspec(client, "kinesis.PutRecords", _Answer)
    return client


def record_size(data: bytes, partition_key: str) -> int:
    """The size of data and key in bytes. Raises InputError for a record that Kinesis would reject."""
    if not isinstance(data, bytes):
        raise InputError(f"a record is bytes, not {type(data).__name__}")
    if not isinstance(partition_key, str):
        raise InputError(f"a partition key is a text, not {type(partition_key).__name__}")
    if not 1 <= len(partition_key) <= MAX_PARTITION_KEY_CHARACTERS:
        raise InputError(
            f"a partition key has 1 to {MAX_PARTITION_KEY_CHARACTERS} characters, not {len(partition_key)}"
        )
    try:
        key_size = len(partition_key) if partition_key.isascii() else len(partition_key.encode())
    except UnicodeEncodeError as error:
        raise InputError(f"the partition key is not Unicode text: {error.reason}") from error
    size = len(data) + key_size
    if size > MAX_RECORD_BYTES:
        raise InputError(f"a record with its key has at most {MAX_RECORD_BYTES} bytes, this one has {size}")
    return size


class StreamClient:
    """The stream to write to. Without a client, it creates one from the environment at the first call."""

    def __init__(self, name: str, client: KinesisClient | None) -> None:
        self._name = name
        self._client = client

    def put(
        self, records: Sequence[PutRecordsRequestEntryTypeDef]
    ) -> list[PutRecordsResultEntryTypeDef] | PutError:
        """Send the records; return one result for each, in order, or the error of the whole call.

        Any other exception than those of AWS and of the connection propagates.
        """
        try:
            if self._client is None:
                self._client = producer_client(new_session())
            answer = self._client.put_records(StreamName=self._name, Records=records)
        except Exception as error:
            return classify(error)
        results = answer.get("Records", [])
        if len(results) != len(records):
            return PutError(f"Kinesis gave {len(results)} results for {len(records)} records")
        return results


def record_error(result: PutRecordsResultEntryTypeDef) -> PutError:
    """Why Kinesis rejected one record of a call: it documents only transient causes."""
    return PutError(one_line(f"{result['ErrorCode']}: {result.get('ErrorMessage', '')}"))


def classify(error: Exception) -> PutError:
    """Classify an error of the SDK; any other is raised again."""
    text = one_line(str(error))
    if isinstance(error, ClientError):
        hint = hint_of(error) or _HINTS.get(error_code(error), "")
        return PutError(text, hint, is_transient(error))
    if isinstance(error, NO_ANSWER):
        return PutError(text, hint_of(error))
    if isinstance(error, BotoCoreError):
        # The remaining errors concern credentials or the profile, except invalid parameters.
        hint = "" if isinstance(error, ParamValidationError) else CREDENTIALS_HINT
        hint = _REGION_HINT if isinstance(error, NoRegionError) else hint
        return PutError(text, hint, is_transient=False)
    raise error


def one_line(text: str) -> str:
    """`text` with every run of white space replaced by one space."""
    return " ".join(text.split())
