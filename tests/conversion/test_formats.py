"""Conversions from ONNX and LiteRT files to the IR, from the graph to ONNX and LiteRT, and OpenVINO reading both."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from harness.backends.base import ModelSpec
from harness.backends.litert.signature import signature_names
from harness.backends.registry import facts_of, load_target
from harness.commands.convert import run as run_convert
from harness.config import Config, Input, load_config
from harness.conversion import contract_contradictions, convert, staleness
from harness.conversion.formats.contract_file import contract_file
from harness.conversion.formats.function import with_own_functions
from harness.conversion.model_files import ModelFiles
from harness.conversion.prepared import prepare_models
from harness.errors import ConfigError, ModelError
from tests.backends.keras.keras_files import functional, require_keras
from tests.backends.litert.tflite_files import write_tflite
from tests.backends.onnxruntime.onnx_files import write_onnx
from tests.backends.tensorflow.variable_graphs import save_checkpoint, save_tf2
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, GraphMaker, Network, require

Models = dict[str, tuple[str, Path, str]]
QUANTISED = ("uint8", "int8")
OF_TENSORFLOW = ("saved_model", "tf_checkpoint", "keras")
# Keras's own, while it saves with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
STEP = 1 / 256  # of a quantised probability


@pytest.fixture(scope="module")
def models(
    tensorflow: Any, network: Network, make_graph: GraphMaker, tmp_path_factory: pytest.TempPathFactory
) -> Models:
    """Return kind -> (backend, file, output) of the same network in each format."""
    for module in ("openvino", "onnxruntime", "ai_edge_litert"):
        require(module)
    folder = tmp_path_factory.mktemp("formats")
    made: Models = {"graph": ("tensorflow", make_graph(folder / "m.pb"), "Net/Reshape_1")}
    for layout in ("NHWC", "NCHW"):
        file = write_onnx(folder / f"{layout}.onnx", network, layout=layout)
        made[f"onnx {layout}"] = ("onnxruntime", file, "probabilities")
    made["onnx NC11"] = ("onnxruntime", write_onnx(folder / "NC11.onnx", network, form="NC11"), "probabilities")
    for element in ("float32", *QUANTISED):
        file = write_tflite(tensorflow, folder / f"{element}.tflite", network, element=element)
        made[f"litert {element}"] = ("litert", file, "probabilities")
    made["saved_model"] = (
        "saved_model",
        save_tf2(tensorflow, network, folder / "saved", name="input"),
        "probabilities",
    )
    meta = save_checkpoint(tensorflow, network, folder / "net.ckpt", training=True)
    made["tf_checkpoint"] = ("tf_checkpoint", meta, "probabilities")
    keras = require_keras()
    functional(keras, network, name="input").save(folder / "m.keras")
    made["keras"] = ("keras", folder / "m.keras", "probabilities")
    return made


def configuration(folder: Path, models: Models, kind: str, *candidates: dict[str, Any]) -> Config:
    backend, model, output = models[kind]
    data = {
        "version": 1,
        "name": "formats",
        "dataset": {"path": "images", "classes": CLASSES, "background_class": True, "preprocess": {"size": SIZE}},
        "reference": {
            "id": "original",
            "backend": backend,
            "model": str(model),
            "input": {"name": "input", "color": "RGB", "mean": list(MEAN), "scale": list(SCALE)},
            "output": output,
        },
        "candidates": [
            {"id": f"made{index}", "input": {"name": "pixels", "color": "BGR"}, "output": "answer", **candidate}
            for index, candidate in enumerate(candidates)
        ],
    }
    (folder / "images").mkdir(exist_ok=True)
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return load_config(path)


def answers(backend: str, model: Path, contract: Input, output: str, bgr: NDArray[np.uint8]) -> Any:
    spec = ModelSpec("m", str(model), contract, output, SIZE, CLASSES + 1)
    with load_target(facts_of(backend).runner)(spec) as loaded:
        return loaded.infer(bgr)


@pytest.mark.parametrize("color", ["RGB", "BGR"])
@pytest.mark.parametrize(
    "kind", ["onnx NHWC", "onnx NCHW", "onnx NC11", "litert float32", "litert uint8", "litert int8", *OF_TENSORFLOW]
)
def test_an_ir_of_each_format_computes_the_network(
    models: Models, network: Network, pixels: NDArray[np.uint8], tmp_path: Path, kind: str, color: Any
) -> None:
    asked = {"model": "ir.xml", "input": {"name": "pixels", "color": color}}
    config = configuration(tmp_path, models, kind, asked)
    done = convert(config, config.candidates[0])
    found = answers("openvino", done.xml, Input(name="pixels", color=color), "answer", pixels)
    expected = network.of_pixels(pixels)
    if kind.endswith(QUANTISED):
        # The framework's own run of the quantised file; OpenVINO computes it in f32 between the rounded values.
        expected = answers("litert", models[kind][1], config.original.input, "probabilities", pixels)
    np.testing.assert_allclose(found, expected, atol=4 * STEP if kind.endswith(QUANTISED) else 1e-5)
    wrong = Input(name="pixels", color="BGR" if color == "RGB" else "RGB")
    assert np.abs(answers("openvino", done.xml, wrong, "answer", pixels) - expected).max() > 0.1
    assert staleness(config, config.candidates[0]) is None


@pytest.mark.parametrize(
    "kind", ["onnx NHWC", "onnx NCHW", "onnx NC11", "litert float32", "litert uint8", "litert int8", "saved_model"]
)
def test_openvino_runs_each_format_directly(
    models: Models, network: Network, pixels: NDArray[np.uint8], kind: str
) -> None:
    backend, model, output = models[kind]
    contract = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
    expected = answers(backend, model, contract, output, pixels)
    close = 4 * STEP if kind.endswith(QUANTISED) else 1e-5
    np.testing.assert_allclose(answers("openvino", model, contract, output, pixels), expected, atol=close)
    swapped = Input(name="input", color="BGR", mean=MEAN, scale=SCALE)
    assert np.abs(answers("openvino", model, swapped, output, pixels) - expected).max() > 0.1


@pytest.mark.parametrize("kind", OF_TENSORFLOW)
@pytest.mark.parametrize(
    ("to", "backend", "suffix"), [("onnx", "onnxruntime", ".onnx"), ("litert", "litert", ".tflite")]
)
def test_onnx_and_litert_of_each_kind_of_tensorflow_compute_the_network(
    models: Models,
    network: Network,
    pixels: NDArray[np.uint8],
    tmp_path: Path,
    kind: str,
    to: str,
    backend: str,
    suffix: str,
) -> None:
    if to == "onnx":
        require("tf2onnx")
    asked = {"model": f"made{suffix}", "backend": backend, "conversion": {"to": to}}
    config = configuration(tmp_path, models, kind, asked)
    convert(config, config.candidates[0])
    found = answers(backend, tmp_path / f"made{suffix}", Input(name="pixels", color="BGR"), "answer", pixels)
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=1e-5)


def test_functions_of_a_graph_are_not_taken_for_others_of_their_names(tensorflow: Any) -> None:
    """A graph calls `outer`, which calls `inner`; another graph has another `inner`: both compute what they say."""
    tf = tensorflow

    def graph_of(factor: float) -> Any:
        spec = tf.TensorSpec([2], tf.float32)

        def inner(x: Any) -> Any:
            return x * factor

        def outer(x: Any) -> Any:
            return tf.function(inner, input_signature=[spec])(x) + 1.0

        with tf.Graph().as_default() as graph:
            given = tf.compat.v1.placeholder(tf.float32, [2], name="x")
            tf.identity(tf.function(outer, input_signature=[spec])(given), name="y")
            return graph.as_graph_def()

    renamed = {}
    for factor in (3.0, 5.0):
        graph_def = graph_of(factor)
        for function, name in zip(graph_def.library.function, ("a", "b"), strict=True):
            old = function.signature.name
            function.signature.name = name  # the same in both graphs
            for node in (*graph_def.node, *(node for each in graph_def.library.function for node in each.node_def)):
                for value in node.attr.values():
                    if value.func.name == old:
                        value.func.name = name
        renamed[factor] = with_own_functions(graph_def)
        assert {each.signature.name for each in graph_def.library.function} == {"a", "b"}  # the original is as it was
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph:
        x = tf.constant([1.0, 2.0])
        found = [
            v1.import_graph_def(each, {"x:0": x}, ["y:0"], name=f"m{n}") for n, each in enumerate(renamed.values())
        ]
    with v1.Session(graph=graph) as session:
        np.testing.assert_allclose(session.run(found), [[[4.0, 7.0]], [[6.0, 11.0]]])
    names = [{each.signature.name for each in made.library.function} for made in renamed.values()]
    assert not names[0] & names[1]


@pytest.mark.parametrize("color", ["RGB", "BGR"])
@pytest.mark.parametrize(
    ("to", "backend", "suffix"), [("onnx", "onnxruntime", ".onnx"), ("litert", "litert", ".tflite")]
)
def test_onnx_and_litert_of_the_graph_compute_the_network(
    models: Models,
    network: Network,
    pixels: NDArray[np.uint8],
    tmp_path: Path,
    to: str,
    backend: str,
    suffix: str,
    color: Any,
) -> None:
    if to == "onnx":
        require("tf2onnx")
    asked = {"model": f"made{suffix}", "backend": backend, "conversion": {"to": to, "automatic": True}}
    config = configuration(tmp_path, models, "graph", {**asked, "input": {"name": "pixels", "color": color}})
    candidate = config.candidates[0]
    assert staleness(config, candidate) == f"{candidate.model} does not exist"
    prepare_models(config, quiet=True)
    contract = Input(name="pixels", color=color)
    np.testing.assert_allclose(
        answers(backend, candidate.model, contract, "answer", pixels), network.of_pixels(pixels), atol=1e-5
    )
    written = ModelFiles().contract(candidate.model)
    assert (written.color, written.source, written.shape) == (color, "harness", (1, SIZE, SIZE, 3))
    assert staleness(config, candidate) is None
    other = "BGR" if color == "RGB" else "RGB"
    swapped = configuration(tmp_path, models, "graph", {**asked, "input": {"name": "pixels", "color": other}})
    assert "the channels would be swapped" in contract_contradictions(swapped, swapped.candidates[0], written)[0]
    assert "color was " in str(staleness(swapped, swapped.candidates[0]))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.yml",
        "images",
        f"made{suffix}",
        f"made{suffix}.contract.json",
    ]


def test_a_changed_file_and_a_broken_contract_are_noticed(models: Models, tmp_path: Path) -> None:
    asked = {"model": "made.tflite", "backend": "litert", "conversion": {"to": "litert"}}
    config = configuration(tmp_path, models, "graph", asked)
    candidate = config.candidates[0]
    convert(config, candidate)
    candidate.model.write_bytes(candidate.model.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"was changed after its conversion.*run `harness convert`"):
        prepare_models(config, quiet=True)
    assert "was changed after" in str(staleness(config, candidate))
    contract = contract_file(candidate.model)
    for content in ("{", "[]", json.dumps({"color": 1}), "[" * 100_000):
        contract.write_text(content)
        with pytest.raises(ModelError, match="not a contract file"):
            prepare_models(config, quiet=True)


def test_a_file_of_another_tool_is_replaced_only_on_demand(models: Models, tmp_path: Path) -> None:
    asked = {"model": "made.tflite", "backend": "litert", "conversion": {"to": "litert", "automatic": True}}
    config = configuration(tmp_path, models, "graph", asked)
    theirs = models["litert float32"][1].read_bytes()
    config.candidates[0].model.write_bytes(theirs)
    prepare_models(config, quiet=True)
    with pytest.raises(ModelError, match="the harness did not write"):
        convert(config, config.candidates[0])
    assert config.candidates[0].model.read_bytes() == theirs
    convert(config, config.candidates[0], overwrite=True)
    assert config.candidates[0].model.read_bytes() != theirs


@pytest.mark.parametrize(
    ("kind", "asked", "message"),
    [
        (
            "onnx NHWC",
            {"model": "m.tflite", "backend": "litert", "conversion": {"to": "litert"}},
            "only a TensorFlow model",
        ),
        ("graph", {"model": "m.onnx", "backend": "litert", "conversion": {"to": "litert"}}, "must end in .tflite"),
        ("graph", {"model": "m.xml", "conversion": {"to": "onnx"}}, "must end in .onnx"),
        (
            "graph",
            {"model": "m.tflite", "backend": "litert", "conversion": {"to": "litert", "weights": "f16"}},
            "f16 applies to OpenVINO IRs only",
        ),
        (
            "graph",
            {"model": "m.tflite", "backend": "litert", "output": "an answer", "conversion": {"to": "litert"}},
            "TensorFlow does not accept the name 'an answer'",
        ),
        (
            "litert float32",
            {"model": "m.xml", "input": {"name": "pixels", "color": "BGR", "mean": 3}},
            "neither the reference's",
        ),
    ],
)
def test_what_cannot_be_converted_is_refused(
    models: Models, tmp_path: Path, kind: str, asked: dict[str, Any], message: str
) -> None:
    config = configuration(tmp_path, models, kind, asked)
    with pytest.raises((ConfigError, ModelError), match=message):
        convert(config, config.candidates[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yml", "images"]


def test_a_missing_converter_names_its_extra(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    asked = {"model": "made.onnx", "backend": "onnxruntime", "conversion": {"to": "onnx"}}
    config = configuration(tmp_path, models, "graph", asked)
    with pytest.raises(ModelError, match=r"needs tf2onnx.*conversion-accuracy-harness\[to-onnx\]"):
        convert(config, config.candidates[0])


@pytest.mark.parametrize("kind", ["onnx NHWC", "litert float32"])
@pytest.mark.parametrize("fault", ["cut", "text", "input", "output"])
def test_a_bad_original_is_named(models: Models, tmp_path: Path, kind: str, fault: str) -> None:
    backend, model, output = models[kind]
    bad = tmp_path / f"bad{model.suffix}"
    content = model.read_bytes()
    bad.write_bytes({"cut": content[: len(content) // 2], "text": b"no model"}.get(fault, content))
    config = configuration(
        tmp_path, {"bad": (backend, bad, "outptu" if fault == "output" else output)}, "bad", {"model": "ir.xml"}
    )
    if fault == "input":
        contract = config.original.input.model_copy(update={"name": "inptu"})
        config = config.model_copy(update={"reference": config.original.model_copy(update={"input": contract})})
    with pytest.raises(ModelError, match=rf"has no {fault} '" if fault in ("input", "output") else r"bad\."):
        convert(config, config.candidates[0])
    assert not (tmp_path / "ir.xml").exists()


def test_data_outside_the_folder_is_not_read_by_openvino(
    network: Network, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    require("openvino")
    (tmp_path / "secret").write_bytes(network.first.tobytes())
    (tmp_path / "sub").mkdir()
    model = write_onnx(tmp_path / "sub" / "m.onnx", network, location="../secret")
    with pytest.raises(ModelError, match="outside the model's folder"):
        answers("openvino", model, Input(name="input", color="RGB"), "probabilities", pixels)


def test_convert_says_when_nothing_is_converted(models: Models, tmp_path: Path) -> None:
    import argparse

    direct = {"backend": "onnxruntime", "model": str(models["onnx NHWC"][1])}
    config = configuration(tmp_path, models, "graph", direct, {**direct, "backend": "openvino"})
    options = argparse.Namespace(
        config=config.source_file, overrides=[], candidate=None, weights=None, if_needed=True, overwrite=False
    )
    assert run_convert(options).text.endswith("no candidate is converted, because all files are used as they are\n")
    options.if_needed = False
    with pytest.raises(ConfigError, match=r"write `conversion: \{to: \.\.\.\}`"):
        run_convert(options)


def test_the_names_of_a_signature(models: Models, tmp_path: Path) -> None:
    model = models["litert float32"][1]
    assert set(signature_names(model)) == {"input", "probabilities"}
    content = model.read_bytes()
    broken = tmp_path / "broken.tflite"
    generator = np.random.default_rng(0)
    for _ in range(300):
        changed = bytearray(content[: int(generator.integers(1, len(content)))])
        for place in generator.integers(0, min(len(changed), 400), 8):
            changed[place] = int(generator.integers(0, 256))
        broken.write_bytes(changed)
        assert isinstance(signature_names(broken), dict)
    assert signature_names(tmp_path / "missing.tflite") == {}


@pytest.mark.parametrize("name", ["m, 1", "m"])
@pytest.mark.parametrize("kind", ["onnx NHWC", "litert float32", "saved_model"])
def test_a_path_may_have_commas(
    models: Models, network: Network, tmp_path: Path, pixels: Any, kind: str, name: str
) -> None:
    backend, model, output = models[kind]
    folder = tmp_path / "a, b(c),"
    folder.mkdir()
    copied = folder / f"{name}{model.suffix}"
    if model.is_dir():
        shutil.copytree(model, copied)
    else:
        shutil.copy(model, copied)
    config = configuration(folder, {kind: (backend, copied, output)}, kind, {"model": "ir, 1.xml"})
    done = convert(config, config.candidates[0])
    found = answers("openvino", done.xml, Input(name="pixels", color="BGR"), "answer", pixels)
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=1e-5)
