from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from harness.config.preprocess import Preprocess
from harness.config.presets import presets
from harness.config.steps import CropStep, NormalizeStep, ResizeStep

LONG = {"decoder": "opencv", "steps": [{"resize": {"short_side": 256}}, {"crop": {"size": 224}}]}


def load(written: Any) -> Preprocess:
    return Preprocess.model_validate(written)


def test_the_default_is_the_published_protocol() -> None:
    preprocess = Preprocess()
    assert preprocess.resolved_steps == (
        CropStep(None, 0.875, "floor"),
        ResizeStep("size", 224, 224, "bilinear", "opencv", "floor", "centers"),
    )
    assert (preprocess.output_size, preprocess.decoding, preprocess.is_float) == ((224, 224), ("opencv", False), False)
    assert preprocess.model_dump(mode="json") == {
        "crop_fraction": 0.875,
        "size": 224,
        "interpolation": "bilinear",
        "exif": "ignore",
    }


def test_the_long_form() -> None:
    preprocess = load(
        {
            "decoder": "pillow",
            "exif": "apply",
            "steps": [
                {"resize": {"long_side": 300, "interpolation": "lanczos", "library": "opencv", "rounding": "tf_slim"}},
                {"crop": {"fraction": 0.5}},
                {"normalize": {"mean": [1, 2, 3], "scale": 2, "color": "BGR"}},
                {"resize": {"size": [32, 64], "interpolation": "area"}},
            ],
        }
    )
    assert preprocess.resolved_steps == (
        ResizeStep("long_side", 300, 300, "lanczos", "opencv", "tf_slim", "centers"),
        CropStep(None, 0.5, "half_even"),
        NormalizeStep((3.0, 2.0, 1.0), (2.0, 2.0, 2.0)),
        ResizeStep("size", 32, 64, "area", "pillow", "floor", "centers"),
    )
    assert preprocess.output_size == (32, 64)
    assert preprocess.decoding == ("pillow", True)
    assert preprocess.is_float
    assert not preprocess.is_short
    dumped = preprocess.model_dump(mode="json")
    assert list(dumped) == ["decoder", "exif", "steps"]
    assert load(dumped) == load(load(dumped).model_dump(mode="json"))
    assert load(dumped).pixels_key == preprocess.pixels_key


@pytest.mark.parametrize("decoder", ["opencv", "pillow"])
def test_what_a_step_leaves_open_is_the_decoders(decoder: Any) -> None:
    first, second = load({**LONG, "decoder": decoder}).resolved_steps
    assert isinstance(first, ResizeStep)
    assert isinstance(second, CropStep)
    assert first.library == decoder
    assert second.rounding == {"opencv": "floor", "pillow": "half_even"}[decoder]


def test_the_library_of_a_crop_is_its_rounding() -> None:
    for library, rounding in {"opencv": "floor", "pillow": "half_even"}.items():
        (step,) = load({"steps": [{"crop": {"size": 8, "library": library}}]}).resolved_steps
        assert step == CropStep((8, 8), None, rounding)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["inception", "torchvision", "caffe", "tf-slim", "keras-applications"])
def test_presets(name: str) -> None:
    preset = presets()[name]
    assert len(preset["source"]) > 80
    preprocess = load({"preset": name})
    assert preprocess.pixels_key == load(preset["preprocess"]).pixels_key
    assert preprocess.output_size == (224, 224)
    smaller = load({"preset": name, "size": [96, 128], "exif": "apply"})
    assert smaller.output_size == (96, 128)
    assert smaller.model_dump(mode="json") == {"preset": name, "exif": "apply", "size": [96, 128]}
    assert load({"preset": name}).pixels_key == preprocess.pixels_key  # the other size changed nothing for others


def test_all_presets_are_tested() -> None:
    assert set(presets()) == {"inception", "torchvision", "caffe", "tf-slim", "keras-applications"}


def test_equal_pixels_have_equal_keys() -> None:
    assert Preprocess(preset="inception").pixels_key == Preprocess().pixels_key
    assert Preprocess(size=96).pixels_key != Preprocess().pixels_key
    assert Preprocess(exif="apply").pixels_key != Preprocess().pixels_key
    changed = Preprocess().model_copy(update={"interpolation": "area"})
    assert changed.pixels_key == Preprocess(interpolation="area").pixels_key


