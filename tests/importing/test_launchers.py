"""Launchers and adapters: what runs an entry, and what is refused because it would compute something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.importing.documents import Part
from harness.importing.launchers import Runner, read_runner

ADAPTER = "adapter: classification\n"


@pytest.fixture
def read(part: Callable[[str], Part]) -> Callable[[str], Runner]:
    """Read a launcher that must have no faults."""

    def of(text: str) -> Runner:
        top = part(text + ADAPTER)
        found = read_runner(top, several=False)
        assert top.faults.found == []
        assert found is not None
        return found

    return of


@pytest.fixture
def faults(part: Callable[[str], Part]) -> Callable[[str], list[str]]:
    """Read a launcher and return its faults, without the file."""

    def of(text: str) -> list[str]:
        top = part(text)
        read_runner(top, several=True)
        return [fault.removeprefix(f"{top.document.file}:") for fault in top.faults.found]

    return of


@pytest.mark.parametrize(
    ("text", "backend", "model"),
    [
        ("framework: tf\nmodel: net.pb\n", "tensorflow", "net.pb"),
        ("framework: TF\nmodel: net.frozen.pb\ndevice: cpu\n", "tensorflow", "net.frozen.pb"),
        ("framework: tf\nmodel: net/model.ckpt.meta\n", "tf_checkpoint", "net/model.ckpt.meta"),
        ("framework: tf\nsaved_model_dir: net.savedmodel\n", "saved_model", "net.savedmodel"),
        ("framework: tf2\nsaved_model_dir: net.savedmodel\n", "saved_model", "net.savedmodel"),
        ("framework: onnx_runtime\nmodel: net.onnx\n", "onnxruntime", "net.onnx"),
        ("framework: tf_lite\nmodel: net.tflite\n", "litert", "net.tflite"),
        ("framework: openvino\n", "openvino", None),
        ("framework: dlsdk\nmodel: net.xml\nweights: net.bin\n", "openvino", "net.xml"),
    ],
)
def test_frameworks(read: Callable[[str], Runner], text: str, backend: str, model: str | None) -> None:
    found = read(text)
    assert (found.backend, found.model) == (backend, model)


def test_what_a_launcher_says_of_input_output_and_device(read: Callable[[str], Runner]) -> None:
    found = read(
        "framework: openvino\ndevice: GPU\nbatch: 4\noutputs: [prob]\nasync_mode: True\nnum_requests: 4\ntags: [x]\n"
        "device_config: {GPU: {ENFORCE_BF16: 'YES', NUM_STREAMS: 2}}\n"
        "inputs: [{name: data, type: INPUT, layout: nchw, precision: U8, shape: '1,3,224,224'}]\n"
    )
    assert (found.device, found.batch, found.output, found.precision) == ("GPU", 4, "prob", "bf16")
    assert (found.input_name, found.layout, found.element, found.input_size) == ("data", "NCHW", "u8", (224, 224))
    assert found.properties == {"NUM_STREAMS": 2}


def test_an_input_without_type_is_of_images(read: Callable[[str], Runner]) -> None:
    assert read("framework: tf\nmodel: a.pb\ninputs: [{name: input}]\n").input_name == "input"


@pytest.mark.parametrize(
    ("adapter", "output", "activation"),
    [
        ("classification", None, None),
        ("{type: classification}", None, None),
        ("{type: classification, classification_output: prob, do_softmax: True}", "prob", "softmax"),
        ("{type: classification, argmax_output: False, block: no, fixed_output_index: 3}", None, None),
    ],
)
def test_adapters(part: Callable[[str], Part], adapter: str, output: str | None, activation: str | None) -> None:
    top = part(f"framework: openvino\nadapter: {adapter}\n")
    found = read_runner(top, several=False)
    assert top.faults.found == []
    assert found is not None
    assert (found.output, found.activation) == (output, activation)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "framework: caffe\n",
            "1: framework: Caffe (caffe) cannot be run by the harness; the other entries are imported with",
        ),
        ("framework: mxnet\n", "1: framework: MXNet (mxnet) cannot be run by the harness"),
        ("framework: paddle_paddle\n", "1: framework: PaddlePaddle (paddle_paddle) cannot be run by the harness"),
        ("framework: pytorch\nmodule: m\n", "1: framework: PyTorch models that are built by Python code"),
        ("framework: openvin\n", "did you mean openvino?"),
        ("frame: openvino\n", "1: frame: this key is unknown; did you mean `framework`?"),
        ("framework: openvino\n", "1: the file: has no `adapter`"),
        ("framework: tf\n" + ADAPTER, "1: the file: has no model: `model` is missing"),
        ("framework: tf\nmodel: a\nsaved_model_dir: b\n" + ADAPTER, "3: saved_model_dir: contradicts `model`"),
        ("framework: openvino\nmodel: a.xml\nweights: b.bin\n" + ADAPTER, "3: weights: the weights are read from"),
        ("framework: openvino\nmodel: a.blob\n" + ADAPTER, "2: model: the harness cannot read a compiled blob"),
        (
            "framework: openvino\ncpu_extensions: AUTO\n" + ADAPTER,
            "2: cpu_extensions: the harness does not load operations",
        ),
        (
            "framework: openvino\nallow_reshape_input: True\n" + ADAPTER,
            "2: allow_reshape_input: the harness keeps the size of the network",
        ),
        ("framework: openvino\nmo_flags: [x]\n" + ADAPTER, "2: mo_flags: the IR is converted by"),
        ("framework: openvino\noutputs: [a, b]\n" + ADAPTER, "2: outputs: the harness reads only one"),
        ("framework: openvino\ndevise: CPU\n" + ADAPTER, "2: devise: this key is unknown, so its effect"),
        (
            "framework: tf\nmodel: a\ndevice: gpu\n" + ADAPTER,
            "3: device: the harness runs the original model on the CPU",
        ),
        (
            "framework: onnx_runtime\nmodel: a\nexecution_providers: [CUDAExecutionProvider]\n" + ADAPTER,
            "3: execution_providers: the harness runs the original model on the CPU",
        ),
        ("framework: openvino\nadapter: ssd\n", "2: adapter: 'ssd' gives no classes"),
        (
            "framework: openvino\nadapter: {type: classification, argmax_output: True}\n",
            "2: adapter.argmax_output: the output would be a class",
        ),
        (
            "framework: openvino\nadapter: {type: classification, multi_label_threshold: 0.5}\n",
            "2: adapter.multi_label_threshold: a prediction would have several labels",
        ),
        (
            "framework: openvino\ninputs: [{name: a, type: CONST_INPUT, value: 1}, {name: b, type: INPUT}]\n" + ADAPTER,
            "2: inputs[0].type: 'CONST_INPUT': the harness can only feed one input",
        ),
        (
            "framework: openvino\ninputs: [{name: a, type: INPUT}, {name: b, type: INPUT}]\n" + ADAPTER,
            "2: inputs[1]: the harness cannot feed a second input",
        ),
        (
            "framework: openvino\ninputs: [{name: a, type: INPUT, layout: NCWH}]\n" + ADAPTER,
            "2: inputs[0].layout: 'NCWH' is not supported",
        ),
        (
            "framework: openvino\ninputs: [{name: a, type: INPUT, precision: I64}]\n" + ADAPTER,
            "2: inputs[0].precision: 'I64' is not a supported element type",
        ),
    ],
)
def test_what_would_compute_something_else_is_refused(
    faults: Callable[[str], list[str]], text: str, message: str
) -> None:
    assert any(fault.startswith(message) or message in fault for fault in faults(text))


@pytest.mark.parametrize(
    ("config", "precision"),
    [
        ("{ENFORCE_BF16: 'NO'}", "f32"),
        ("{CPU: {ENFORCE_BF16: 'YES'}}", "bf16"),
        ("{INFERENCE_PRECISION_HINT: f16}", "f16"),
    ],
)
def test_precision_of_a_device_configuration(read: Callable[[str], Any], config: str, precision: str) -> None:
    assert read(f"framework: openvino\ndevice_config: {config}\n").precision == precision
