"""IRs that draw numbers or keep a value, also inside branches; outputs without names of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec
from harness.backends.openvino.runner import OpenVINOBackend
from harness.config import Input
from tests.backends.one_backend import OneBackend

SPEC = ModelSpec("ir", "", Input(name="input", color="RGB", mean=0, scale=1), "out", 4, 5)
ALONE = OneBackend(OpenVINOBackend, SPEC)


def written(ov: Any, path: Path, inside: Any) -> Path:
    """Write a network of 4x4 pixels; ``inside``: gives (what is computed of the pixels, the sinks)."""
    ops = ov.opset13
    source = ops.parameter([1, 4, 4, 3], ov.Type.f32, name="input")
    source.output(0).get_tensor().set_names({"input"})
    ready, sinks = inside(ops, source)
    means = ops.reduce_mean(ready, np.array([1, 2], np.int64))
    answer = ops.softmax(ops.matmul(means, np.ones((3, 5), np.float32), False, False), 1)
    answer.output(0).get_tensor().set_names({"out"})
    ov.save_model(ov.Model([ops.result(answer)], sinks, [source], "m"), str(path), compress_to_fp16=False)
    return path


def noise(ops: Any, shape: list[int]) -> Any:
    low, high = np.float32(0), np.float32(1)
    drawn = ops.random_uniform(np.array(shape, np.int64), low, high, "f32", 0, 0)
    drawn.set_friendly_name("draw")
    return drawn


def random(ops: Any, source: Any) -> Any:
    return ops.add(source, noise(ops, [1, 4, 4, 3])), []


def random_branch(ops: Any, source: Any) -> Any:
    import openvino as ov

    branches = []
    for drawn in (True, False):
        inner = ops.parameter([1, 4, 4, 3], ov.Type.f32)
        value = ops.add(inner, noise(ops, [1, 4, 4, 3])) if drawn else ops.relu(inner)
        branches.append((ov.Model([ops.result(value)], [inner], "branch"), inner))
    sum_of_all = ops.reduce_sum(source, np.array([0, 1, 2, 3], np.int64))
    choice = ops.if_op(ops.greater(sum_of_all, np.float32(0)).output(0))
    (then_body, then_input), (else_body, else_input) = branches
    choice.set_then_body(then_body)
    choice.set_else_body(else_body)
    choice.set_input(source.output(0), then_input, else_input)
    return choice.set_output(then_body.results[0], else_body.results[0]), []


def stateful(ops: Any, source: Any) -> Any:
    import openvino as ov

    info = ov.op.util.VariableInfo()
    info.data_shape, info.data_type, info.variable_id = ov.PartialShape([1, 4, 4, 3]), ov.Type.f32, "v"
    variable = ov.op.util.Variable(info)
    before = ops.read_value(ops.constant(np.zeros((1, 4, 4, 3), np.float32)), variable)
    before.set_friendly_name("memory")
    now = ops.add(source, before)
    return now, [ops.assign(now, variable)]


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (
            random,
            "m.xml: in training mode: 'draw' (RandomUniform) gives different numbers at every call, as a dropout does",
        ),
        (random_branch, "m.xml: in training mode: 'draw' (RandomUniform) gives different numbers at every call"),
        (stateful, "m.xml: refused: 'memory' (ReadValue) keeps a value from call to call, so a prediction depends on"),
    ],
)
def test_what_depends_on_more_than_the_image_is_refused(
    openvino: Any, tmp_path: Path, inside: Any, message: str
) -> None:
    text = ALONE.refused(ALONE.spec(written(openvino, tmp_path / "m.xml", inside)))
    assert message in text or ("(Assign) keeps a value" in text and inside is stateful)


def test_a_second_output_without_a_name_is_described(openvino: Any, tmp_path: Path) -> None:
    from harness.backends.openvino.description import describe

    ops = openvino.opset13
    source = ops.parameter([1, 4], openvino.Type.f32, name="input")
    done = ops.softmax(source, 1)
    model = openvino.Model([ops.result(done, name="one"), ops.result(done, name="two")], [source], "m")
    openvino.save_model(model, str(tmp_path / "m.xml"), compress_to_fp16=False)
    names = [output.name for output in describe(tmp_path / "m.xml").outputs]
    assert len(set(names)) == 2
    assert all(names)
