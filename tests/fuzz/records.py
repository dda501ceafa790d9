"""Records as no shop should send them, made by seed: the same seed gives the same records."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator

from orderstream.domain.decode import AGGREGATE_MAGIC
from orderstream.domain.expansion import GZIP_MAGIC
from orderstream.domain.order import MAX_BYTES
from orderstream.ingest.samples import BAD
from tests.fuzz.heavy import Dice, aggregate, bombs, huge, sealed

VALID: tuple[bytes, ...] = (
    b'{"customer_id":"12345","amount":250.00}',
    b'{"order_id":"A-1","customer_id":"c","amount":"19.90","currency":"EUR",'
    b'"order_date":"2026-11-22T18:00:00+02:00","items":[{"sku":"S","quantity":2,"unit_price":9.95}]}',
    b'{\r\n  "customer_id": "Zo\xc3\xab \\ud83e\\uddfe",\n\t"amount": 1e2, "gift": {"to": [null, true]}\n}\n',
    b'{"items":[{"sku":"a","quantity":1,"unit_price":0},{"sku":"b","quantity":3,"unit_price":"0.10",'
    b'"more":[1.5,-0.0]}],"amount":0.3,"customer_id":"x","order_id":null,"currency":null}',
    b'{"amount":99999999999999999999999999999999999999,"customer_id":"y","n":123456789012345678901}',
)
# In place of any token of an order.
TOKENS = tuple(
    rb"""{ } [ ] , : "" null true false NaN Infinity -Infinity 0 -0 -0.0 00 1. .5 1e 1e400 -1e400 1e-400
    1e126 1E+125 1e-130 1e-131 0e9 1e99999999999999999999 1e-99999999999999999999 0x10 1_000 +1
    18446744073709551616
    "1" "1e3" "-1" "0.1" "\ud800" "\udc00\ud800" "\u0000" "\ud83e\uddfe" "\x" "\u12" "amount" "customer_id"
    "items" "order_id" "EUR" "eur" "2026-11-22T18:00:00" "0001-01-01T00:00:00+23:59" "2026-02-30T00:00:00Z"
    {"a":1} [1] [[]] {"sku":"S","quantity":1,"unit_price":1}""".split()
)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
_TEXTS = (
    *("\\ud800", "\\udfff\\ud800", "\\ud83e\\uddfe", "\\uD83E\\uDDFE" * 40, "\\u0000", "\\u2028"),
    *("\\n", "\\/", "\u200b", "\u202e", "\ufeff", "\U000e0001", "e\u0301", "\u3000", "\x7f", "\x01", " ", ""),
    *("x" * 257, "\\", '\\"'),
)
_ODD_BYTES = (
    *(b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xff", b"\xe2\x82", b"\xef\xbb\xbf", b"\x00"),
)


def random_bytes(dice: Dice) -> bytes:
    start = dice.choice((b"", b"", b"", b"{", GZIP_MAGIC, AGGREGATE_MAGIC))
    return start + dice.randbytes(dice.randrange(80))


def flipped_bytes(dice: Dice) -> bytes:
    """A valid order with a few bytes changed, lost, new or doubled."""
    data = bytearray(dice.choice(VALID))
    for _ in range(dice.randrange(4)):
        place = dice.randrange(len(data) or 1)
        match dice.randrange(5):
            case 0 if data:
                data[place] ^= 1 << dice.randrange(8)
            case 1:
                del data[place : place + dice.randint(1, 9)]
            case 2:
                data[place:place] = dice.randbytes(dice.randint(1, 3))
            case 3:
                data[place:place] = data[place : place + dice.randint(1, 30)]
            case _:
                data[place:place] = dice.choice(_ODD_BYTES)
    return bytes(data)


def swapped_tokens(dice: Dice) -> bytes:
    """A valid order with a few of its tokens replaced, lost, new or moved."""
    tokens = _TOKEN.findall(dice.choice(VALID))
    for _ in range(dice.randrange(3)):
        place = dice.randrange(len(tokens))
        match dice.randrange(5):
            case 0:
                tokens.insert(place, dice.choice(TOKENS))
            case 1 if len(tokens) > 1:
                del tokens[place]
            case 2:
                tokens.insert(place, dice.choice(tokens))
            case _:
                tokens[place] = dice.choice(TOKENS)
    return dice.choice((b"", b" ", b"\n")).join(tokens)


def values(dice: Dice) -> bytes:
    """A well-formed object with any value at any of the fields that the model knows."""
    names = ["customer_id", "amount", "order_id", "currency", "order_date", "items", "x"]
    fields = [f'"{dice.choice(names)}":'.encode() + dice.choice(TOKENS) for _ in range(dice.randint(0, 5))]
    if dice.random() < 0.7:
        fields += [b'"customer_id":"c"', b'"amount":1']
    dice.shuffle(fields)
    return b"{" + b",".join(fields) + b"}"


def items(dice: Dice) -> bytes:
    """Lines of an order with odd members: floats, booleans for numbers, nulls, a key twice."""
    lines = []
    for _ in range(dice.randint(0, 4)):
        names = ["sku", "quantity", "unit_price"]
        names += dice.choices((*names, "x"), k=dice.randrange(3))
        good = {"sku": b'"S"', "quantity": b"1", "unit_price": b"0.25"}
        lines.append(
            b",".join(
                f'"{name}":'.encode()
                + (good[name] if name in good and dice.random() < 0.8 else dice.choice(TOKENS))
                for name in names
            )
        )
    total = f"{0.25 * len(lines):g}".encode()
    listed = b",".join(b"{" + line + b"}" for line in lines)
    return b'{"customer_id":"c","amount":' + total + b',"items":[' + listed + b"]}"


def number_text(dice: Dice) -> str:
    """The text of a number: of any length and size, now and then not quite one."""
    longest = 100_000 if dice.random() < 0.001 else 45
    digits = "".join(dice.choices("0123456789", k=dice.randint(1, longest)))
    text = dice.choice(("", "", "", "-", "+")) + dice.choice((digits, digits, "0" * 40 + digits))
    if dice.random() < 0.5:
        text += "." + "0" * dice.randrange(45) + digits[: dice.randrange(45)]
    if dice.random() < 0.5:
        power = str(dice.getrandbits(dice.choice((3, 7, 8, 20, 64, 90))))
        text += dice.choice("eE") + dice.choice(("", "+", "-")) + power
    return text


def numbers(dice: Dice) -> bytes:
    one, other = number_text(dice), number_text(dice)
    return dice.choice(
        (
            f'{{"customer_id":"c","amount":{one}}}',
            f'{{"customer_id":"c","amount":"{one}"}}',
            f'{{"customer_id":"c","amount":1,"x":[{one},{{"y":{other}}}]}}',
            f'{{"customer_id":"c","amount":{one},"items":[{{"sku":"s","quantity":1,"unit_price":{one}}}]}}',
            f'{{"customer_id":"c","amount":1,"items":[{{"sku":"s","quantity":{one},"unit_price":{other}}}]}}',
        )
    ).encode()


def texts(dice: Dice) -> bytes:
    """Odd letters in every text there is, also in names."""
    inside = "".join(dice.choices(_TEXTS, k=dice.randint(1, 3)))
    name = dice.choice(("customer_id", "order_id", "currency", "order_date", "sku", inside))
    line = f'{{"sku":"s{inside}","quantity":1,"unit_price":1}}'
    body = f'{{"customer_id":"c{inside}","amount":1,"{name}":"{inside}","items":[{line}]}}'.encode()
    if dice.random() < 0.02:
        return body.decode().encode(dice.choice(("utf-16", "utf-8-sig")))
    place = dice.randrange(len(body))
    return body[:place] + dice.choice(_ODD_BYTES) + body[place:] if dice.random() < 0.2 else body


def nested(dice: Dice) -> bytes:
    """Arrays and objects in each other, mostly as deep as the interpreter's stack, sometimes bottomless."""
    depth = dice.choice((dice.randrange(60), dice.randint(100, 1100), dice.randint(900, 1000)))
    if dice.random() < 0.003:
        depth = dice.randrange(MAX_BYTES)
    opened, closed = dice.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"items":', b"}]")))
    inner = opened * depth + dice.choice((b"1", b"", b"{}")) + closed * (depth if dice.random() < 0.8 else 0)
    if dice.random() < 0.2:
        return inner
    name = dice.choice((b"x", b"items", b"amount", b"customer_id"))
    return b'{"customer_id":"c","amount":1,"' + name + b'":' + inner + b"}"


