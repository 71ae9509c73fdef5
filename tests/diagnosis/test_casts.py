"""Files that cast what they are fed to whole numbers behind mean and scale."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_a_cast_behind_another_mean_and_scale(asked: Asked, casting: str) -> None:
    found = asked(candidate={"model": casting, **wanted("BGR", mean=MEAN_BGR, scale=SCALE_BGR)})
    assert found.cause == "mean-and-scale-doubled + input-cast", found.sentence
    assert "fed x instead of x" not in found.sentence
