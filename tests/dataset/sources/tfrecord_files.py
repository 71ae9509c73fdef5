"""TFRecord files in the layout of TensorFlow Datasets, written byte by byte, without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from harness.dataset.sources.example_wire import masked_crc32c

Row = tuple[str, bytes, int]  # name, encoded image, class 0..127


def write_tfrecord(folder: Path, rows: Sequence[Row]) -> Path:
    """Write `tf.train.Example`s: features {1: map {1: key, 2: feature {1: bytes list | 3: integers}}}."""
    path = folder / "a-validation.tfrecord-00000-of-00001"
    path.write_bytes(b"".join(record(_example(*row)) for row in rows))
    return path


def record(payload: bytes) -> bytes:
    """Return a record; the checksum of its payload, which is not read, is zero."""
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", masked_crc32c(length)) + payload + bytes(4)


def payloads(data: bytes) -> list[bytes]:
    """Return the payloads of a sound file."""
    found, place = [], 0
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        found.append(data[place + 12 : place + 12 + length])
        place += 12 + length + 4
    return found


def _example(name: str, image: bytes, label: int) -> bytes:
    values = {b"image": _field(1, _field(1, image)), b"file_name": _field(1, _field(1, name.encode()))}
    values[b"label"] = _field(3, _field(1, bytes([label])))
    return _field(1, b"".join(_field(1, _field(1, key) + _field(2, value)) for key, value in values.items()))


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
