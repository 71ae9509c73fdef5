"""Files that cast what they are fed to whole numbers behind mean and scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.diagnosis.bench import Tamper
from tests.conftest import IrMaker
from tests.diagnosis.conftest import MEAN_BGR, SCALE_BGR, Asked, wanted


@pytest.fixture
def casting(make_ir: IrMaker, tmp_path: Path) -> str:
    return str(make_ir(tmp_path / "cast.xml", cast="i32"))


def test_a_cast_inside_the_file_is_named(asked: Asked, casting: str) -> None:
    found = asked(candidate={"model": casting})
    assert (found.verdict, found.cause) == ("found", "input-cast"), found.sentence
    assert "sees values truncated to whole numbers after mean and scale" in found.sentence
    assert float(str(found.evidence["max_abs_diff_after"])) < 1e-5
    assert "with a cast to whole numbers behind mean and scale" in str(found.mend)


def test_a_cast_and_other_colours_are_named_together(asked: Asked, casting: str) -> None:
    found = asked(candidate={"model": casting, **wanted("RGB")})
    assert found.cause == "color-order + input-cast", found.sentence
    assert "`candidates.ir.input.color: BGR`" in str(found.mend)


def test_a_cast_behind_another_mean_and_scale_is_unknown_where_it_makes_all_images_the_same(
    asked: Asked, casting: str
) -> None:
    """All probabilities are 0 or 1, the same for every image, as behind dozens of other casts: one would be a guess."""
    found = asked(candidate={"model": casting, **wanted("BGR", mean=MEAN_BGR, scale=SCALE_BGR)})
    assert found.verdict == "unknown", found.sentence
    assert "mean-and-scale-doubled + input-cast" in {item.cause for item in found.alternatives}


def test_agreement_of_predictions_that_are_the_same_for_all_images_is_no_finding(asked: Asked) -> None:
    """The mean of each image is taken off, so that all of them look the same, as they do behind int8 that overflows."""
    taken_off = Tamper(values=lambda x: np.ascontiguousarray(x - x.mean(axis=(1, 2), keepdims=True)))
    found = asked(tamper=taken_off)
    assert found.verdict == "unknown", found.sentence
