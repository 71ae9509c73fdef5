"""One change of what is fed or read, and two together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.diagnosis.bench import Tamper
from tests.conftest import IrMaker
from tests.diagnosis.conftest import MEAN_BGR, SCALE_BGR, Asked, wanted

Rows = NDArray[np.float32]


def test_the_colour_order_is_named_with_its_mend(asked: Asked) -> None:
    found = asked(candidate=wanted("RGB"))
    assert (found.verdict, found.cause) == ("found", "color-order")
    assert "expects BGR: fed BGR instead of RGB" in found.sentence
    assert "`candidates.ir.input.color: BGR`" in str(found.mend)
    before, after = (float(str(found.evidence[f"max_abs_diff_{when}"])) for when in ("before", "after"))
    assert after < 1e-5 < 1e-3 < before


def test_mean_and_scale_before_and_inside_are_doubled(asked: Asked) -> None:
    found = asked(candidate=wanted("BGR", mean=MEAN_BGR, scale=SCALE_BGR))
    assert found.cause == "mean-and-scale-doubled"
    assert "`candidates.ir.input.mean: 0` and `candidates.ir.input.scale: 1`" in str(found.mend)


def test_mean_and_scale_that_are_nowhere_are_missing(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    found = asked(candidate={"model": str(make_ir(tmp_path / "bare.xml", inside=False))})
    assert found.cause == "mean-and-scale-missing"
    assert "fed (x - [100, 110, 120]) / [40, 50, 60] instead of x" in found.sentence


def test_only_the_mean_is_missing(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    bare = str(make_ir(tmp_path / "bare.xml", inside=False))
    assert asked(candidate={"model": bare, **wanted("BGR", scale=SCALE_BGR)}).cause == "mean-missing"
    assert asked(candidate={"model": bare, **wanted("BGR", mean=MEAN_BGR)}).cause == "scale-missing"


def test_two_changes_are_found_together(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    bare = str(make_ir(tmp_path / "bare.xml", inside=False, color="RGB"))
    found = asked(candidate={"model": bare})
    assert found.cause == "color-order + mean-and-scale-missing"
    assert "`candidates.ir.input.color: RGB`" in str(found.mend)


def test_a_layout_read_wrongly(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    """The file reads the bytes of its NHWC input as three planes."""
    found = asked(
        tamper=Tamper(values=lambda x: np.ascontiguousarray(x.reshape(len(x), 3, 16, 16).transpose(0, 2, 3, 1)))
    )
    assert found.cause == "layout"


@pytest.mark.parametrize(
    ("preprocess", "cause"),
    [
        ({"size": 16, "crop_fraction": 1.0}, "crop"),
        ({"size": 16, "interpolation": "nearest"}, "resize-filter"),
        ({"steps": [{"crop": {"fraction": 0.875}}, {"resize": {"size": 16, "library": "pillow"}}]}, "resize-library"),
        ({"decoder": "pillow", "steps": [{"resize": {"short_side": 16}}, {"crop": {"size": 16}}]}, "preprocess"),
    ],
)
def test_other_pixels_than_the_reference_has(asked: Asked, preprocess: dict[str, Any], cause: str) -> None:
    found = asked(candidate={"preprocess": preprocess, "gates": {"parity": {"max_abs_diff": 1e-6}}})
    assert found.cause == cause
    assert "leave out `candidates.ir.preprocess`" in str(found.mend).casefold()


def test_feeding_and_reading_are_found_together(asked: Asked) -> None:
    found = asked(candidate=wanted("RGB"), tamper=Tamper(outputs=lambda rows: np.roll(rows, 1, axis=1)))
    assert found.cause == "color-order + classes-shifted"


@pytest.mark.parametrize(
    ("outputs", "cause"),
    [
        (lambda rows: np.roll(rows, 1, axis=1), "classes-shifted"),
        (lambda rows: np.ascontiguousarray(rows[:, ::-1]), "classes-permuted"),
        (np.log, "log-probabilities"),
        (lambda rows: np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True), "softmax-twice"),
    ],
)
def test_outputs_that_are_read_wrongly(asked: Asked, outputs: Callable[[Rows], Rows], cause: str) -> None:
    assert asked(tamper=Tamper(outputs=outputs)).cause == cause


def test_other_colours_and_another_filter_are_no_layer(asked: Asked) -> None:
    preprocess = {"size": 16, "interpolation": "nearest"}
    found = asked(candidate={**wanted("RGB"), "preprocess": preprocess, "gates": {"parity": {"max_abs_diff": 1e-6}}})
    assert found.cause == "color-order + resize-filter", found.sentence
