"""Metadata of LiteRT files: written here by the FlatBuffers library, by the field numbers of the published schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.backends.litert.description import describe
from harness.backends.litert.metadata import ImageMetadata, image_metadata
from tests.backends.litert.tflite_files import write_tflite
from tests.conftest import SIZE, Network

flatbuffers = pytest.importorskip("flatbuffers", reason="flatbuffers comes with TensorFlow, which is not installed")


def _table(builder: Any, fields: dict[int, tuple[str, Any]]) -> Any:
    builder.StartObject(max(fields, default=0) + 1)
    for number, (kind, value) in fields.items():
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(number, value, 0)
        else:
            builder.PrependUint8Slot(number, value, 0)
    return builder.EndObject()


def _offsets(builder: Any, items: list[Any]) -> Any:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return builder.EndVector()


def _floats(builder: Any, values: list[float]) -> Any:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return builder.EndVector()


def metadata(mean: list[float], std: list[float], color_space: int = 1) -> bytes:
    """ModelMetadata.subgraph_metadata[0].input_tensor_metadata[0] with content ImageProperties and one process unit."""
    builder = flatbuffers.Builder(256)
    options = _table(
        builder, {0: ("offset", _floats(builder, mean)), 1: ("offset", _floats(builder, std))}
    )  # NormalizationOptions
    unit = _table(builder, {0: ("byte", 1), 1: ("offset", options)})  # ProcessUnit
    image = _table(builder, {0: ("byte", color_space)})  # ImageProperties
    content = _table(builder, {0: ("byte", 2), 1: ("offset", image)})  # Content
    units = _offsets(builder, [unit])
    tensor = _table(builder, {3: ("offset", content), 4: ("offset", units)})  # TensorMetadata
    graph = _table(builder, {2: ("offset", _offsets(builder, [tensor]))})  # SubGraphMetadata
    builder.Finish(_table(builder, {3: ("offset", _offsets(builder, [graph]))}), b"M001")
    return bytes(builder.Output())


def with_metadata(path: Path, content: bytes) -> Path:
    """Add the metadata as TensorFlow's own schema code writes it."""
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(path.read_bytes(), 0))
    buffer = schema.BufferT()
    buffer.data = list(content)
    entry = schema.MetadataT()
    entry.name, entry.buffer = b"TFLITE_METADATA", len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


@pytest.fixture(scope="module")
def plain(tensorflow: Any, network: Network, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_tflite(tensorflow, tmp_path_factory.mktemp("lite") / "net.tflite", network).read_bytes()


@pytest.fixture
def file(plain: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "net.tflite"
    path.write_bytes(plain)
    return path


def test_what_the_metadata_says_is_read(file: Path) -> None:
    assert image_metadata(file.read_bytes()) == ImageMetadata()
    found = image_metadata(with_metadata(file, metadata([127.5], [128.0])).read_bytes())
    assert found == ImageMetadata((127.5,) * 3, (128.0,) * 3, is_rgb=True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (metadata([1, 2, 3], [4, 5, 6], 0), ImageMetadata((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
        (metadata([0.1], [0.2]), ImageMetadata((0.1,) * 3, (0.2,) * 3, is_rgb=True)),
        (metadata([1.0], [0.0]), ImageMetadata(is_rgb=True)),  # nothing is divided by 0
        (metadata([1.0, 2.0], [1.0, 1.0]), ImageMetadata(is_rgb=True)),
        (metadata([1.0] * 9, [1.0] * 9), ImageMetadata()),
        (b"", ImageMetadata()),
        (metadata([1.0], [1.0])[:40], ImageMetadata()),
    ],
)
def test_odd_metadata_is_no_fault(file: Path, content: bytes, expected: ImageMetadata) -> None:
    assert image_metadata(with_metadata(file, content).read_bytes()) == expected


def test_a_cut_off_file_says_nothing(file: Path) -> None:
    whole = with_metadata(file, metadata([127.5], [127.5])).read_bytes()
    for length in range(0, len(whole), 37):
        image_metadata(whole[:length])  # raises nothing


def test_the_description_has_it(file: Path) -> None:
    found = describe(with_metadata(file, metadata([127.5], [128.0])))
    (source,), (answer,) = found.inputs, found.outputs
    assert (source.name, source.layout, source.sides, source.dtype) == ("input", "NHWC", (SIZE, SIZE), "float32")
    assert (answer.name, answer.width) == ("probabilities", 5)
    assert found.derivation == "exported"
    assert found.mean is not None
    assert (found.mean.value, found.mean.source) == ((127.5,) * 3, "metadata of net.tflite")
    assert found.color is not None
    assert found.color.value == "RGB"
