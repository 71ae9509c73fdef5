"""How a candidate is run: its batch, and other outputs of its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.diagnosis.bench import Tamper
from tests.conftest import IrMaker
from tests.diagnosis.conftest import Asked

Rows = NDArray[np.float32]


def test_answers_that_depend_on_the_batch(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    def neighbours(rows: Rows) -> Rows:
        order = np.arange(len(rows)) ^ 1
        return np.asarray(rows[np.minimum(order, len(rows) - 1)], np.float32)

    model = str(make_ir(tmp_path / "four.xml", batch=4))
    found = asked(candidate={"model": model}, tamper=Tamper(outputs=neighbours))
    assert found.cause == "batch"
    assert "batches of 4" in found.sentence


def test_another_output_of_the_file_is_the_right_one(asked: Asked, make_ir: IrMaker, tmp_path: Path) -> None:
    from harness.backends.openvino.description import describe

    path = make_ir(tmp_path / "two.xml", second_output=True)
    (other,) = (port.name for port in describe(path).outputs if not port.is_called("Net/Probabilities"))
    found = asked(candidate={"model": str(path), "output": {"name": other, "activation": "none"}})
    assert found.cause == "wrong-output"
    assert "`candidates.ir.output: Net/Probabilities`" in str(found.mend)
