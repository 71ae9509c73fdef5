"""The metadata that a LiteRT file carries on its image input, read without a framework.

It is a FlatBuffer inside the file's FlatBuffer: the buffer that the metadata entry `TFLITE_METADATA` names. The fields
are those of its schema, https://github.com/google-ai-edge/LiteRT/blob/main/tflite/support/metadata/metadata_schema.fbs
(``(x - mean) / std``), and https://ai.google.dev/edge/litert/models/metadata.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from harness.backends.litert.flatbuffer import number, offset, place_of, tables, text, unpack
from harness.config.color import Triple

_NAME = b"TFLITE_METADATA"
_BUFFERS, _METADATA = 4, 6  # fields of Model
_METADATA_NAME, _METADATA_BUFFER = 0, 1  # of Metadata
_DATA = 0  # of Buffer
_SUBGRAPHS = 3  # of ModelMetadata
_INPUT_TENSORS = 2  # of SubGraphMetadata
_CONTENT, _PROCESS_UNITS = 3, 4  # of TensorMetadata
_KIND, _VALUE = 0, 1  # of a union: which table, and the table; ContentProperties and ProcessUnitOptions
_IMAGE, _NORMALIZATION = 2, 1  # ImageProperties, NormalizationOptions
_COLOR_SPACE, _RGB = 0, 1  # of ImageProperties
_MEAN, _STD = 0, 1  # of NormalizationOptions


@dataclass(frozen=True)
class ImageMetadata:
    """What the metadata says of the first input; None and False if it says nothing."""

    mean: Triple | None = None
    scale: Triple | None = None
    is_rgb: bool = False


def image_metadata(content: bytes) -> ImageMetadata:
    """Return what a file's metadata states about its first input; nothing where there is none or it is broken."""
    try:
        return _read(memoryview(content))
    except (struct.error, IndexError, UnicodeDecodeError, ValueError):
        return ImageMetadata()


def _read(data: memoryview) -> ImageMetadata:
    root = offset(data, 0)
    named = [entry for entry in tables(data, root, _METADATA) if text(data, entry, _METADATA_NAME).encode() == _NAME]
    if not named:
        return ImageMetadata()
    buffers = list(tables(data, root, _BUFFERS))
    inner = memoryview(_bytes(data, buffers[number(data, named[0], _METADATA_BUFFER)]))
    graphs = list(tables(inner, offset(inner, 0), _SUBGRAPHS))
    tensor = next(tables(inner, graphs[0], _INPUT_TENSORS))
    mean, scale = _normalization(inner, tensor)
    return ImageMetadata(mean, scale, _is_rgb(inner, tensor))


def _bytes(data: memoryview, buffer: int) -> bytes:
    place = place_of(data, buffer, _DATA)
    if place is None:
        raise ValueError("an empty buffer")
    start = offset(data, place)
    return bytes(data[start + 4 : start + 4 + unpack("<I", data, start)])


def _normalization(data: memoryview, tensor: int) -> tuple[Triple | None, Triple | None]:
    for unit in tables(data, tensor, _PROCESS_UNITS):
        options = _union(data, unit, _NORMALIZATION)
        if options is not None:
            mean, scale = (_triple(_floats(data, options, which)) for which in (_MEAN, _STD))
            if mean and scale and 0.0 not in scale:
                return mean, scale
    return None, None


def _is_rgb(data: memoryview, tensor: int) -> bool:
    place = place_of(data, tensor, _CONTENT)
    image = None if place is None else _union(data, offset(data, place), _IMAGE)
    color = None if image is None else place_of(data, image, _COLOR_SPACE)
    return color is not None and data[color] == _RGB


def _union(data: memoryview, table: int, kind: int) -> int | None:
    which, value = place_of(data, table, _KIND), place_of(data, table, _VALUE)
    return offset(data, value) if which is not None and value is not None and data[which] == kind else None


def _floats(data: memoryview, table: int, which: int) -> list[float]:
    place = place_of(data, table, which)
    if place is None:
        return []
    start = offset(data, place)
    count = unpack("<I", data, start)
    if count > 3:
        raise ValueError("more than three channels")
    return [float(struct.unpack_from("<f", data, start + 4 + 4 * index)[0]) for index in range(count)]


def _triple(values: Sequence[float]) -> Triple | None:
    shown = [float(f"{value:.7g}") for value in values]  # 0.1 in float32 is not 0.10000000149
    if len(shown) not in (1, 3) or not all(map(math.isfinite, shown)):
        return None
    return (shown[0], shown[0], shown[0]) if len(shown) == 1 else (shown[0], shown[1], shown[2])
