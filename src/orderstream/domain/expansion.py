"""Size limits of uncompressed records, and decompression within them."""

import zlib

from orderstream.domain.order import MAX_BYTES

# The magic number of a gzip file.
GZIP_MAGIC = b"\x1f\x8b"

# The maximum size of one record of the stream once deaggregated and uncompressed. An aggregate of 1 MiB full
# of the smallest orders just fits.
MAX_EXPANDED_BYTES = 16 * 1024 * 1024
# The overhead of each record beside its bytes: its ids, its line in the archive, its reasons.
RECORD_BYTES = 512


def uncompressed(data: bytes) -> bytes:
    """Decompress a gzip file, up to one byte more than MAX_BYTES. Raises zlib.error."""
    # A few bytes can expand to gigabytes: stop when the result is too large to be an order.
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    text = reader.decompress(data, MAX_BYTES + 1)
    if len(text) <= MAX_BYTES and (not reader.eof or reader.unused_data):
        raise zlib.error("it is cut off" if not reader.eof else "something follows it")
    return text


def expanded_bytes(partition_key: str | None, data: bytes) -> int:
    """The bytes that a record counts for: its key, its data, its uncompressed data, and RECORD_BYTES."""
    size = RECORD_BYTES + len(partition_key or "") + len(data)
    if data.startswith(GZIP_MAGIC):
        try:
            size += len(uncompressed(data))
        except zlib.error:
            # Damaged data is kept as sent.
            pass
    return size