def test_a_crop_beyond_a_resize_is_obeyed_where_its_rounding_says_what_is_done_there() -> None:
    resize = {"resize": {"size": 200}}
    assert load({"steps": [resize, {"crop": {"size": 224, "rounding": "half_even"}}]}).output_size == (224, 224)
    with pytest.raises(ValidationError, match="or set the `rounding` that says what is done beyond the image"):
        load({"steps": [resize, {"crop": {"size": 224}}]})


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"preset": "torchvison"}, "'torchvison' is not a preset; did you mean 'torchvision'?"),
        ({"preset": "zzz"}, "'zzz' is not a preset; valid: inception, torchvision,"),
        ({"preset": "caffe", **LONG}, "has both `preset` and `steps`"),
        (
            {"preset": "caffe", "interpolation": "area"},
            "both `preset` and `interpolation`, which the preset defines",
        ),
        ({"preset": "caffe", "size": 300}, "crops 300x300 pixels of images that may have only 256x256"),
        ({**LONG, "size": 224}, "has both `steps` and `size`; write `size` as a step"),
        ({"decoder": "pillow"}, "has a `decoder` without `steps`"),
        ({"steps": []}, "is empty; list at least one step"),
        (
            {"steps": [{"resize": {"size": 8}, "crop": {"size": 8}}]},
            "has the keys resize, crop; write one key per step",
        ),
        ({"steps": [{"rezise": {"size": 8}}]}, "has the unknown step `rezise`; did you mean `resize`?"),
        ({"steps": [{"zzz": {}}]}, "has the unknown step `zzz`; valid: resize, crop, normalize"),
        ({"steps": [{"crop": None}]}, "`crop` is empty; write its settings, such as `- crop: {size: 224}`"),
        ({"steps": ["crop"]}, "is not a step; write one key per step"),
        ({"steps": [{}]}, "is not a step; write one key per step"),
        ({"steps": [{"resize": {}}]}, "has none; a resize needs exactly one of `size`, `short_side`, `long_side`"),
        ({"steps": [{"resize": {"size": 8, "short_side": 8}}]}, "has `size` and `short_side`; a resize needs"),
        ({"steps": [{"crop": {"library": "pillow"}}]}, "has none; a crop needs exactly one of `size`, `fraction`"),
        ({"steps": [{"resize": {"size": 0}}]}, "write one whole number from 1 to 4096, or two of them"),
        ({"steps": [{"resize": {"size": [8, 8, 8]}}]}, "or two of them: [height, width]"),
        ({"size": [8]}, "write one whole number from 1 to 4096, or two of them: [height, width]"),
        ({"size": []}, "write one whole number from 1 to 4096, or two of them: [height, width]"),
        ({"steps": [{"resize": {"size": True}}]}, "write one whole number"),
        ({"steps": [{"resize": {"size": 8, "library": "pillow", "sampling": "corners"}}]}, "is defined for"),
        ({"steps": [{"resize": {"size": 8, "interpolation": "area", "sampling": "corners"}}]}, "is defined for"),
        ({"steps": [{"normalize": {"scale": 0}}, {"resize": {"size": 8}}]}, "a scale of 0 would divide by zero"),
        ({"steps": [{"normalize": {"mean": [1, 2]}}, {"resize": {"size": 8}}]}, "write one number, or three"),
        ({"steps": [{"resize": {"short_side": 256}}]}, "does not end at one size"),
        ({"steps": [{"crop": {"fraction": 0.5}}]}, "does not end at one size"),
        ({"steps": [{"resize": {"short_side": 200}}, {"crop": {"size": 224}}]}, "crops 224x224 pixels of images that"),
        ({"steps": [{"resize": {"size": 1}}, {"crop": {"fraction": 0.5}}]}, "crops everything away"),
    ],
)
def test_faults(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        load(written)


def test_sizes_after_a_fraction() -> None:
    for rounding, expected in {"floor": 198, "half_even": 198, "tf_slim": 199}.items():
        step = {"crop": {"fraction": 0.875, "rounding": rounding}}
        assert load({"steps": [{"resize": {"size": 227}}, step]}).output_size == (expected, expected)
