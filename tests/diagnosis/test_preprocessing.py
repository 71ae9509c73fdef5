from __future__ import annotations

from typing import Any

import pytest

from harness.backends.base import CannotEditError
from harness.config import Preprocess
from harness.config.steps import CropStep, ResizeStep
from harness.diagnosis.preprocessing import with_fault

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
