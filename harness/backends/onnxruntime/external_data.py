"""The files of an ONNX model: the .onnx and the weights that it keeps in files next to it, read without a framework.

The fields are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.backends.wire import DEEPEST, fields
from harness.disk.leftovers import temporary_folder
from harness.errors import ModelError

# The messages that can hold tensors: field number -> kind of the message below it.
_MODEL, _GRAPH, _NODE, _ATTRIBUTE, _FUNCTION, _SPARSE, _TENSOR, _TRAINING = range(8)
_BELOW: dict[int, dict[int, int]] = {
    _MODEL: {7: _GRAPH, 20: _TRAINING, 25: _FUNCTION},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
}
_EXTERNAL_DATA, _KEY, _VALUE = 13, 1, 2


def files_of(model: Path) -> tuple[Path, ...]:
    """Return the .onnx file and the files of its external data inside its folder, sorted by name.

    Missing files are returned, too; a model that cannot be read gives itself alone.
    """
    try:
        names = locations(model.read_bytes())
    except (OSError, ValueError):
        return (model,)
    return (model, *(model.parent / name for name in names if is_inside(model, name)))


def require_inside(model: Path) -> None:
    """Check where the external data is.

    Raises ModelError for a model that is cut off or cannot be read, and for external data that is missing or outside
    the model's folder.
    """
    try:
        names = locations(model.read_bytes())
    except OSError as error:
        raise ModelError(f"{model}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise ModelError(f"{model}: not an ONNX model, or cut off; fetch or export it again") from None
    for name in names:
        if not is_inside(model, name):
            raise ModelError(
                f"{model}: refused: its external data '{name}' is outside the model's folder; "
                "export the model again with its data next to it"
            )
        if not (model.parent / name).is_file():
            raise ModelError(f"{model}: its external data '{name}' is missing; copy it to {model.parent}")


@contextlib.contextmanager
def private_copy(model: Path) -> Iterator[Path]:
    """Yield a private copy of a model and its external data; the file itself if it has none.

    Raises ModelError if there is no space for the copy.
    """
    files = files_of(model)
    if len(files) == 1:
        yield model
        return
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder("onnx"))
            for path in files:
                copy = folder / path.relative_to(model.parent)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        except OSError as error:
            raise ModelError(
                f"{model}: its external data cannot be copied to {tempfile.gettempdir()}: {error.strerror or error}; "
                "set TMPDIR to a folder with enough space"
            ) from None
        yield folder / model.name


def is_inside(model: Path, name: str) -> bool:
    """Return whether external data of this name is in the model's folder, links followed."""
    relative = Path(name)
    if not name or "\0" in name or relative.is_absolute() or ".." in relative.parts:
        return False
    try:
        found = (model.parent / relative).resolve()
        # A cache of downloads may link both files to one other folder.
        return any(found.is_relative_to(folder.resolve()) for folder in (model.parent, model.resolve().parent))
    except (OSError, RuntimeError):
        return False


def locations(model: bytes) -> list[str]:
    """Return the names of all external data of a model, sorted. Raises ValueError if it is not an ONNX model."""
    return sorted(set(_locations(memoryview(model), _MODEL, 0)))


def _locations(message: memoryview, kind: int, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    for number, value in fields(message):
        if not isinstance(value, memoryview):
            continue
        if kind == _TENSOR:
            if number == _EXTERNAL_DATA:
                yield from _location(value)
        elif number in _BELOW[kind]:
            yield from _locations(value, _BELOW[kind][number], depth + 1)


def _location(entry: memoryview) -> Iterator[str]:
    texts = {number: bytes(value) for number, value in fields(entry) if isinstance(value, memoryview)}
    if texts.get(_KEY) == b"location":
        yield texts.get(_VALUE, b"").decode()  # UnicodeDecodeError is a ValueError
