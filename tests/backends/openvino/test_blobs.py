"""A compiled model is believed only where it is the one that this harness let OpenVINO write."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import ModelSpec
from harness.backends.openvino.blobs import LIST, checked
from harness.backends.openvino.runner import OpenVINOBackend
from harness.config import Input
from tests.conftest import CLASSES, SIZE, IrMaker, Network, Tiny

KEPT = ".blob"


def spec(model: Path, folder: Path) -> ModelSpec:
    plain = ModelSpec("ir", str(model), Input(name="input", color="BGR"), "Net/Probabilities", SIZE, CLASSES + 1)
    return dataclasses.replace(plain, cache_dir=str(folder))


def answers(wanted: ModelSpec, pixels: Any) -> Any:
    with OpenVINOBackend(wanted) as backend:
        return backend.infer(pixels)


def blobs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == KEPT)


def test_a_sound_blob_is_kept_and_used(tiny: Tiny, network: Network, pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    folder = tmp_path / "compiled" / "key"
    first = answers(spec(tiny.ir, folder), pixels)
    (blob,) = blobs(folder)
    written = blob.stat().st_mtime_ns
    np.testing.assert_array_equal(answers(spec(tiny.ir, folder), pixels), first)
    assert blob.stat().st_mtime_ns == written
    assert list(json.loads((folder / LIST).read_text())) == [blob.name]


@pytest.mark.parametrize("listed", [True, False])
def test_the_blob_of_another_model_gives_no_wrong_answer(
    tiny: Tiny, make_ir: IrMaker, network: Network, pixels: NDArray[np.uint8], tmp_path: Path, listed: bool
) -> None:
    """A foreign blob under the right name is what poisoned a cache: the answers were those of the other model."""
    other = make_ir(tmp_path / "other.xml", scale_weights=-1.0)
    good, bad = tmp_path / "compiled" / "good", tmp_path / "compiled" / "bad"
    answers(spec(tiny.ir, good), pixels)
    answers(spec(other, bad), pixels)
    (mine,), (theirs,) = blobs(good), blobs(bad)
    mine.write_bytes(theirs.read_bytes())
    if not listed:
        (good / LIST).unlink()
    np.testing.assert_allclose(answers(spec(tiny.ir, good), pixels), network.of_pixels(pixels), atol=1e-5)


def test_a_flipped_byte_is_compiled_anew(
    tiny: Tiny, network: Network, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    folder = tmp_path / "compiled" / "key"
    answers(spec(tiny.ir, folder), pixels)
    (blob,) = blobs(folder)
    data = blob.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(data), 5):
        changed = bytearray(data)
        changed[place] ^= 0x40
        blob.write_bytes(changed)
        np.testing.assert_allclose(answers(spec(tiny.ir, folder), pixels), network.of_pixels(pixels), atol=1e-5)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}', "[" * 10_000])
def test_a_broken_list_believes_nothing(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "compiled" / "key"
    with checked(folder) as usable:
        assert usable == str(folder)
        (folder / "a.blob").write_bytes(b"1")
    (folder / LIST).write_text(text)
    with checked(folder) as usable:
        assert usable == str(folder)
        assert not blobs(folder)


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "compiled" / "key"
    with checked(folder):
        pass
    for place in (folder, folder.parent):
        place.chmod(0o777)
        with checked(folder) as usable:
            assert usable is None
        place.chmod(0o700)


def test_no_folder_is_no_cache() -> None:
    with checked(None) as usable:
        assert usable is None


def test_what_openvino_writes_is_for_this_user_alone_whatever_the_umask(
    tiny: Tiny, pixels: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.disk.atomic._UMASK", 0o002)
    folder = tmp_path / "compiled" / "key"
    before = os.umask(0o002)
    try:
        answers(spec(tiny.ir, folder), pixels)
        (blob,) = blobs(folder)
        written = blob.stat().st_mtime_ns
        answers(spec(tiny.ir, folder), pixels)
    finally:
        os.umask(before)
    assert blob.stat().st_mtime_ns == written
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_without_locks_it_is_compiled_without_the_cache_and_said_once(
    tiny: Tiny,
    network: Network,
    pixels: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with OpenVINOBackend(spec(tiny.ir, tmp_path / "compiled" / "key")) as backend:
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=1e-5)
        (warning,) = [text for text in backend.loaded.warnings if "cache" in text]
    assert warning.startswith("ir: the cache of compiled models is not used")
    assert not blobs(tmp_path / "compiled" / "key")
