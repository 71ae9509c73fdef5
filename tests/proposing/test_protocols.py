from __future__ import annotations

import pytest

from harness.config import Preprocess
from harness.config.presets import presets
from harness.proposing.protocols import crops_of, filters_of, first_protocol


@pytest.mark.parametrize(("height", "width"), [(224, 224), (227, 227), (128, 192)])
def test_every_protocol_can_be_configured_and_ends_at_the_size(height: int, width: int) -> None:
    every = {each for crop in crops_of(first_protocol(height, width)) for each in filters_of(crop)}
    assert len(every) == 28
    assert {each.preprocess.output_size for each in every} == {(height, width)}
    assert len({each.preprocess.pixels_key for each in every}) == 28


def test_the_first_one_is_the_published_one_and_presets_are_among_the_others() -> None:
    first = first_protocol(224, 224)
    assert first.preprocess.pixels_key == Preprocess().pixels_key
    every = {each.preprocess.pixels_key for crop in crops_of(first) for each in filters_of(crop)}
    for name in ("inception", "torchvision", "caffe", "keras-applications"):
        assert Preprocess.model_validate(presets()[name]["preprocess"]).pixels_key in every
