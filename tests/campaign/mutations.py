"""Changes of bytes, as accidents and attackers make them."""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Callable

Mutate = Callable[[bytes, random.Random], bytes]
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_MAGIC = b"harness table 1\n"
_ROWS_MAGIC = b"harness rows 1\n\0"
_LENGTHS = struct.Struct("<III")


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change one to four places: flips, cuts, removed, doubled and inserted pieces, numbers at the limits of types."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed = _once(changed, rng)
    return bytes(changed)


def _once(data: bytearray, rng: random.Random) -> bytearray:
    kind = rng.randrange(6)
    if kind == 1 or not data:
        return data + rng.randbytes(rng.randint(1, 64))
    at = rng.randrange(len(data))
    length = min(len(data) - at, rng.choice([1, 2, 4, 8, 64, 1024]))
    if kind == 0:
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = data[at : at + length]
    else:
        width = rng.choice([1, 2, 4, 8])
        number = rng.choice(_NUMBERS) & (256**width - 1)
        data[at : at + width] = number.to_bytes(width, rng.choice(["little", "big"]))
    return data


def mutate_text(data: bytes, rng: random.Random) -> bytes:
    """Change text by lines and words, now and then by bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(data, rng)
    lines = data.split(b"\n")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        words = lines[at].split(b" ")
        kind = rng.randrange(5)
        if kind == 0:
            words[rng.randrange(len(words))] = rng.choice(_WORDS)
        elif kind == 1:
            lines.insert(at, rng.choice(lines))
        elif kind == 2 and len(lines) > 1:
            del lines[at]
            continue
        elif kind == 3:
            rng.shuffle(words)
        else:
            lines[at], other = rng.choice(lines), lines[at]
            words = other.split(b" ")
        lines[min(at, len(lines) - 1)] = b" ".join(words)
    return b"\n".join(lines)


_WORDS = (
    *(b"", b"0", b"-1", b"1e309", b"nan", b".inf", b"null", b"~", b"true", b"[]", b"{}", b"[1]", b"{a: 1}", b"1:30:20"),
    *(b"!!python/object:os.system", b"&a", b"*a", b"<<:", b"\xff\xfe", b"\x00", "é".encode(), b"../../x", b"9" * 400),
)


def mutate_checked_table(data: bytes, rng: random.Random) -> bytes:
    """Change a table and make its checksum right again, as somebody would who wants it to be believed."""
    payload = mutate_bytes(data[len(_MAGIC) + 32 :], rng)
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def mutate_keyed_rows(data: bytes, rng: random.Random) -> bytes:
    """Change notes, lengths, keys or rows of a file of rows, and make every checksum right again."""
    head = len(_ROWS_MAGIC) + _LENGTHS.size + 32
    length, count, width = _LENGTHS.unpack(data[len(_ROWS_MAGIC) : head - 32])
    notes, keys = data[head : head + length], data[head + length : head + length + 32 * count]
    rows = data[head + length + 48 * count + 32 :]
    part = rng.randrange(4)
    if part == 0:
        notes = mutate_values(notes, rng)
    elif part == 1:
        count, width = (rng.choice((value, value + 1, 0, *_NUMBERS[:8])) & 0xFFFFFFFF for value in (count, width))
    elif part == 2:
        keys = mutate_bytes(keys, rng)
    else:
        changed = bytearray(rows)
        at = 4 * rng.randrange(len(rows) // 4)
        changed[at : at + 4] = rng.choice((b"\x00\x00\xc0\x7f", b"\x00\x00\x80\xff", rng.randbytes(4)))
        rows = bytes(changed)
    size = 4 * width
    checks = b"".join(hashlib.sha256(rows[size * at : size * at + size]).digest()[:16] for at in range(min(count, 64)))
    lengths = _LENGTHS.pack(len(notes), count, width)
    index = notes + keys + checks + hashlib.sha256(rows).digest()
    return _ROWS_MAGIC + lengths + hashlib.sha256(lengths + index).digest() + index + rows


def mutate_values(data: bytes, rng: random.Random) -> bytes:
    """Replace values of a JSON or YAML document by others of any type, now and then its text."""
    import json

    import yaml

    if rng.random() < 0.25:
        return mutate_text(data, rng)
    try:
        plain = json.loads(data)
    except ValueError:
        plain = yaml.safe_load(data)
    for _ in range(rng.randint(1, 3)):
        replace_values(plain, rng)
    return json.dumps(plain).encode()


def replace_values(part: object, rng: random.Random) -> None:
    """Replace a value in plain data by another of any type, or remove it."""
    for _ in range(rng.randint(1, 6)):
        keys: list[object] = (
            list(part) if isinstance(part, dict) else list(range(len(part))) if isinstance(part, list) else []
        )
        if not keys:
            return
        key = rng.choice(keys)
        inner = part[key]  # type: ignore[index]
        if isinstance(inner, (dict, list)) and inner and rng.random() < 0.8:
            part = inner
            continue
        values = [
            None,
            True,
            -1,
            0,
            2**70,
            10**400,
            0.5,
            1e308,
            "",
            "x",
            "\ud800",
            [],
            {},
            [1],
            {"a": 1},
            "ir",
            "pass",
            "fail",
        ]
        if isinstance(inner, (int, float)) and not isinstance(inner, bool):
            values += [inner + 1, inner - 1, -inner, inner * 2]
        if isinstance(part, dict) and rng.random() < 0.2:
            del part[key]
        else:
            part[key] = rng.choice(values)  # type: ignore[index]
        return
