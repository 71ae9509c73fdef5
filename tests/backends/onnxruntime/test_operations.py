"""ONNX models as people have them: training left in, other operations, types, inputs, outputs and names.

Each is tried in ONNX Runtime, in OpenVINO, which reads the same file, and in a conversion of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Backend, ModelSpec, Pixels
from harness.backends.onnxruntime.runner import ONNXRuntimeBackend
from harness.config import Input
from tests.backends.one_backend import OneBackend
from tests.backends.onnxruntime.onnx_files import field, graph_of, node, tensor, write_onnx
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network, require
from tests.conversion import one_candidate

CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
PLAIN = Input(name="input", color="RGB", mean=0, scale=1)
WAYS = ("onnxruntime", "openvino", "convert")
Wrong = dict[str, Any]


def in_backend(name: str) -> OneBackend:
    kind: type[Backend] = ONNXRuntimeBackend
    if name == "openvino":
        require("openvino")
        from harness.backends.openvino.runner import OpenVINOBackend

        kind = OpenVINOBackend
    return OneBackend(kind, ModelSpec("m", "", CONTRACT, "probabilities", SIZE, CLASSES + 1, batch=2))


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    if request.param == "convert":
        require("openvino")
    return str(request.param)


def answers(way: str, model: Path, pixels: Pixels, contract: Input = CONTRACT, **changes: Any) -> Any:
    if way == "convert":
        config = one_candidate.configured(
            model.parent, "onnxruntime", model, contract, changes.get("output", "probabilities")
        )
        return one_candidate.answers(config, pixels)
    alone = in_backend(way)
    return alone.infer(pixels, alone.spec(model, input=contract, **changes))


def refused(way: str, model: Path, contract: Input = CONTRACT) -> str:
    if way == "convert":
        config = one_candidate.configured(model.parent, "onnxruntime", model, contract, "probabilities")
        return one_candidate.refused(config)
    alone = in_backend(way)
    return alone.refused(alone.spec(model, input=contract))


def truth(name: str, value: bool) -> bytes:
    return tensor(name, np.array(value))


def dropout(training: bool) -> Wrong:
    constants = [tensor("rate", np.array(0.5, np.float32)), truth("live", training)]
    return {"before": [node("Dropout", ["x", "rate", "live"], "ready", name="drop")], "constants": constants}


def norm(**attributes: Any) -> Wrong:
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    values = {"gamma": ones, "beta": zeros, "mu": zeros, "variance": ones}
    more = ["running mean", "running variance"] if attributes else []
    nodes = [
        node("Transpose", ["x"], "nchw", perm=[0, 3, 1, 2]),
        node("BatchNormalization", ["nchw", *values], "normed", *more, name="norm", **attributes),
        node("Transpose", ["normed"], "ready", perm=[0, 2, 3, 1]),
    ]
    return {"before": nodes, "constants": [tensor(key, value) for key, value in values.items()], "opset": 15}


def drawn(kind: str) -> Wrong:
    return {"before": [node(kind, ["x"], "noise", name="draw"), node("Add", ["x", "noise"], "ready")]}


def branch(kind: str) -> Wrong:
    graphs = {
        "then_branch": graph_of("then", [node(kind, ["x"], "a", name="inside")], "a"),
        "else_branch": graph_of("else", [node("Identity", ["x"], "b")], "b"),
    }
    return {"before": [node("If", ["yes"], "ready", graphs=graphs)], "constants": [truth("yes", True)]}


def function(kind: str) -> bytes:
    body = field(7, node(kind, ["a"], "b", name="inside", domain="own" if kind == "Own" else ""))
    return field(1, "Own") + field(4, "a") + field(5, "b") + body + field(9, field(2, 13)) + field(10, "own")


def calling(kind: str) -> Wrong:
    return {"before": [node("Own", ["x"], "ready", domain="own")], "functions": [function(kind)], "domains": ["own"]}


RANDOM = "gives different numbers at every call, as a dropout does; export the model for inference"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dropout(True), f"in training mode: 'drop' (Dropout) {RANDOM}"),
        (
            norm(training_mode=1),
            "in training mode: 'norm' (BatchNormalization) takes mean and variance from the",
        ),
        (drawn("RandomNormalLike"), f"in training mode: 'draw' (RandomNormalLike) {RANDOM}"),
        (drawn("RandomUniformLike"), f"in training mode: 'draw' (RandomUniformLike) {RANDOM}"),
        (drawn("Bernoulli"), f"in training mode: 'draw' (Bernoulli) {RANDOM}"),
        (branch("RandomNormalLike"), f"in training mode: 'inside' (RandomNormalLike) {RANDOM}"),
        (calling("RandomNormalLike"), f"in training mode: 'inside' (RandomNormalLike) {RANDOM}"),
        (calling("Own"), "refused: its function 'Own' calls itself and may never end"),
        (
            {"before": [node("EPContext", ["x"], "ready", domain="com.microsoft", name="part")]},
            "refused: 'part' (EPContext) contains a network that was compiled for one device",
        ),
        (
            {"before": [node("Secret", ["x"], "ready", domain="com.example", name="own")]},
            "refused: 'own' (com.example::Secret) is a custom operation, and no library of custom operations is loaded",
        ),
    ],
)
def test_what_depends_on_more_than_the_image_or_on_a_library_is_refused(
    network: Network, tmp_path: Path, way: str, wrong: Wrong, message: str
) -> None:
    assert f"m.onnx: {message}" in refused(way, write_onnx(tmp_path / "m.onnx", network, **wrong))


def test_moments_of_the_batch_are_noticed_by_numbers(network: Network, tmp_path: Path, way: str) -> None:
    nodes = [node("ReduceMean", ["x"], "mean of all", axes=[0, 1, 2]), node("Sub", ["x", "mean of all"], "ready")]
    text = refused(way, write_onnx(tmp_path / "m.onnx", network, before=nodes))
    assert "in training mode: its prediction for an image changes by" in text


@pytest.mark.parametrize(
    "fine",
    [
        dropout(False),
        norm(),
        branch("Identity"),
        {"before": [node("Identity", ["x"], "y"), node("Dropout", ["y"], "ready", name="drop")]},
    ],
)
def test_inference_is_fine(network: Network, pixels: Pixels, tmp_path: Path, way: str, fine: Wrong) -> None:
    model = write_onnx(tmp_path / "m.onnx", network, **fine)
    np.testing.assert_allclose(answers(way, model, pixels), network.of_pixels(pixels), atol=1e-4)


@pytest.mark.parametrize("element", ["uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_an_input_of_whole_numbers(network: Network, pixels: Pixels, tmp_path: Path, way: str, element: str) -> None:
    model = write_onnx(tmp_path / "m.onnx", network, element=element, whole=True)
    np.testing.assert_allclose(answers(way, model, pixels, PLAIN), network.of_pixels(pixels), atol=1e-5)
    (tmp_path / "made.xml").unlink(missing_ok=True)
    assert "which cannot hold pixels after mean and scale" in refused(way, model)


def test_an_input_that_is_too_small_for_pixels(network: Network, tmp_path: Path, way: str) -> None:
    model = write_onnx(tmp_path / "m.onnx", network, element="int8", whole=True)
    assert "which cannot hold pixels after mean and scale" in refused(way, model, PLAIN)


@pytest.mark.parametrize("element", ["bool", "string"])
def test_an_input_of_no_numbers(network: Network, tmp_path: Path, way: str, element: str) -> None:
    text = refused(way, write_onnx(tmp_path / "m.onnx", network, element=element), PLAIN)
    assert "m.onnx: the input 'input' takes " in text
    assert text.endswith(", not numbers; export the model with an input for pixels")


def test_another_input_is_named(network: Network, tmp_path: Path, way: str) -> None:
    text = refused(way, write_onnx(tmp_path / "m.onnx", network, second_input=True))
    assert "m.onnx: also needs the input 'other', which receives no value; export the model for inference" in text


def test_an_initialiser_that_is_an_input_too_keeps_its_value(
    network: Network, pixels: Pixels, tmp_path: Path, way: str
) -> None:
    rate: Wrong = {
        "before": [node("Mul", ["x", "other"], "ready")],
        "constants": [tensor("other", np.ones(1, np.float32))],
    }
    model = write_onnx(tmp_path / "m.onnx", network, second_input=True, **rate)
    np.testing.assert_allclose(answers(way, model, pixels), network.of_pixels(pixels), atol=1e-5)


@pytest.mark.parametrize("form", ["NC11", "NC1", "C", "11NC", "N1C"])
def test_outputs_with_axes_of_length_one(network: Network, pixels: Pixels, tmp_path: Path, way: str, form: str) -> None:
    model = write_onnx(tmp_path / "m.onnx", network, form=form, batch=1 if form in ("C", "11NC") else "n")
    found = answers(way, model, pixels, batch=None)
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=1e-5)


def test_an_output_of_whole_numbers(network: Network, pixels: Pixels, tmp_path: Path, way: str) -> None:
    """OpenVINO reads scale and zero point of a quantised output; ONNX Runtime does not tell them."""
    scale = [tensor("step", np.array(1 / 255, np.float32)), tensor("zero", np.array(0, np.uint8))]
    end = [node("QuantizeLinear", ["softmax", "step", "zero"], "ended")]
    model = write_onnx(tmp_path / "m.onnx", network, end=end, constants=scale, kind="uint8")
    if way == "onnxruntime":
        assert "the output 'probabilities' has tensor(uint8), not real numbers" in refused(way, model)
    else:
        np.testing.assert_allclose(answers(way, model, pixels), network.of_pixels(pixels), atol=0.51 / 255)
    end = [node("Mul", ["softmax", "many"], "more"), node("Cast", ["more"], "ended", to=2)]
    many = tensor("many", np.array(255, np.float32))
    model = write_onnx(tmp_path / "m.onnx", network, end=end, constants=[many], kind="uint8")
    (tmp_path / "made.xml").unlink(missing_ok=True)
    assert "set `output` to the one with the probabilities" in refused(way, model)


@pytest.mark.parametrize("name", ["input", "pixels", "harness fed: x", "Cast", "Parameter_1", "made:0", "a b", "ü"])
def test_names_that_the_harness_or_a_framework_would_use(
    network: Network, pixels: Pixels, tmp_path: Path, way: str, name: str
) -> None:
    model = write_onnx(tmp_path / "m.onnx", network, names=("x0" if name == "input" else "input", name))
    contract = CONTRACT.model_copy(update={"name": "x0" if name == "input" else "input"})
    found = answers(way, model, pixels, contract, output=name)
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=1e-5)


@pytest.mark.parametrize(("opset", "attribute", "fine"), [(6, {"is_test": 1}, True), (6, {}, False)])
def test_old_batch_norms_say_themselves_that_they_are_for_inference(
    network: Network, tmp_path: Path, opset: int, attribute: dict[str, Any], fine: bool
) -> None:
    from harness.backends.onnxruntime.graph import read_model
    from harness.backends.onnxruntime.operations import refuse_operations
    from harness.errors import ModelError

    made = norm()
    ones = ["gamma", "beta", "mu", "variance"]
    made["before"][1] = node("BatchNormalization", ["nchw", *ones], "normed", name="norm", **attribute)
    model = read_model(write_onnx(tmp_path / "m.onnx", network, **{**made, "opset": opset}).read_bytes())
    check: Callable[[], None] = lambda: refuse_operations(model, "m.onnx")  # noqa: E731
    if fine:
        check()
    else:
        with pytest.raises(ModelError, match="takes mean and variance from the images of each batch"):
            check()


def test_nodes_that_no_output_needs_are_not_looked_at(network: Network, pixels: Pixels, tmp_path: Path) -> None:
    unused: Wrong = {"before": [node("RandomNormalLike", ["x"], "unused"), node("Identity", ["x"], "ready")]}
    model = write_onnx(tmp_path / "m.onnx", network, **unused)
    np.testing.assert_allclose(answers("onnxruntime", model, pixels), network.of_pixels(pixels), atol=1e-5)


@pytest.mark.parametrize("opset", [1001, 2**31 - 1, 2**32 - 1, 2**62])
def test_an_opset_that_cannot_exist_is_refused_before_any_framework_reads_the_file(
    way: str, network: Network, tmp_path: Path, opset: int
) -> None:
    """OpenVINO looks for an operation in one opset after the other: over a minute from 2**32 on down."""
    said = refused(way, write_onnx(tmp_path / "m.onnx", network, opset=opset))
    assert f"states ONNX opset {opset}, which does not exist" in said
