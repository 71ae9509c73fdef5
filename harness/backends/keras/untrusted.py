"""What a Keras file may contain, checked without Keras before Keras opens it.

Keras refuses Lambda layers in `.keras` files by its `safe_mode`, and in other places not by every version: a class is
looked up by module and name, weights may be in other files, and `.h5` files hold marshalled code. So a model may be
made of known classes of Keras only, and its weights have to be inside the file.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.backends.keras.known_classes import (
    CORE_MODULE,
    CORE_OPERATIONS,
    KNOWN,
    LOOPS,
    OF_KERAS_2,
    OPERATION_MODULES,
    RUNS_CODE,
    VALUES,
)
from harness.backends.tensorflow.checkpoint import LARGEST
from harness.disk.parsing import parsing
from harness.errors import ModelError

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_LARGEST_TEXT = 64 * 2**20  # bytes
_MEND = "export it as a SavedModel (`model.export(FOLDER)`), and use `backend: saved_model`"
_SAVE_AGAIN = "save the model again, or copy it again"


@dataclass(frozen=True)
class Described:
    """A model's configuration, and the version of Keras that wrote it, empty if the file does not say."""

    config: Mapping[str, Any]
    version: str


def require_harmless(path: Path) -> None:
    """Refuse a file that is not a Keras model, or that contains more than layers and weights. Raises ModelError."""
    described(path)


def may_loop(path: Path) -> bool:
    """Return whether a model has a layer that loops; False for a file that cannot be read."""
    try:
        return any(item["class_name"] in LOOPS for item in _classes(described(path).config))
    except (ModelError, ImportError):  # said when the model is loaded
        return False


def described(path: Path) -> Described:
    """Check a file; return what it states about its model. Raises ModelError."""
    found = _of_archive(path) if path.suffix == ".keras" else _of_hdf5(path)
    if not isinstance(found.config.get("config"), dict):
        raise ModelError(f"{path}: its configuration does not describe a model; {_SAVE_AGAIN}")
    for item in _classes(found.config):
        _require_known(item, path)
    return found


def _of_archive(path: Path) -> Described:
    with parsing(path, ModelError, _SAVE_AGAIN, what="not a Keras model, or cut off"), zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if len(entries) < len(archive.infolist()):
            raise ModelError(f"{path}: refused: it contains two files of the same name; {_SAVE_AGAIN}")
        for name in entries:
            if name not in (_CONFIG, _METADATA, _WEIGHTS):
                raise ModelError(f"{path}: refused: it contains '{name}', which no network needs; {_MEND}")
        if absent := [name for name in (_CONFIG, _WEIGHTS) if name not in entries]:
            raise ModelError(f"{path}: not a Keras model, it has no {absent[0]}; {_SAVE_AGAIN}")
        texts = [_text(archive, entries[name], path) for name in (_CONFIG, _METADATA) if name in entries]
        if entries[_WEIGHTS].file_size > LARGEST:
            raise ModelError(f"{path}: {entries[_WEIGHTS].file_size} bytes of weights, more than {LARGEST}")
        with archive.open(_WEIGHTS) as stream:
            _require_own_weights(stream, path)
    version = _json(texts[1], path).get("keras_version", "") if len(texts) > 1 else ""
    return Described(_json(texts[0], path), str(version))


def _text(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> bytes:
    if entry.file_size > _LARGEST_TEXT:
        raise ModelError(f"{path}: its {entry.filename} has {entry.file_size} bytes, at most {_LARGEST_TEXT} are read")
    return archive.read(entry)


def _of_hdf5(path: Path) -> Described:
    import h5py

    with parsing(path, ModelError, _SAVE_AGAIN, what="not an HDF5 file, or cut off"):
        with path.open("rb") as stream:
            _require_own_weights(stream, path)
        with h5py.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise ModelError(
                    f"{path}: contains weights without the network; save the whole model (`model.save(FILE)`), not "
                    "`save_weights`"
                )
            config, version = file.attrs["model_config"], file.attrs.get("keras_version", "")
    return Described(
        _json(config, path), version.decode(errors="replace") if isinstance(version, bytes) else str(version)
    )


def _require_own_weights(stream: Any, path: Path) -> None:
    """Refuse weights that are in other files, and more of them than a graph may have."""
    import h5py

    total, entered = 0, set()
    with h5py.File(stream, "r") as file:
        waiting = [(file, "/")]
        while waiting:
            group, place = waiting.pop()
            for name in group:
                link = group.get(name, getlink=True)
                inside = f"{place}{name}"
                if not isinstance(link, h5py.HardLink):
                    raise ModelError(f"{path}: refused: '{inside}' is a link; {_SAVE_AGAIN}")
                item = group[name]
                if isinstance(item, h5py.Dataset):
                    if item.external or item.is_virtual:
                        raise ModelError(
                            f"{path}: refused: the values of '{inside}' are in another file; {_SAVE_AGAIN}"
                        )
                    total += int(item.nbytes)
                elif isinstance(item, h5py.Group) and (at := h5py.h5o.get_info(item.id).addr) not in entered:
                    entered.add(at)
                    waiting.append((item, f"{inside}/"))
    if total > LARGEST:
        raise ModelError(f"{path}: {total} bytes of weights, more than {LARGEST}")


def _json(text: bytes | str, path: Path) -> dict[str, Any]:
    try:
        plain = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise ModelError(f"{path}: its configuration is not JSON; {_SAVE_AGAIN}") from None
    if not isinstance(plain, dict):
        raise ModelError(f"{path}: its configuration does not describe a model; {_SAVE_AGAIN}")
    return plain


def _classes(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield all that names a class, but for what only training needs."""
    waiting: list[Any] = [{key: value for key, value in config.items() if key != "compile_config"}]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _require_known(item: Mapping[str, Any], path: Path) -> None:
    name, module, registered, own = (item.get(key) for key in ("class_name", "module", "registered_name", "config"))
    if not isinstance(name, str) or not isinstance(module, str | None):
        raise ModelError(f"{path}: refused: a class has no name; {_SAVE_AGAIN}")
    named = own.get("name") if isinstance(own, dict) else None
    what = f"'{named}' ({name})" if isinstance(named, str) else f"'{name}'"
    if name in RUNS_CODE:
        raise ModelError(f"{path}: refused: its layer {what} runs code from the file; {_MEND}")
    if name in OF_KERAS_2:
        raise ModelError(
            f"{path}: its layer {what} is an operation of Keras 2, which Keras 3 does not have; {_MEND}, with Keras 2"
        )
    of_keras = not module or module == "keras" or module.startswith("keras.")
    operation = module in OPERATION_MODULES or (module == CORE_MODULE and name in CORE_OPERATIONS)
    if name in VALUES or ((name in KNOWN or operation) and of_keras and registered in (None, name)):
        return
    place = f" of {module}" if module else ""
    raise ModelError(f"{path}: refused: {what}{place} is not a known class of Keras; {_MEND}")
