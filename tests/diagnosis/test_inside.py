from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.backends.openvino.editing import edited
from harness.config import load_config
from harness.diagnosis.answer import Diagnosis
from harness.diagnosis.diagnose import diagnose
from tests.conftest import IrMaker, Tiny, write_config, write_images

Asked = Callable[..., Diagnosis]


@pytest.fixture
def asked(tiny: Tiny, tmp_path: Path) -> Asked:
    write_images(tmp_path / "images", 12, seed=3)

    def ask(model: Path, color: str = "BGR") -> Diagnosis:
        def change(data: dict[str, Any]) -> None:
            data["candidates"][0] |= {"model": str(model), "input": {"name": "input", "color": color}}

        (found,) = diagnose(load_config(write_config(tmp_path, tiny, change)))
        return found

    return ask


def test_one_layer_with_other_weights_is_named(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    found = asked(make_ir(tmp_path / "faulty.xml", scale_weights=1.05))
    assert (found.verdict, found.cause, found.exit_code) == ("found", "layer", 0)
    assert "in the dense layer `Net/Logits`" in found.sentence
    assert "the weights are the original's times 1.05, in all 5 output channels" in found.sentence
    layers = found.as_json()["evidence"]["layers"]
    assert (layers["cause"], layers["reference"]) == ("weights-scaled", "Net/Logits")
    assert ">  Net/Logits" in found.profile
    assert "profile" not in found.as_json()


def test_rounded_weights_are_the_cause_where_nothing_else_is_wrong(asked: Asked, tiny: Tiny, tmp_path: Path) -> None:
    model, _ = edited(str(tiny.ir), "", "rounded_weights", tmp_path)
    found = asked(Path(model))
    assert (found.verdict, found.cause) == ("found", "int8-weights")
    assert "match except for rounding to 8 bits" in found.sentence
    assert "`candidates.ir.conversion.weights: f32`" in str(found.mend)


def test_rounded_weights_hide_no_other_fault(asked: Asked, tiny: Tiny, tmp_path: Path) -> None:
    model, _ = edited(str(tiny.ir), "", "rounded_weights", tmp_path)
    found = asked(Path(model), "RGB")
    assert found.cause == "color-order + int8-weights", found.sentence
    assert "`candidates.ir.input.color: BGR`" in str(found.mend)
    assert "match except for rounding to 8 bits" in found.sentence
