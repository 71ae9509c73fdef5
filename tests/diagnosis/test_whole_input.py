"""Files that take whole numbers, with a mean and scale in the configuration that make other values."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import CannotHoldError
from tests.conftest import IrMaker
from tests.diagnosis.conftest import MEAN_BGR, SCALE_BGR, Asked, wanted

OWN = wanted("BGR", mean=MEAN_BGR, scale=SCALE_BGR)


def test_mean_and_scale_that_are_inside_as_well_are_doubled(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    model = str(make_ir(tmp_path / "u8.xml", element="u8"))
    found = asked(candidate={"model": model, **OWN})
    assert found.cause == "input-cast + mean-and-scale-doubled", found.sentence
    assert "takes whole numbers, which cannot hold what its mean and scale give" in found.sentence
    assert "`candidates.ir.input.mean: 0` and `candidates.ir.input.scale: 1`" in str(found.mend)


def test_an_input_that_should_be_floating(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    model = str(make_ir(tmp_path / "u8.xml", element="u8", inside=False))
    found = asked(candidate={"model": model, **OWN})
    assert (found.verdict, found.cause) == ("found", "input-cast"), found.sentence
    assert "Convert it again with a floating input." in str(found.mend)


def test_where_nothing_restores_parity_the_error_stands(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    model = str(make_ir(tmp_path / "u8.xml", element="u8", scale_weights=3.0))
    with pytest.raises(CannotHoldError, match="which cannot hold pixels after mean and scale"):
        asked(candidate={"model": model, **OWN})
