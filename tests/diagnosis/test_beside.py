"""A change of feeding or reading beside weights that are rounded, where nothing restores parity."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.backends.openvino.editing import edited
from harness.diagnosis.bench import Tamper
from harness.diagnosis.beside import _is_recognisable
from harness.diagnosis.readings import AS_CONFIGURED, Read
from tests.conftest import Tiny
from tests.diagnosis.conftest import Asked, wanted


def test_an_order_of_classes_beside_rounded_weights(asked: Asked, tiny: Tiny, tmp_path: Path) -> None:
    model, _ = edited(str(tiny.ir), "", "rounded_weights", tmp_path)
    found = asked(candidate={"model": model}, tamper=Tamper(outputs=lambda rows: np.ascontiguousarray(rows[:, ::-1])))
    assert found.cause == "classes-permuted + int8-weights", found.sentence


def test_what_moves_less_than_the_weights_do_is_not_named(asked: Asked, tiny: Tiny, tmp_path: Path) -> None:
    model, _ = edited(str(tiny.ir), "", "rounded_weights", tmp_path)
    found = asked(candidate={"model": model}, tamper=Tamper(values=lambda x: (x * 1.0001).astype(np.float32)))
    assert found.cause == "int8-weights", found.sentence


def test_colours_beside_rounded_weights(asked: Asked, tiny: Tiny, tmp_path: Path) -> None:
    model, _ = edited(str(tiny.ir), "", "rounded_weights", tmp_path)
    assert asked(candidate={"model": model, **wanted("RGB")}).cause == "color-order + int8-weights"


def test_predictions_of_which_nothing_is_left_are_not_recognisable() -> None:
    rows, off = np.zeros((10, 5), np.float32), np.zeros(10)
    assert _is_recognisable(Read(AS_CONFIGURED, rows, off, 5))
    assert not _is_recognisable(Read(AS_CONFIGURED, rows, off, 4))
    assert not _is_recognisable(Read(AS_CONFIGURED, rows, off, None))
