"""Changes inside the structure of a file: a field of a protocol buffer, a member of a zip, a block of a table.

What is around the change (lengths, checksums) is made right again, so that the change itself is what a reader meets.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile

from tests.campaign.mutations import mutate_bytes, mutate_text, mutate_values

_NUMBERS = (0, 1, 2, 127, 255, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_TEXTS = (b"", b"x", b"\x00", b"\xff\xfe", b"../../x", b"input", b"Const", b"MatMul", b"float32", b"a" * 300)
_FOOTER, _TRAILER = 48, 5  # bytes of a table's end, and behind each of its blocks

Field = tuple[int, int, bytes]  # number, wire type, content without its length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError


def _written(value: int) -> bytes:
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])


def _fields(data: bytes) -> list[Field] | None:
    """Return the fields of a message; None for bytes that are none."""
    found, at = [], 0
    try:
        while at < len(data):
            key, at = _varint(data, at)
            number, kind = key >> 3, key & 7
            if kind == 0:
                begin = at
                _, at = _varint(data, at)
            elif kind == 2:
                length, begin = _varint(data, at)
                at = begin + length
            elif kind in (1, 5):
                begin, at = at, at + (8 if kind == 1 else 4)
            else:
                return None
            if number == 0 or at > len(data):
                return None
            found.append((number, kind, data[begin:at]))
    except (IndexError, ValueError):
        return None
    return found


def _message(fields: list[Field]) -> bytes:
    return b"".join(
        _written(number << 3 | kind) + (_written(len(content)) if kind == 2 else b"") + content
        for number, kind, content in fields
    )


def mutate_message(data: bytes, rng: random.Random) -> bytes:
    """Change one to three fields of a protocol buffer, however deep, now and then its bytes."""
    if rng.random() < 0.2:
        return mutate_bytes(data, rng)
    for _ in range(rng.randint(1, 3)):
        data = _field_changed(data, rng)
    return data


def _field_changed(data: bytes, rng: random.Random) -> bytes:
    fields = _fields(data)
    if not fields:
        return mutate_bytes(data, rng)
    at = rng.randrange(len(fields))
    number, kind, content = fields[at]
    inner = kind == 2 and len(content) > 1 and _fields(content)
    chance = rng.random()
    if inner and chance < 0.8:
        fields[at] = (number, kind, _field_changed(content, rng))
    elif chance < 0.85:
        del fields[at]
    elif chance < 0.9:
        fields.insert(rng.randrange(len(fields) + 1), fields[at])
    elif chance < 0.93:
        fields[at] = (rng.randint(1, 30), kind, content)
    elif kind == 0:
        fields[at] = (number, kind, _written(rng.choice(_NUMBERS)))
    elif kind == 2:
        fields[at] = (number, kind, rng.choice(_TEXTS) if rng.random() < 0.5 else mutate_bytes(content, rng))
    else:
        fields[at] = (number, kind, rng.randbytes(len(content)))
    return _message(fields)


def mutate_zip(data: bytes, rng: random.Random) -> bytes:
    """Change one member of a zip file and write it with right lengths and checksums, now and then its bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as before:
        members = {entry.filename: before.read(entry) for entry in before.infolist()}
    name = rng.choice(sorted(members))
    content = members[name]
    chance = rng.random()
    if chance < 0.05:
        del members[name]
    elif chance < 0.1:
        members[rng.choice(("x", "../x", name + "x", "é", name.upper()))] = members.pop(name)
    elif name.endswith(".json") and content.strip():
        members[name] = mutate_values(content, rng)
    else:
        members[name] = (mutate_text if name.endswith((".py", "version")) else mutate_bytes)(content, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as after:
        for key, value in members.items():
            after.writestr(key, value)
    return out.getvalue()


def mutate_hdf5(data: bytes, rng: random.Random) -> bytes:
    """Change what an HDF5 file says of its model, or a name, type or shape in it, now and then its bytes."""
    import h5py
    import numpy as np

    if rng.random() < 0.5:
        return mutate_bytes(data, rng)
    stream = io.BytesIO(data)
    with h5py.File(stream, "r+") as file:
        groups = [file]
        file.visititems(lambda _, item: groups.append(item) if isinstance(item, h5py.Group) else None)
        group = rng.choice(groups)
        texts = [key for key in group.attrs if isinstance(group.attrs[key], str)]
        chance = rng.random()
        if texts and chance < 0.7:
            key = rng.choice(sorted(texts))
            said = group.attrs[key].encode()  # JSON, or the plain name or version of the software
            text = mutate_values(said, rng) if said.startswith((b"{", b"[")) else mutate_text(said, rng)
            group.attrs[key] = text.replace(b"\0", b"")  # h5py writes none
        elif len(group) and chance < 0.85:
            del group[rng.choice(sorted(group))]
        else:
            values = (np.int64(-1), np.zeros((2, 0)), np.float64("nan"), b"\xff\xfe", np.array([b"x", b"\xff"]))
            group.attrs[rng.choice((*sorted(group.attrs), "model_config"))] = rng.choice(values)
    return stream.getvalue()


def mutate_index(data: bytes, rng: random.Random) -> bytes:
    """Change the content of a block of a checkpoint's index and make its checksum right, or the footer, or any byte."""
    from harness.dataset.sources.example_wire import masked_crc32c

    if rng.random() < 0.3:
        return mutate_bytes(data, rng)
    changed = bytearray(data)
    footer = len(data) - _FOOTER
    _, at = _varint(data, footer)
    _, at = _varint(data, at)
    place, at = _varint(data, at)
    size, _ = _varint(data, at)
    if rng.random() < 0.15:
        changed[footer + rng.randrange(_FOOTER)] = rng.randrange(256)
        return bytes(changed)
    begin, length = (place, size) if rng.random() < 0.3 else (0, _first_block(data, place, size))
    for _ in range(rng.randint(1, 3)):
        changed[begin + rng.randrange(length)] = rng.choice((0, 1, 2, 127, 128, 255, rng.randrange(256)))
    whole = bytes(changed[begin : begin + length + 1])
    changed[begin + length + 1 : begin + length + _TRAILER] = struct.pack("<I", masked_crc32c(whole))
    return bytes(changed)


def _first_block(data: bytes, place: int, size: int) -> int:
    """Return the length of the first block, as the index block's first entry has it."""
    block = data[place : place + size]
    shared, at = _varint(block, 0)
    unshared, at = _varint(block, at)
    _, at = _varint(block, at)
    assert shared == 0
    _, at = _varint(block, at + unshared)
    return _varint(block, at)[0]
