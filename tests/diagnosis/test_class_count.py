"""Outputs with a class less or more than the reference's, which are no missing or additional background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.diagnosis.class_count import additional_class
from tests.conftest import Tiny
from tests.diagnosis.conftest import Asked


def with_classes(path: Path, tiny: Tiny, openvino: Any, kept: list[int], zeros: int = 0) -> dict[str, Any]:
    """Return the keys of a candidate with only these of the five classes, and some of probability 0 behind them."""
    from openvino import opset13 as ops

    model = openvino.Core().read_model(str(tiny.ir))
    (result,) = model.get_results()
    source = result.input_value(0)
    source.get_tensor().set_names(set())
    new = ops.gather(source, np.array(kept, np.int32), np.int32(1))
    if zeros:
        new = ops.concat([new, np.zeros((1, zeros), np.float32)], 1)
    new.output(0).get_tensor().set_names({"Net/Probabilities"})
    result.input(0).replace_source_output(new.output(0))
    model.validate_nodes_and_infer_types()
    openvino.save_model(model, str(path), compress_to_fp16=False)
    return {"model": str(path)}


@pytest.mark.parametrize("missing", [1, 2, 4])
def test_the_missing_class_is_named(asked: Asked, tiny: Tiny, openvino: Any, tmp_path: Path, missing: int) -> None:
    kept = [number for number in range(5) if number != missing]
    found = asked(candidate=with_classes(tmp_path / "x.xml", tiny, openvino, kept))
    assert (found.verdict, found.cause) == ("found", "class-count"), found.sentence
    assert f"lacks class {missing} of tf" in found.sentence


def test_an_additional_class_is_named(asked: Asked, tiny: Tiny, openvino: Any, tmp_path: Path) -> None:
    found = asked(candidate=with_classes(tmp_path / "x.xml", tiny, openvino, [0, 1, 2, 3, 4], zeros=1))
    assert (found.verdict, found.cause) == ("found", "class-count"), found.sentence
    assert "has a class 5 that tf does not have" in found.sentence


def test_two_classes_less_are_another_output(asked: Asked, tiny: Tiny, openvino: Any, tmp_path: Path) -> None:
    found = asked(candidate=with_classes(tmp_path / "x.xml", tiny, openvino, [0, 1, 2]))
    assert found.cause == "wrong-output", found.sentence


def test_the_class_between_almost_nothing_is_found_by_logarithms() -> None:
    """Only the first probability is large: within 1e-3, each of the others could be the one."""
    more = np.array([[0.99, 1e-9, 2e-8, 3e-7, 4e-6], [0.98, 5e-6, 1e-9, 2e-8, 3e-7]], np.float32)
    for place in range(5):
        fewer = np.delete(more, place, axis=1)
        assert additional_class(fewer, more, 1e-3) == place
        assert additional_class(fewer / fewer.sum(axis=1, keepdims=True), more, 1e-3) == place
    assert additional_class(more[:, [0, 2, 1, 3]] + np.float32(0.01), more, 1e-3) is None
