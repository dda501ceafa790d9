"""Search invalid records for a customer's id, in every form that producers send by mistake.

Covers gzip with any number of members and layers, damaged or not; UTF-8, UTF-16, UTF-32 and near misses;
base64, as the whole record or as a value; JSON inside JSON; any text with JSON strings, valid or not, with
escapes decoded. What a record expands to beyond the limits is not read, and is reported.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from orderstream.domain.decode import AGGREGATE_MAGIC
from orderstream.domain.expansion import GZIP_MAGIC

# All texts of one record together. The function accepts no larger order, and expands no record further.
MOST_BYTES = 16 * 1024 * 1024
# Layers of gzip, base64 and JSON in JSON.
MOST_LAYERS = 8
MOST_MEMBERS = 1000
# A shorter unquoted id may be any number or word.
SHORTEST_BARE = 4

_PIECE = 512
_MEMBER = GZIP_MAGIC + b"\x08"
_MOST_DAMAGED = 20
# A JSON string, complete or truncated; possessive, so that any input takes only one pass.
_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)\\?(?:"|\Z)(\s*+:\s*+)?', re.DOTALL)
_VALUE = re.compile(r'[^\s,\[\]{}":]++')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}+={0,2}")
_BLANKS = re.compile(r"\s+")
_WORDS = {"null", "true", "false"}


@dataclass
class Found:
    """What the bytes contain: a field customer_id `claimed` by the customer or by `others`, or a string
    `named`.

    `bare` is the id as an unquoted word, and `unread` explains why something could not be read.
    """

    claimed: bool = False
    others: bool = False
    named: bool = False
    bare: bool = False
    unread: list[str] = field(default_factory=list)


def search(data: bytes, customer_id: str) -> Found:
    """Search a record for the customer, whatever its bytes are. Never raises."""
    looking = _Search(customer_id)
    looking.look_into(data, 0)
    return looking.found


class _Search:
    def __init__(self, customer_id: str) -> None:
        self._id = customer_id
        self._left = MOST_BYTES
        self._bare = re.compile(rf"(?<!\w){re.escape(customer_id)}(?!\w)")
        self.found = Found()

    def look_into(self, data: bytes, layers: int) -> None:
        if layers > MOST_LAYERS:
            self._note(f"is packed more than {MOST_LAYERS} times")
        elif data.startswith(GZIP_MAGIC):
            self.look_into(self._uncompressed(data, layers), layers + 1)
        else:
            if data.startswith(AGGREGATE_MAGIC):
                self._note("is a damaged aggregate of records")
            text = _text_of(data)
            if text is None:
                self._note("is not text in UTF-8, UTF-16 or UTF-32")
                # Much of it may be text: as UTF-8, as one byte per character, or as UTF-16 at any offset.
                self.scan(data.decode(errors="replace"), layers)
                self.scan(data.decode("latin-1").replace("\0", ""), layers)
            else:
                self.scan(text, layers)
                if "\0" in text:
                    self.scan(text.replace("\0", ""), layers)

    def scan(self, text: str, layers: int) -> None:
        if len(text) > self._left:
            self._note(f"is more than {MOST_BYTES} bytes of text")
            text = text[: self._left]
        self._left -= len(text)
        whole = text.strip()
        if whole == self._id:
            self.found.named = True
        self._packed(_BLANKS.sub("", whole), layers)
        position = 0
        while string := _STRING.search(text, position):
            value = _unescaped(string[1])
            position = string.end()
            if string[2] and value == "customer_id":
                position = self._claim(text, position)
            elif value == self._id:
                self.found.named = True
            elif '"' in value:
                self._inside(value, layers)
            else:
                self._packed(_BLANKS.sub("", value), layers)
        if len(self._id) >= SHORTEST_BARE and self._bare.search(text):
            self.found.bare = True

    def _claim(self, text: str, position: int) -> int:
        """Read the value of customer_id at `position`; return where it ends."""
        if string := _STRING.match(text, position):
            self._claimed(self._id == _unescaped(string[1]))
            return string.end()
        value = _VALUE.match(text, position)
        # An object or array is not a customer id: its content is searched like everything else.
        if value is None or value[0] in _WORDS:
            return position
        self._claimed(value[0] == self._id or _is_number(value[0], self._id))
        return value.end()

    def _claimed(self, theirs: bool) -> None:
        self.found.claimed |= theirs
        self.found.others |= not theirs

    def _inside(self, text: str, layers: int) -> None:
        if layers < MOST_LAYERS:
            self.scan(text, layers + 1)
        else:
            self._note(f"is packed more than {MOST_LAYERS} times")

    def _packed(self, text: str, layers: int) -> None:
        """Search what may be base64. Most words may be, but do not decode to text."""
        if not _BASE64.fullmatch(text):
            return
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        if len(plain) % 4 == 1:
            return
        data = base64.b64decode(plain + "=" * (-len(plain) % 4))
        if data.startswith((GZIP_MAGIC, AGGREGATE_MAGIC)) or _text_of(data) is not None:
            self.look_into(data, layers + 1)

    def _uncompressed(self, data: bytes, layers: int) -> bytes:
        """The text of all members of a gzip file, as far as each is readable."""
        out = bytearray()
        damaged = 0
        for _ in range(MOST_MEMBERS):
            text, rest, problem = _member(data, self._left - len(out))
            out += text
            if problem:
                self._note(problem)
                # Damage may be detected long after its position: resume at the next possible member.
                damaged += 1
                at = data.find(_MEMBER, 1) if damaged <= _MOST_DAMAGED else -1
                rest = data[at:] if at > 0 else b""
            data = rest.lstrip(b"\0")
            if not data.startswith(GZIP_MAGIC):
                if data:
                    self.look_into(data, layers + 1)
                return bytes(out)
        self._note(f"has more than {MOST_MEMBERS:,} members of gzip")
        return bytes(out)

    def _note(self, what: str) -> None:
        if what not in self.found.unread:
            self.found.unread.append(what)


def _member(data: bytes, room: int) -> tuple[bytes, bytes, str]:
    """The text of the first member of a gzip file, the bytes after it, and what is wrong with it."""
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    out = bytearray()
    for begin in range(0, len(data), _PIECE):
        before = reader.copy()
        try:
            out += reader.decompress(data[begin : begin + _PIECE])
        except zlib.error:
            # Recover what precedes the damage in this chunk, byte by byte.
            for at in range(begin, begin + _PIECE):
                try:
                    out += before.decompress(data[at : at + 1])
                except zlib.error as error:
                    return bytes(out[:room]), b"", f"is damaged gzip ({error})"
        if len(out) > room:
            return bytes(out[:room]), b"", f"is more than {MOST_BYTES} bytes of text"
        if reader.eof:
            return bytes(out), reader.unused_data + data[begin + _PIECE :], ""
    return bytes(out), b"", "is gzip that is cut off"


def _text_of(data: bytes) -> str | None:
    """The text in the bytes, by their BOM or the zeros in JSON's first characters; None if it is not text."""
    try:
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(_letter, text)
    # Two escapes may be the surrogates of one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _letter(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _ESCAPES.get(escape[2], escape[2])


def _is_number(text: str, customer_id: str) -> bool:
    """Whether a number equals the id in another notation: 12345.0 is 12345, but not 0012345."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,99}", customer_id):
        return False
    try:
        return Decimal(text) == int(customer_id)
    except InvalidOperation:
        return False
