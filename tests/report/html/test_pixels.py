from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.config import Preprocess
from harness.feeding.pipeline import prepare
from harness.report.html.pixels import pictures
from tests.report import records, synthetic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _, table = synthetic.run(4)
    synthetic.write_images(tmp_path / "val", table)
    return tmp_path / "val"


def _decoded(uri: str | None) -> np.ndarray:
    assert uri is not None
    data = np.frombuffer(base64.b64decode(uri.removeprefix("data:image/webp;base64,")), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


def test_exact_pixels_are_those_of_the_models(folder: Path) -> None:
    run, table = synthetic.run(4)
    (name, *_) = table.column("image_id").to_pylist()
    found, missing = pictures(synthetic.with_images(run, folder), [name, name])
    assert missing is None
    expected = prepare((folder / name).read_bytes(), Preprocess(size=64))
    np.testing.assert_array_equal(_decoded(found[name].exact()), expected)
    assert _decoded(found[name].thumbnail).shape == expected.shape


@pytest.mark.parametrize(("mean", "scale"), [(0, 1), (127.5, 127.5)])
def test_floating_pixels_are_shown_as_an_image(folder: Path, mean: float, scale: float) -> None:
    run, table = synthetic.run(4)
    (name, *_) = table.column("image_id").to_pylist()
    steps = [{"normalize": {"mean": mean, "scale": scale}}, {"resize": {"size": [320, 80]}}]
    run = synthetic.with_images(run, folder)
    run.config["dataset"]["preprocess"] = {"decoder": "opencv", "steps": steps}
    found, _ = pictures(run, [name])
    shown = _decoded(found[name].exact())
    assert shown.shape == (320, 80, 3)
    assert shown.std() > 10
    assert _decoded(found[name].thumbnail).shape == (160, 40, 3)
    if mean == 0:
        image = cv2.imread(str(folder / name))
        assert image is not None
        assert np.abs(shown - cv2.resize(image.astype(np.float64), (80, 320))).max() <= 0.5 + 1e-6


def test_one_image_gone_leaves_the_others(folder: Path) -> None:
    run, table = synthetic.run(4)
    first, second, *_ = table.column("image_id").to_pylist()
    (folder / first).unlink()
    (folder / second).write_bytes(b"no image")
    found, missing = pictures(synthetic.with_images(run, folder), table.column("image_id").to_pylist())
    assert len(found) == 2
    assert missing is not None
    assert "not an image" in missing


def test_a_folder_that_is_gone_is_a_reason(tmp_path: Path) -> None:
    run, _ = synthetic.run(1)
    found, missing = pictures(synthetic.with_images(run, tmp_path / "gone"), ["a.jpg"])
    assert found == {}
    assert missing


@pytest.mark.parametrize("config", [{}, {"dataset": None}, {"dataset": {"path": ""}}, {"dataset": [1]}])
def test_a_record_without_a_usable_data_set(config: dict[str, object]) -> None:
    found, missing = pictures(records.record(config=config), ["a.jpg"])
    assert found == {}
    assert missing == "the record does not say how its data set is opened"


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a\0b"])
def test_nothing_outside_the_folder_is_read(name: str, folder: Path) -> None:
    run, table = synthetic.run(4)
    gone, kept, *_ = table.column("image_id").to_pylist()
    (folder / gone).rename(folder.parent / "secret.png")  # the list is broken now, so files are looked up by name
    found, _ = pictures(synthetic.with_images(run, folder), [name, kept])
    assert set(found) == {kept}


def test_a_capsule_shows_the_pixels_that_travelled(folder: Path, tmp_path: Path) -> None:
    from harness.capsule.contents import KIND
    from harness.disk.parts import writing_parts
    from tests.capsule.test_opened import parts

    run, table = synthetic.run(4)
    names = table.column("image_id").to_pylist()[:2]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    whole = parts()
    whole["image_ids"], whole["pixels/0/0"] = names, pixels
    whole["capsule"]["prepared"][0]["preprocess"] = {"size": 64}
    whole["capsule"]["images"]["bad"], whole["digests"] = [], np.ones((2, 32), np.uint8)
    with writing_parts(tmp_path / "a.capsule", KIND) as writer:
        for part, value in whole.items():
            (writer.add_array if isinstance(value, np.ndarray) else writer.add_json)(part, value)
    run = synthetic.with_images(run, folder)
    run.config["dataset"] |= {"path": str(tmp_path / "a.capsule"), "form": "auto", "images": None}
    run.config["dataset"]["labels"] = {"source": "auto", "trust": True}
    found, missing = pictures(run, [*names, "other"])
    for row, name in enumerate(names):
        np.testing.assert_array_equal(_decoded(found[name].exact()), pixels[row])
    assert missing is not None
    assert "no longer lists it" in missing
