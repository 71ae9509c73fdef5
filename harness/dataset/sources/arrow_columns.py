"""Finds the columns of an Arrow table that hold images and labels, and reads their rows."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.dataset.imagenet import class_of_wnid
from harness.dataset.labels.class_names import ByName
from harness.dataset.labels.listing import WNID_COLUMNS, class_of, safe_name
from harness.dataset.sources.pictures import LARGEST_IMAGE
from harness.errors import DatasetError

_LARGEST_METADATA = 1 << 24  # bytes
_IMAGES = ("image", "img", "images", "picture", "jpg", "jpeg", "png", "webp", "image_bytes", "bytes")
_LABELS = (
    "label",
    "labels",
    "fine_label",
    "class",
    "cls",
    "target",
    "synset",
    "wnid",
    "class_id",
    "label_id",
    "label_idx",
    "class_idx",
)


@dataclass(frozen=True)
class ImageColumn:
    """A column of encoded images: plain bytes, or structs with `bytes` and perhaps `path`.

    Bytes may also be lists of uint8, or be encoded by a dictionary.
    """

    name: str
    is_struct: bool
    has_path: bool


def image_column(schema: Any, path: Path) -> ImageColumn | None:
    """Return the column of images, or None.

    Raises DatasetError if it appears twice, has no bytes, or one of several cannot be chosen.
    """
    import pyarrow as pa

    found: dict[str, ImageColumn] = {}
    for entry in schema:
        kind, name = entry.type, str(entry.name)
        if pa.types.is_struct(kind) and len(kind.get_all_field_indices("bytes")) > 1:
            raise DatasetError(f"{path}: {name}.bytes appears twice; write the file again with one of the two")
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            inner = kind.field("bytes").type
            if _is_binary(inner):
                found[name] = ImageColumn(name, True, kind.get_field_index("path") >= 0)
            elif name in _IMAGES:
                raise DatasetError(
                    f"{path}: {name}.bytes contains {inner}, where the bytes of an image file are needed"
                )
        elif _is_binary(kind) and name in _IMAGES:
            found[name] = ImageColumn(name, False, False)
    chosen = next((found[name] for name in _IMAGES if name in found), None)
    if chosen is None and len(found) > 1:
        raise DatasetError(
            f"{path}: the columns {' and '.join(found)} may both contain the images; rename one to `image`"
        )
    chosen = chosen or next(iter(found.values()), None)
    if chosen:
        _once(schema, chosen.name, path)
    return chosen


def label_column(schema: Any, path: Path) -> str | None:
    """Return the name of the column of labels, or None. Raises DatasetError if it appears twice."""
    name = next((name for name in _LABELS if name in schema.names), None)
    if name:
        _once(schema, name, path)
    return name


def wnid_column(schema: Any, label: str) -> str | None:
    """Return the name of the column of WordNet ids that is next to the labels, or None."""
    return next((name for name in WNID_COLUMNS if name != label and schema.names.count(name) == 1), None)


def missing_columns(schema: Any, path: Path) -> DatasetError:
    """Return the error for a file without such columns."""
    return DatasetError(
        f"{path}: expected the columns `image: {{bytes, path}}` and `label` (one class per row); "
        f"it has {', '.join(schema.names)[:200]}"
    )


def image_bytes(column: Any, kind: ImageColumn) -> Any:
    """Return the encoded images of a chunked column as one array of bytes, or as chunks of it."""
    if not kind.is_struct:
        return column
    import pyarrow.compute as pc

    return pc.struct_field(column, "bytes")


def encoded(scalar: Any) -> bytes:
    """Return the bytes of one row's image. Raises OSError if there are none, or more than an image may have."""
    value = scalar.as_py()
    if value is None:
        raise OSError("its row has no bytes")
    if len(value) > LARGEST_IMAGE:
        raise OSError(f"{len(value):,} bytes are more than the {LARGEST_IMAGE:,} that an image may have")
    try:
        return bytes(value)
    except (TypeError, ValueError):
        raise OSError("a list with gaps in its row, where bytes are needed") from None


@dataclass(frozen=True)
class Rows:
    """The rows of all files so far: names, classes, and the WordNet id next to each class, None if there is none."""

    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    wnids: list[str | None] = field(default_factory=list)


def append_rows(path: Path, table: Any, column: ImageColumn, label: str, rows: Rows, by_name: ByName) -> None:
    """Append what every row states about its image. Raises DatasetError for the first row without a class."""
    names = rows.names
    beside = wnid_column(table.schema, label)
    rows.wnids.extend(map(_text, table[beside].to_pylist()) if beside else [None] * table.num_rows)
    values = _by_stated_names(table.schema, label, by_name, table[label].to_pylist())
    paths: list[Any] = [None] * len(values)
    if column.has_path:
        paths = [(item or {}).get("path") for item in table[column.name].to_pylist()]
    for value, name in zip(values, paths, strict=True):
        place = f"{path.name}:{len(names)}"
        rows.labels.append(_class(value, place, by_name))
        names.append(safe_name(name, place, absolute=True).lstrip("/") if isinstance(name, str) and name else place)


def _by_stated_names(schema: Any, label: str, by_name: ByName, values: list[Any]) -> list[Any]:
    """Return numbers as the names that the file states for them, if all of these names are known classes.

    Hugging Face's `ClassLabel` counts in the order of its own names, which need not be the network's.
    """
    names = _stated_names(schema, label)
    known = by_name or class_of_wnid()
    if not names or not all(name in known for name in names):
        return values
    return [
        names[value] if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names) else value
        for value in values
    ]


def _stated_names(schema: Any, label: str) -> list[str]:
    """Return the names of classes in the metadata that `datasets` writes, none if there are none."""
    text = (schema.metadata or {}).get(b"huggingface", b"")
    if len(text) > _LARGEST_METADATA:
        return []
    try:
        names = json.loads(text)["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _class(value: Any, place: str, by_name: ByName) -> int:
    if isinstance(value, (float, Decimal)) and math.isfinite(value) and value == int(value):
        value = int(value)
    if value is None or (isinstance(value, int) and value < 0):
        raise DatasetError(f"{place}: no label ({value}); this split has no labels, so use the validation set")
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise DatasetError(
            f"{place}: {str(value)[:80]!r} is not a class; a whole number, a name or a WordNet id is needed"
        )
    return value if isinstance(value, int) else class_of(value, by_name, place)


def _once(schema: Any, name: str, path: Path) -> None:
    if schema.names.count(name) > 1:
        raise DatasetError(f"{path}: the column {name} appears twice; write the file again with one of the two")


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return _is_binary(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return bool(types.is_uint8(kind.value_type))
    tests = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    return any(test(kind) for test in tests)
