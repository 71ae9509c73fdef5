from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from harness.config import Input
from harness.config.preprocess import Preprocess
from harness.feeding.feed import as_fed
from harness.feeding.pipeline import Prepared, steps_of_each
from tests.dataset.test_image import encode
from tests.feeding.accuracy_checker import protocol

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CHECKS = SHARED / "accuracy-check"
IMAGE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)  # BGR
WHOLE = Preprocess.model_validate({"steps": [{"crop": {"size": [4, 6]}}]})


def feed(data: bytes, preprocess: Preprocess, contract: Input) -> Prepared:
    (pixels,) = steps_of_each(data, [preprocess])
    return as_fed(pixels, contract)


def test_the_models_order_mean_and_scale() -> None:
    data = encode(IMAGE[:, :, ::-1], "PNG")  # which takes RGB
    bgr = feed(data, WHOLE, Input(color="BGR"))
    assert bgr.dtype == np.uint8
    assert (bgr.shape, bgr.flags.c_contiguous) == ((4, 6, 3), True)
    np.testing.assert_array_equal(bgr, IMAGE)
    rgb = feed(data, WHOLE, Input(color="RGB", mean=(2.0, 1.0, 0.0), scale=(1.0, 2.0, 4.0)))
    # The first pixel is blue 0, green 1, red 2; the last is blue 69, green 70, red 71.
    assert rgb.dtype == np.float32
    np.testing.assert_array_equal(rgb[0, 0], [0, 0, 0])
    np.testing.assert_array_equal(rgb[3, 5], [69, 34.5, 17.25])


def test_values_are_rounded_once() -> None:
    data = encode(np.full((4, 6, 3), 124, np.uint8), "PNG")
    found = feed(data, WHOLE, Input(color="RGB", mean=123.675, scale=58.395))
    assert found[0, 0, 0] == np.float32(0.325 / 58.395)


def _entries() -> list[tuple[str, int]]:
    if not CHECKS.is_dir():
        return []
    return [(name, place) for name, entries in _expected().items() for place in range(len(entries))]


def _expected() -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = json.loads((CHECKS / "expected.json").read_text())
    return found


@pytest.mark.shared
@pytest.mark.parametrize(("model", "place"), _entries())
def test_what_accuracy_checker_feeds(model: str, place: int) -> None:
    written = yaml.safe_load((CHECKS / model / "accuracy-check.yml").read_text())
    entry = _expected()[model][place]
    datasets = [dataset for item in written["models"] for _ in item["launchers"] for dataset in item["datasets"]]
    preprocess, contract = protocol(datasets[place])
    images = entry["images"]
    assert isinstance(images, dict)
    for name, expected in images.items():
        data = (SHARED / "imagenet" / name).read_bytes()
        found = feed(data, preprocess, contract)
        assert list(found.shape) == expected["shape"], name
        middle = found[found.shape[0] // 2].ravel()[:12]
        if expected["dtype"] == "uint8":
            np.testing.assert_array_equal(middle, expected["middle"], name)
            assert found.sum(dtype=np.float64) == expected["sum"], name
            assert found.dtype == np.uint8
        else:
            np.testing.assert_allclose(middle, expected["middle"], rtol=1e-5, atol=0, err_msg=name)
            # The sum of positive and negative values nearly cancels: its error is that of all values' magnitudes.
            error = 1e-6 * np.abs(found).sum(dtype=np.float64)
            assert found.sum(dtype=np.float64) == pytest.approx(expected["sum"], rel=1e-5, abs=error), name
