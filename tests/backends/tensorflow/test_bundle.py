"""A checkpoint's index, written here by the documents of its format, and what TensorFlow writes itself."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.tensorflow.bundle import read_index
from tests.backends.onnxruntime.onnx_files import field, varint

MAGIC = bytes.fromhex("57fb808b247547db")  # 0xdb4775248b80fb57, little-endian
FLOAT, STRING = 1, 7


def shape(*sides: int) -> bytes:
    return b"".join(field(2, field(1, side)) for side in sides)


def entry(kind: int = FLOAT, sides: tuple[int, ...] = (2, 3), offset: int = 0, size: int = 24, **more: Any) -> bytes:
    parts = b"".join(field(7, part) for part in more.get("slices", ()))
    shard = field(3, more["shard"]) if "shard" in more else b""
    return field(1, kind) + field(2, shape(*sides)) + shard + field(4, offset) + field(5, size) + parts


def block(*pairs: tuple[bytes, bytes], starts: tuple[int, ...] = (0,)) -> bytes:
    content = b"".join(b"\0" + varint(len(key)) + varint(len(value)) + key + value for key, value in pairs)
    return content + b"".join(struct.pack("<I", start) for start in starts) + struct.pack("<I", len(starts))


def index(*pairs: tuple[bytes, bytes], header: bytes = field(1, 1), starts: tuple[int, ...] = (0,)) -> bytes:
    data = block((b"", header), *pairs, starts=starts)
    handles = varint(0) + varint(len(data))
    whole = data + b"\0" + bytes(4)
    inner = block((b"z", handles))
    place = len(whole)
    whole += inner + b"\0" + bytes(4)
    footer = varint(0) + varint(0) + varint(place) + varint(len(inner))
    return whole + footer.ljust(40, b"\0") + MAGIC


def read(tmp_path: Path, data: bytes, size: int = 24) -> Any:
    path = tmp_path / "x.index"
    path.write_bytes(data)
    return read_index(path, {0: size})


def test_tensors_by_name(tmp_path: Path) -> None:
    found = read(tmp_path, index((b"a", entry()), (b"b", entry(STRING, (), 20, 4))))
    assert {name: (each.shape, each.size) for name, each in found.items()} == {"a": ((2, 3), 24), "b": ((), 0)}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "its end is missing"),
        (index()[:-1], "its end is missing"),
        (index((b"b", entry()), (b"a", entry())), "its names are out of order"),
        (index((b"a", entry()), starts=(3,)), "begins between two names"),
        (index((b"a", entry(kind=19, size=12))), None),
        (index((b"a", entry(kind=0))), "the unknown type 0"),
        (index((b"a", entry(kind=99))), "the unknown type 99"),
        (index((b"a", entry(size=23))), "a value of 24 bytes is stored in 23"),
        (index((b"a", entry(offset=1))), "is outside the files of values"),
        (index((b"a", entry(offset=2**64 - 24))), "is outside the files of values"),
        (index((b"a", entry(shard=1))), "is outside the files of values"),
        (index((b"a", entry()), header=field(1, 0)), "is outside the files of values"),
        (index((b"a", entry(sides=(2**64 - 1,)))), "an impossible shape"),
        (index((b"a", entry(sides=(2**40, 2**40)))), "larger than any file"),
        (index((b"a", entry(sides=(1,) * 255, size=4))), "an impossible shape"),
        (index((b"a", entry(slices=[field(1, field(2, 2))]))), "a slice has other axes"),
        (index((b"a", entry(slices=[field(1, field(1, 1) + field(2, 2)) + field(1, field(2, 3))]))), "leads out of"),
        (index((b"a", b"\xff")), "cut off"),
        (index((b"a", field(1, b"x"))), "not a checkpoint's index"),
        (index((b"\xff", entry())), "codec can't decode"),
    ],
)
def test_what_says_something_impossible_is_refused(tmp_path: Path, data: bytes, message: str | None) -> None:
    if message is None:
        assert read(tmp_path, data)["a"].size == 12
        return
    with pytest.raises(ValueError, match=message):
        read(tmp_path, data)


def test_every_byte_of_a_sound_one_may_be_another(tmp_path: Path) -> None:
    sound = index((b"a", entry()), (b"b", entry(STRING, (), 20, 4)))
    for place in range(len(sound)):
        for value in (0, 1, 0x7F, 0x80, 0xFF):
            try:
                read(tmp_path, sound[:place] + bytes([value]) + sound[place + 1 :])
            except ValueError:
                continue


def test_it_is_what_tensorflow_reads(tensorflow: Any, tmp_path: Path) -> None:
    """Many variables of several types, so that names share beginnings and blocks have several places to begin at."""
    tf = tensorflow
    values = {
        f"layer{number:03d}/w": tf.Variable(np.zeros((number % 5, 3), kind))
        for number, kind in enumerate(["float32", "float16", "int64", "bool", "uint8"] * 40)
    }
    prefix = Path(
        tf.train.Checkpoint(**{name.replace("/", "_"): value for name, value in values.items()}).save(tmp_path / "c")
    )
    reader = tf.train.load_checkpoint(str(prefix))
    shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    data = prefix.with_name(f"{prefix.name}.data-00000-of-00001")
    found = read_index(prefix.with_name(f"{prefix.name}.index"), {0: data.stat().st_size})
    assert {name: list(each.shape) for name, each in found.items()} == shapes
    sizes = {
        name: np.prod(shape, dtype=int) * types[name].size for name, shape in shapes.items() if types[name] != tf.string
    }
    assert {name: found[name].size for name in sizes} == sizes
