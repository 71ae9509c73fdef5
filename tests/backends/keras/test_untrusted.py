"""Damaged files of Keras, read before Keras is imported: read, or refused with a message, and nothing else."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from harness.backends.keras.untrusted import described, may_loop
from harness.errors import ModelError
from tests.campaign.structured import mutate_hdf5, mutate_zip

CONFIG = {
    "class_name": "Functional",
    "module": "keras",
    "registered_name": None,
    "config": {"name": "net", "layers": []},
}


@pytest.fixture(scope="module")
def h5py() -> Any:
    return pytest.importorskip("h5py", reason="h5py is not installed; it comes with the extra [keras]")


def weights(h5py: Any) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["model_config"] = json.dumps(CONFIG)
        file.attrs["keras_version"] = "3.0"
        for layer in ("first", "second"):
            file.create_group(f"layers/{layer}/vars").create_dataset("0", data=[[1.0, 2.0], [3.0, 4.0]])
    return stream.getvalue()


def archive(h5py: Any) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("config.json", json.dumps(CONFIG))
        file.writestr("metadata.json", '{"keras_version": "3.0"}')
        file.writestr("model.weights.h5", weights(h5py))
    return stream.getvalue()


@pytest.mark.parametrize(("suffix", "make", "mutate"), [(".h5", weights, mutate_hdf5), (".keras", archive, mutate_zip)])
def test_damage_is_refused_with_the_files_name(h5py: Any, tmp_path: Path, suffix: str, make: Any, mutate: Any) -> None:
    path, sound = tmp_path / f"net{suffix}", make(h5py)
    path.write_bytes(sound)
    assert described(path).version == "3.0"
    messages = []
    for seed in range(400):
        path.write_bytes(mutate(sound, random.Random(seed)))
        may_loop(path)
        try:
            described(path)
        except ModelError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(message.startswith(f"{path}: ") for message in messages)


@pytest.mark.parametrize("value", [7, 2.5, [1, 2], b"\xff\xfe"])
def test_a_configuration_that_is_no_text_is_refused(h5py: Any, tmp_path: Path, value: Any) -> None:
    path = tmp_path / "net.h5"
    path.write_bytes(weights(h5py))
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = value
    with pytest.raises(ModelError, match=r"its configuration (is not JSON|does not describe a model)"):
        described(path)


def test_a_version_that_is_no_text_changes_nothing(h5py: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    path.write_bytes(weights(h5py))
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = b"\xff"
    assert described(path).config == CONFIG


def test_a_damaged_stream_in_an_archive(h5py: Any, tmp_path: Path) -> None:
    """A deflated member whose first block is of a type that is none: zlib raises, and zipfile passes that on."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in (("config.json", b"{}"), ("model.weights.h5", weights(h5py))):
            file.writestr(name, content)
    data = bytearray(stream.getvalue())
    data[30 + len("config.json")] = 0x07
    path = tmp_path / "net.keras"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"net\.keras: not a Keras model, or cut off: .*; save the model again"):
        described(path)
