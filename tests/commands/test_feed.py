"""`harness feed` without a model file and without a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from harness.cli import main

STEPS = {"decoder": "pillow", "steps": [{"resize": {"size": [20, 24], "interpolation": "bicubic"}}]}
CONFIG: dict[str, Any] = {
    "version": 1,
    "name": "feed",
    "dataset": {"path": "${NO_SUCH_VARIABLE}", "preprocess": {"size": 16}},
    "reference": {
        "id": "tf",
        "model": "absent.pb",
        "input": {"color": "RGB", "mean": [10, 20, 30], "scale": 2},
        "output": "o",
    },
    "candidates": [
        {"id": "ir", "model": "absent.xml", "input": {"color": "BGR"}, "output": "o"},
        {"id": "file", "model": "absent.xml", "input": {"color": "RGB"}, "output": "o", "preprocess": STEPS},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text(yaml.safe_dump(CONFIG))
    for seed, name in enumerate(("one.png", "two.png")):
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 48, 3), np.uint8)).save(tmp_path / name)
    return tmp_path


def feed(folder: Path, *arguments: str, images: tuple[str, ...] = ("one.png", "two.png")) -> int:
    paths = [str(folder / name) for name in images]
    return main(["feed", str(folder / "config.yml"), *paths, "--out", str(folder / "fed.npz"), *arguments])


def test_one_array_a_model_as_it_takes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert feed(folder) == 0
    assert capsys.readouterr().out.splitlines() == [
        "tf: 2x16x16x3 float32",
        "ir: 2x16x16x3 uint8",
        "file: 2x20x24x3 uint8",
        f"written to {folder / 'fed.npz'}",
    ]
    with np.load(folder / "fed.npz") as found:
        assert set(found.files) == {"tf", "ir", "file"}
        for row, name in enumerate(("one.png", "two.png")):
            image = cv2.imread(str(folder / name))
            assert image is not None
            small = cv2.resize(image[2 : 2 + 35, 3 : 3 + 42], (16, 16))  # int(40 * .875) = 35, int(48 * .875) = 42
            np.testing.assert_array_equal(found["ir"][row], small)
            expected = ((small[:, :, ::-1].astype(np.float64) - [10, 20, 30]) / 2).astype(np.float32)
            np.testing.assert_array_equal(found["tf"][row], expected)
            by_pillow = Image.open(folder / name).resize((24, 20), Image.Resampling.BICUBIC)
            np.testing.assert_array_equal(found["file"][row], np.asarray(by_pillow))


def test_one_model_alone(folder: Path) -> None:
    assert feed(folder, "--model", "ir", images=("two.png",)) == 0
    with np.load(folder / "fed.npz") as found:
        assert found.files == ["ir"]
        assert found["ir"].shape == (1, 16, 16, 3)


def test_an_unknown_model_is_refused_with_the_nearest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert feed(folder, "--model", "irr") == 2
    assert "--model irr: no such model in" in capsys.readouterr().err
    assert feed(folder, "--model", "irr") == 2
    assert "did you mean ir?" in capsys.readouterr().err
    assert feed(folder, "--model", "zzzzzz") == 2
    assert "available: tf, ir, file" in capsys.readouterr().err
    assert not (folder / "fed.npz").exists()


def test_images_that_cannot_be_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "cut.png").write_bytes((folder / "one.png").read_bytes()[:-200])
    assert feed(folder, images=("one.png", "cut.png")) == 3
    assert "cut.png: cut off" in capsys.readouterr().err
    assert feed(folder, images=("absent.png",)) == 3
    assert "absent.png: cannot be read: No such file" in capsys.readouterr().err
    assert not (folder / "fed.npz").exists()


def test_overrides(folder: Path) -> None:
    assert feed(folder, "--set", "dataset.preprocess={preset: torchvision, size: 32}", "--model", "tf") == 0
    with np.load(folder / "fed.npz") as found:
        assert found["tf"].shape == (2, 32, 32, 3)
