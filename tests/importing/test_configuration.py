"""Imported configurations: comments, paths, and what they feed against what Accuracy Checker itself feeds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

from harness.importing.accuracy_checker import Check, read_accuracy_check
from harness.importing.configuration import write_configuration
from tests.conftest import run_harness

Pixels = NDArray[Any]
_FILTERS = {
    "nearest": (cv2.INTER_NEAREST, Image.Resampling.NEAREST),
    "bilinear": (cv2.INTER_LINEAR, Image.Resampling.BILINEAR),
    "bicubic": (cv2.INTER_CUBIC, Image.Resampling.BICUBIC),
}


def test_every_line_of_a_value_names_its_source(check: Callable[..., Check]) -> None:
    lines = write_configuration(check()).splitlines()
    values = [line for line in lines if ": " in line and not line.lstrip().startswith("#")]
    assert len(values) > 15
    assert [line for line in values if "  # " not in line] == ["version: 1"]


def test_paths_are_relative_to_the_file(check: Callable[..., Check], tmp_path: Path) -> None:
    (tmp_path / "models" / "public" / "net" / "FP16").mkdir(parents=True)
    (tmp_path / "models" / "public" / "net" / "FP16" / "net.xml").touch()
    models, out = tmp_path / "models", tmp_path / "configs" / "net.yml"
    given = yaml.safe_load(write_configuration(check(), tmp_path / "images", models, out))
    assert given["dataset"]["path"] == str(tmp_path / "images")
    assert given["candidates"][0]["model"] == f"{models}/public/net/FP16/net.xml"
    relative = yaml.safe_load(write_configuration(check(), Path("images"), Path("build"), Path("configs/net.yml")))
    assert relative["dataset"]["path"] == "../images"
    assert relative["candidates"][0]["model"] == "../build/net.xml"
    none = yaml.safe_load(write_configuration(check()))
    assert (none["dataset"]["path"], none["candidates"][0]["model"]) == ("${IMAGENET_VAL}", "build/net.xml")


def test_text_of_the_file_opens_no_variable(check: Callable[..., Check], minimal: str) -> None:
    text = write_configuration(check(minimal.replace("classification", "classification\n        model: ${HOME}/a.xml")))
    assert yaml.safe_load(text)["candidates"][0]["model"] == "build/$${HOME}/a.xml"


def _cropped(pixels: Pixels, step: dict[str, Any]) -> Pixels:
    height, width = pixels.shape[:2]
    if "fraction" in step:
        new_height, new_width = int(height * step["fraction"]), int(width * step["fraction"])
    else:
        new_height = new_width = step["size"]
    if step["library"] == "pillow":
        top, left = round((height - new_height) / 2), round((width - new_width) / 2)
    else:
        top, left = (height - new_height) // 2, (width - new_width) // 2
    return pixels[top : top + new_height, left : left + new_width]


def _resized(pixels: Pixels, step: dict[str, Any]) -> Pixels:
    height, width = pixels.shape[:2]
    side = step.get("short_side")
    if side is None:
        new_height = new_width = step["size"]
    else:
        new_height, new_width = (
            (int(side * height / width), side) if height > width else (side, int(side * width / height))
        )
    opencv, pillow = _FILTERS[step["interpolation"]]
    if step["library"] == "pillow":
        return np.array(Image.fromarray(pixels).resize((new_width, new_height), pillow))
    return np.asarray(cv2.resize(pixels, (new_width, new_height), interpolation=opencv))


def _fed(preprocess: dict[str, Any], contract: dict[str, Any], file: Path) -> Pixels:
    """Return what a configuration's steps give by plain OpenCV, Pillow and numpy; none of the harness's own code."""
    pixels: Pixels
    if preprocess["decoder"] == "pillow":
        pixels = np.array(Image.open(file).convert("RGB"))
    else:
        pixels = np.asarray(cv2.imread(str(file)))[..., ::-1].copy()
    for step in preprocess["steps"]:
        if "resize" in step:
            pixels = _resized(pixels, step["resize"])
        elif "crop" in step:
            pixels = np.ascontiguousarray(_cropped(pixels, step["crop"]))
        else:
            assert step == {"normalize": {"mean": 0, "scale": 1}}
            pixels = pixels.astype(np.float32)
    if contract["color"] == "BGR":
        pixels = pixels[..., ::-1]
    mean, scale = (np.float32(contract.get(key, neutral)) for key, neutral in (("mean", 0), ("scale", 1)))
    return (pixels.astype(np.float32) - mean) / scale


def _public(shared: Path) -> Path:
    return shared / "accuracy-check"


def _require_same(fed: Pixels, wanted: dict[str, Any]) -> None:
    assert list(fed.shape) == wanted["shape"]
    middle = fed[fed.shape[0] // 2].ravel()[:12].astype(np.float64)
    assert fed.astype(np.float64).sum() == pytest.approx(wanted["sum"], rel=1e-5)
    np.testing.assert_allclose(middle, wanted["middle"], rtol=1e-5, atol=0)


def _models(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    rows = [*([config["reference"]] if config["reference"] else []), *config["candidates"]]
    return {row["id"]: row for row in rows}


@pytest.mark.shared
def test_each_public_entry_is_fed_what_accuracy_checker_feeds(shared: Path) -> None:
    expected = json.loads((_public(shared) / "expected.json").read_text())
    assert len(expected) == 28
    compared = 0
    for name, rows in expected.items():
        config = yaml.safe_load(write_configuration(read_accuracy_check(_public(shared) / name / "accuracy-check.yml")))
        models = _models(config)
        assert sorted(models) == sorted(row["framework"] for row in rows)
        for row in rows:
            model = models[row["framework"]]
            for image, wanted in row["images"].items():
                preprocess = model.get("preprocess", config["dataset"]["preprocess"])
                _require_same(_fed(preprocess, model["input"], shared / "imagenet" / image), wanted)
                compared += 1
    assert compared == 4 * sum(len(rows) for rows in expected.values())


@pytest.mark.shared
@pytest.mark.slow
def test_harness_feed_gives_the_same(shared: Path, tmp_path: Path) -> None:
    expected = json.loads((_public(shared) / "expected.json").read_text())
    for name, rows in expected.items():
        config, out = tmp_path / f"{name}.yml", tmp_path / f"{name}.npz"
        config.write_text(write_configuration(read_accuracy_check(_public(shared) / name / "accuracy-check.yml")))
        images = list(rows[0]["images"])
        result = run_harness(
            "feed", config, *(shared / "imagenet" / image for image in images), "--out", out, cwd=tmp_path
        )
        assert result.returncode == 0, (name, result.stderr)
        fed = np.load(out)
        for row in rows:
            for at, image in enumerate(images):
                _require_same(fed[row["framework"]][at], row["images"][image])


@pytest.mark.shared
def test_published_accuracy_and_contracts_of_a_public_file(shared: Path) -> None:
    """The numbers of the model zoo's own page of resnet-18-pytorch: mean and scale of ImageNet, 69.754 and 89.088 %."""
    config = yaml.safe_load(
        write_configuration(read_accuracy_check(_public(shared) / "resnet-18-pytorch" / "accuracy-check.yml"))
    )
    assert config["published"] == {"top1_percent": 69.754, "top5_percent": 89.088, "images": 50000}
    assert config["reference"]["input"] == {
        "name": "data",
        "color": "RGB",
        "mean": [123.675, 116.28, 103.53],
        "scale": [58.395, 57.12, 57.375],
    }
    assert config["candidates"][0]["input"] == {"name": "data", "color": "BGR"}
