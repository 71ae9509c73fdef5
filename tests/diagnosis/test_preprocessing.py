from __future__ import annotations

from typing import Any

import pytest

from harness.backends.base import CannotEditError
from harness.config import Preprocess
from harness.config.steps import CropStep, ResizeStep
from harness.diagnosis.preprocessing import differences, with_fault

SHORT_256: dict[str, Any] = {
    "decoder": "pillow",
    "steps": [{"resize": {"short_side": 256, "interpolation": "bicubic"}}, {"crop": {"size": 224}}],
}


def filters(preprocess: Preprocess) -> list[str]:
    return [step.filter for step in preprocess.resolved_steps if isinstance(step, ResizeStep)]


@pytest.mark.parametrize("written", [{}, {"preset": "torchvision"}, {"preset": "tf-slim"}, SHORT_256])
@pytest.mark.parametrize("name", ["area", "nearest"])
def test_another_filter_in_every_form(written: dict[str, Any], name: str) -> None:
    preprocess = Preprocess.model_validate(written)
    changed = with_fault(preprocess, {"interpolation": name})
    assert filters(changed)[-1] == name
    assert changed.output_size == preprocess.output_size
    assert changed.decoding == preprocess.decoding
    assert len(changed.resolved_steps) == len(preprocess.resolved_steps)


def test_the_filter_that_it_has_already_is_no_fault() -> None:
    with pytest.raises(CannotEditError, match="the configuration itself has"):
        with_fault(Preprocess.model_validate(SHORT_256), {"interpolation": "cubic"})


@pytest.mark.parametrize(
    "written", [{"preset": "torchvision"}, {"preset": "caffe"}, {"preset": "inception"}, SHORT_256]
)
def test_without_its_crop_the_whole_image_gets_the_final_size(written: dict[str, Any]) -> None:
    changed = with_fault(Preprocess.model_validate(written), {"crop_fraction": 1.0})
    (resize,) = changed.resolved_steps
    assert isinstance(resize, ResizeStep)
    assert (resize.to, resize.height, resize.width) == ("size", 224, 224)


def test_a_crop_forgotten_in_the_short_form_keeps_everything() -> None:
    crop, _ = with_fault(Preprocess(), {"crop_fraction": 1.0}).resolved_steps
    assert isinstance(crop, CropStep)
    assert crop.fraction == 1.0


@pytest.mark.parametrize(
    ("steps", "wrong", "message"),
    [
        ([{"crop": {"size": 8}}], {"interpolation": "area"}, "its steps have no resize"),
        ([{"resize": {"size": 8}}], {"crop_fraction": 1.0}, "its steps have no crop"),
    ],
)
def test_steps_that_have_no_such_thing(steps: Any, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(CannotEditError, match=message):
        with_fault(Preprocess.model_validate({"steps": steps}), wrong)


def steps(*written: dict[str, Any], decoder: str = "opencv", exif: str = "ignore") -> Preprocess:
    return Preprocess.model_validate({"decoder": decoder, "exif": exif, "steps": list(written)})


SHORT = Preprocess(size=16)


@pytest.mark.parametrize(
    ("own", "causes"),
    [
        (SHORT, []),
        (steps({"crop": {"fraction": 0.875}}, {"resize": {"size": 16}}), []),  # the same in its long form
        (Preprocess(size=16, crop_fraction=0.75), ["crop"]),
        (Preprocess(size=16, crop_fraction=1.0), ["crop"]),
        (Preprocess(size=16, interpolation="area"), ["resize-filter"]),
        (Preprocess(size=16, exif="apply"), ["exif"]),
        (Preprocess(size=16, interpolation="area", crop_fraction=0.75), ["preprocess", "crop", "resize-filter"]),
        (steps({"resize": {"short_side": 18}}, {"crop": {"size": 16}}), ["preprocess"]),
    ],
)
def test_the_parts_that_differ_have_their_causes(own: Preprocess, causes: list[str]) -> None:
    assert [change.cause for change in differences(own, SHORT)] == causes


def test_each_part_is_taken_from_the_wanted_one_alone() -> None:
    own = Preprocess(size=16, interpolation="area", crop_fraction=0.75)
    whole, crop, resize = differences(own, SHORT)
    assert whole.preprocess == SHORT
    assert crop.preprocess.pixels_key == Preprocess(size=16, interpolation="area").pixels_key
    assert resize.preprocess.pixels_key == Preprocess(size=16, crop_fraction=0.75).pixels_key


def test_decoder_and_library_are_told_apart() -> None:
    own = steps({"crop": {"fraction": 0.875}}, {"resize": {"size": 16}}, decoder="pillow")
    assert {"decoder", "resize-library"} <= {change.cause for change in differences(own, SHORT)}
