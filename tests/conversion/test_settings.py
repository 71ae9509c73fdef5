from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config import Config
from harness.conversion.settings import PreprocessingInside, inside, require_convertible, settings
from harness.errors import ConfigError

Make = Callable[..., Config]
MEAN, SCALE = (120.0, 110.0, 100.0), (60.0, 50.0, 40.0)  # RGB, of the reference
BGR_MEAN, BGR_SCALE = MEAN[::-1], SCALE[::-1]


@pytest.fixture
def asking(configure: Make, tmp_path: Path) -> Make:
    def make(**asked: Any) -> Config:
        def change(data: dict[str, Any]) -> None:
            plain = {key: list(value) if isinstance(value, tuple) else value for key, value in asked.items()}
            data["candidates"][0]["input"].update(plain)

        return configure(tmp_path / "net.pb", change)

    return make


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"color": "BGR"}, PreprocessingInside(True, MEAN, SCALE)),
        ({"color": "RGB"}, PreprocessingInside(False, MEAN, SCALE)),
        ({"color": "RGB", "mean": MEAN, "scale": SCALE}, PreprocessingInside(False, (0, 0, 0), (1, 1, 1))),
        ({"color": "BGR", "mean": BGR_MEAN, "scale": BGR_SCALE}, PreprocessingInside(True, (0, 0, 0), (1, 1, 1))),
        ({"color": "BGR", "mean": BGR_MEAN}, PreprocessingInside(True, (0, 0, 0), SCALE)),
        ({"color": "BGR", "scale": BGR_SCALE}, PreprocessingInside(True, (2.0, 2.2, 2.5), (1, 1, 1))),
    ],
)
def test_what_goes_inside_by_hand_and_by_numbers(
    asking: Make, asked: dict[str, Any], expected: PreprocessingInside
) -> None:
    config = asking(**asked)
    found = inside(config, config.candidates[0])
    assert found == expected
    pixels = np.random.default_rng(0).uniform(0, 255, (5, 3))  # RGB
    fed = pixels if asked["color"] == "RGB" else pixels[:, ::-1]
    fed = (fed - np.asarray(asked.get("mean", 0))) / np.asarray(asked.get("scale", 1))
    computed = ((fed[:, ::-1] if found.reverse else fed) - found.mean) / found.scale
    np.testing.assert_allclose(computed, (pixels - MEAN) / SCALE, rtol=1e-12)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"mean": 127.5}, r"candidates\[0\]\.input\.mean: .* neither the reference's \[120.0, 110.0, 100.0\] nor 0"),
        ({"scale": 255.0}, r"candidates\[0\]\.input\.scale: .* neither the reference's .* nor 1; leave `scale` out"),
        ({"mean": MEAN, "scale": BGR_SCALE}, "input.mean"),  # in the wrong order for BGR
    ],
)
def test_anything_else_is_refused_with_the_place(asking: Make, asked: dict[str, Any], message: str) -> None:
    config = asking(**asked)
    with pytest.raises(ConfigError, match=message):
        inside(config, config.candidates[0])


def test_settings_name_everything_that_decides(asking: Make) -> None:
    config = asking()
    found = settings(config, config.candidates[0], "abc")
    assert found["source_sha256"] == "abc"
    assert found["input_shape"] == "1,16,16,3"
    assert (found["color"], found["channels_reversed"], found["weights"]) == ("BGR", "true", "f32")
    assert (found["mean_inside"], found["scale_inside"]) == ("[120.0, 110.0, 100.0]", "[60.0, 50.0, 40.0]")
    assert (found["source_output"], found["output_name"]) == ("Net/Reshape_1:0", "Net/Probabilities")


def test_two_candidates_may_share_one_ir_only_where_they_agree(configure: Make, tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        first = data["candidates"][0]
        data["candidates"].append({**first, "id": "second", "precision": "bf16"})

    config = configure(tmp_path / "net.pb", change)
    require_convertible(config, config.candidates[0])

    def differing(data: dict[str, Any]) -> None:
        change(data)
        data["candidates"][1]["input"] = {"name": "input", "color": "RGB"}

    config = configure(tmp_path / "net.pb", differing)
    with pytest.raises(ConfigError, match=r"second and ir share .*ir\.xml, .*\(color, channels_reversed\)"):
        require_convertible(config, config.candidates[1])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", "ir.xlm", r"must end in \.xml"),
        ("model", "ir.onnx", "is used by openvino as it is; set `model` to an .xml"),
        ("backend", "tensorflow", "is used by tensorflow as it is"),
    ],
)
def test_what_is_no_ir_is_not_converted(configure: Make, tmp_path: Path, key: str, value: str, message: str) -> None:
    config = configure(tmp_path / "net.pb", lambda data: data["candidates"][0].update({key: value}))
    with pytest.raises(ConfigError, match=message):
        require_convertible(config, config.candidates[0])
