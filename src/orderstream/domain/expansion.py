"""How large a record is once it is uncompressed, and how large it may become."""

import zlib

from orderstream.domain.order import MAX_BYTES

# How a gzip file begins.
GZIP_MAGIC = b"\x1f\x8b"

# The most that one record of the stream may become when it is taken apart and uncompressed. An aggregate of
# 1 MiB full of the smallest orders just fits.
MAX_EXPANDED_BYTES = 16 * 1024 * 1024
# What each record takes beside its bytes, however small it is: its ids, its line in the archive, its reasons.
RECORD_BYTES = 512


def uncompressed(data: bytes) -> bytes:
    """What a gzip file holds, but no more than one byte over the bound of an order. Raises zlib.error."""
    # A few bytes can expand to gigabytes: reading stops where no order can be any more.
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    text = reader.decompress(data, MAX_BYTES + 1)
    if len(text) <= MAX_BYTES and (not reader.eof or reader.unused_data):
        raise zlib.error("it is cut off" if not reader.eof else "something follows it")
    return text


def expanded_bytes(partition_key: str | None, data: bytes) -> int:
    """How many bytes a record counts for: its key, its data, what that holds uncompressed, RECORD_BYTES."""
    size = RECORD_BYTES + len(partition_key or "") + len(data)
    if data.startswith(GZIP_MAGIC):
        try:
            size += len(uncompressed(data))
        except zlib.error:
            # What is damaged is kept as it was sent.
            pass
    return size
