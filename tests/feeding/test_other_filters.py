"""Another filter in the short form and in steps; no resize, no other filter."""

from __future__ import annotations

from harness.config import Preprocess
from harness.feeding.other_filters import other_filters, with_filter


def test_the_short_form() -> None:
    own = Preprocess.model_validate({"size": 8, "interpolation": "cubic"})
    assert {name: other.interpolation for name, other in other_filters(own).items()} == {
        name: name for name in ("bilinear", "area", "nearest")
    }


def test_the_last_resize_of_steps() -> None:
    resizes = [{"resize": {"short_side": 16}}, {"resize": {"size": [8, 8], "interpolation": "bilinear"}}]
    own = Preprocess.model_validate({"decoder": "opencv", "steps": resizes})
    cubic = with_filter(own, "cubic")
    assert cubic is not None
    wanted = [resizes[0], {"resize": {"size": [8, 8], "interpolation": "bicubic"}}]
    same = Preprocess.model_validate({"decoder": "opencv", "steps": wanted})
    assert cubic.pixels_key == same.pixels_key
    assert set(other_filters(own)) == {"area", "cubic", "nearest"}


def test_no_resize() -> None:
    own = Preprocess.model_validate({"decoder": "opencv", "steps": [{"crop": {"size": [8, 8]}}]})
    assert with_filter(own, "area") is None
    assert other_filters(own) == {}