def pieces(dice: Dice) -> bytes:
    """The beginning or the end of something valid, as it is, compressed or in an aggregate."""
    whole = dice.choice(PIECES)
    place = dice.randrange(len(whole) + 1)
    return dice.choice((whole[:place], whole[place:]))


def compressed(dice: Dice) -> bytes:
    """A gzip file: good, damaged, followed by something, of something odd."""
    data = dice.choice((dice.choice(VALID), swapped_tokens(dice), dice.randbytes(20)))
    packed = bytearray(gzip.compress(data, compresslevel=dice.randrange(10), mtime=0))
    match dice.randrange(5):
        case 0:
            packed[dice.randrange(2, len(packed))] ^= 1 << dice.randrange(8)
        case 1:
            packed += dice.choice((b"\0", bytes(packed), dice.randbytes(3)))
        case 2:
            del packed[dice.randrange(len(packed)) :]
    return bytes(packed)


def aggregated(dice: Dice) -> bytes:
    """An aggregate: of anything, damaged, or with a right digest of a wrong message."""
    if dice.random() < 0.5:
        message = dice.choice(AGGREGATES)[len(AGGREGATE_MAGIC) : -16]
        changed = bytearray(message)
        for _ in range(dice.randrange(4)):
            changed[dice.randrange(len(changed))] = dice.getrandbits(8)
        return sealed(bytes(changed))
    body = bytearray(
        aggregate([dice.choice((swapped_tokens(dice), b"", *VALID)) for _ in range(dice.randint(1, 3))])
    )
    if dice.random() < 0.3:
        body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    return bytes(body)


AGGREGATES = (aggregate(list(VALID)), aggregate([b""]), aggregate([VALID[0]] * 3))
PIECES = (
    *VALID,
    *(gzip.compress(data, mtime=0) for data in VALID),
    *AGGREGATES,
    *(b for b in BAD if len(b) < 500),
)

# Each kind with its share; the two heavy ones are rare, or there would be time for nothing else.
KINDS: dict[Callable[[Dice], bytes], float] = {
    random_bytes: 10,
    flipped_bytes: 15,
    swapped_tokens: 15,
    values: 12,
    items: 12,
    numbers: 12,
    texts: 10,
    nested: 4,
    pieces: 6,
    compressed: 6,
    aggregated: 4,
    bombs: 0.01,
    huge: 0.02,
}


def records(seed: str, count: int) -> Iterator[tuple[str, bytes]]:
    """`count` records with the names of their kinds."""
    dice = Dice(seed)
    for kind in dice.choices(list(KINDS), list(KINDS.values()), k=count):
        yield kind.__name__, kind(dice)
