"""A model that is fed what enters its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec
from harness.backends.registry import facts_of
from harness.config import Input
from harness.diagnosis import subject
from harness.diagnosis.subject import CannotFeedError, Subject
from tests.conftest import IrMaker
from tests.diagnosis.conftest import Asked


def test_a_file_that_takes_whole_numbers_is_fed_others_in_a_copy(
    asked: Asked, make_ir: IrMaker, tmp_path: Path
) -> None:
    bare = str(make_ir(tmp_path / "u8.xml", inside=False, element="u8"))
    assert asked(candidate={"model": bare}).cause == "mean-and-scale-missing"


def test_a_file_that_cannot_be_edited_takes_whole_values_alone(
    make_ir: IrMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_editor(name: str) -> Any:
        return replace(known(name), editor=None)

    known = facts_of
    monkeypatch.setattr(subject, "facts_of", without_editor)
    path = make_ir(tmp_path / "u8.xml", element="u8")
    contract = Input(name="input", color="RGB", mean=5.0, scale=2.0)
    spec = ModelSpec(id="ir", model=str(path), input=contract, output=None, size=16, outputs=5)
    values = np.full((1, 16, 16, 3), 7.0, np.float32)
    with Subject("openvino", spec) as opened:
        assert opened.answer(values).shape == (1, 5)
        for other in (values + 0.5, values - 8, values + 250):
            with pytest.raises(CannotFeedError, match="takes whole numbers from 0 to 255 only"):
                opened.answer(other)
