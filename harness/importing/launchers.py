"""Accuracy Checker's launchers and adapters as models: backend, file, input, output, device, precision.

Sources: ``launcher/*_launcher.py``, ``launcher/*_launcher_readme.md``, ``launcher/input_feeder.py`` and
``adapters/classification.py`` of Accuracy Checker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from harness.errors import nearest
from harness.importing.documents import Part, numbers_in, shown
from harness.importing.model_yml import size_of

CONVERTED: Final = frozenset({"openvino", "dlsdk"})  # the frameworks of the converted model; `dlsdk` is the old name
_NOT_RUN: Final[dict[str, str]] = {
    "caffe": "Caffe",
    "dgl": "DGL",
    "dummy": "stored predictions",
    "g-api": "OpenCV's G-API",
    "kaldi": "Kaldi",
    "mxnet": "MXNet",
    "onnx_openvino": "ONNX through the old Inference Engine",
    "opencv": "OpenCV's DNN module",
    "paddle_paddle": "PaddlePaddle",
    "pytorch": "PyTorch models that are built by Python code",
}
_RUN: Final = ("tf", "tf2", "tf_lite", "onnx_runtime", "openvino", "dlsdk")
_ELEMENTS: Final = {"FP32": "f32", "F32": "f32", "FP16": "f16", "F16": "f16", "U8": "u8", "I8": "i8"}
_LAYOUTS: Final = ("NCHW", "NHWC")
_HALF: Final = {"f32": "f32", "fp32": "f32", "f16": "f16", "fp16": "f16", "bf16": "bf16"}
_LOST: Final[dict[str, str]] = {
    "affinity_map": "the harness does not assign operations to devices by a map",
    "cpu_extensions": "the harness does not load operations of extensions, so the network may not run",
    "gpu_extensions": "the harness does not load operations of extensions, so the network may not run",
    "mo_flags": "the IR is converted by `harness convert`; write the flags into model.yml's model_optimizer_args",
    "mo_params": "the IR is converted by `harness convert`; write them into model.yml's model_optimizer_args",
    "predictions": "the harness does not read stored predictions; it runs the model itself",
    "kaldi_model": "the model is of another framework than the entry",
    "caffe_model": "the model is converted by `harness convert`",
    "caffe_weights": "the model is converted by `harness convert`",
    "tf_model": "the model is converted by `harness convert`",
    "tf_meta": "the model is converted by `harness convert`",
    "onnx_model": "the model is converted by `harness convert`",
    "mxnet_weights": "the model is converted by `harness convert`",
}


@dataclass
class Runner:
    """What runs one entry's network."""

    framework: str
    framework_place: str
    backend: str
    model: str | None = None
    model_place: str = ""
    input_name: str | None = None
    input_place: str = ""
    layout: str | None = None
    element: str | None = None
    input_size: tuple[int, int] | None = None
    output: str | None = None
    output_place: str = ""
    activation: str | None = None
    device: str | None = None
    precision: str = "f32"
    batch: int | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    @property
    def is_converted(self) -> bool:
        """Whether this is the converted model rather than an original one."""
        return self.framework in CONVERTED


def read_runner(launcher: Part, *, several: bool) -> Runner | None:
    """Read one launcher; None if its framework cannot be run. ``several``: there are other entries to import."""
    framework = launcher.text("framework")
    if framework is None:
        launcher.refuse_missing("framework", "it is unknown what runs the model")
        return None
    framework = framework.lower()
    if framework not in _RUN:
        _refuse_framework(launcher, framework, several=several)
        return None
    found = Runner(framework, launcher.place("framework"), "openvino")
    launcher.raw("tags")  # labels by which Accuracy Checker's command line chooses entries
    if framework in CONVERTED:
        _read_converted(launcher, found)
    else:
        _read_original(launcher, found)
    _read_inputs(launcher, found)
    _read_adapter(launcher, found)
    launcher.finish(_LOST)
    return found


def _refuse_framework(launcher: Part, framework: str, *, several: bool) -> None:
    mend = "; the other entries are imported with `--only FRAMEWORK`" if several else ""
    if framework in _NOT_RUN:
        launcher.refuse("framework", f"{_NOT_RUN[framework]} ({framework}) cannot be run by the harness{mend}")
        return
    near = nearest(framework, [*_RUN, *_NOT_RUN])
    hint = f"; did you mean {near[0]}?" if near else ""
    launcher.refuse("framework", f"{shown(framework)} is not a framework of Accuracy Checker{hint}")


def _read_converted(launcher: Part, found: Runner) -> None:
    found.model = launcher.text("model")
    if found.model is not None:
        found.model_place = launcher.place("model")
        if found.model.endswith(".blob"):
            launcher.refuse("model", "the harness cannot read a compiled blob; use the .xml")
    weights = launcher.text("weights")
    if weights is not None and (found.model is None or weights != found.model.removesuffix(".xml") + ".bin"):
        launcher.refuse("weights", "the weights are read from the .bin next to the .xml; rename or move the file")
    device = launcher.text("device")
    if device is not None:
        found.device, found.places["device"] = device, launcher.place("device")
    batch = launcher.whole("batch", 1, 4096)
    if batch is not None:
        found.batch, found.places["batch"] = batch, launcher.place("batch")
    outputs = launcher.texts("outputs")
    if len(outputs) == 1:
        found.output, found.output_place = outputs[0][0], outputs[0][1]
    elif outputs:
        launcher.refuse("outputs", "the harness reads only one output; a classifier has one")
    if launcher.truth("allow_reshape_input"):
        launcher.refuse(
            "allow_reshape_input", "the harness keeps the size of the network's input, for images of any size"
        )
    for name in ("async_mode", "num_requests", "should_log_cmd", "reset_memory_state"):
        launcher.raw(name)  # speed, a log, and recurrent networks: no prediction of a classifier changes
    config = launcher.part("device_config")
    if config is not None:
        _read_device_config(config, found)


def _read_device_config(config: Part, found: Runner) -> None:
    device = found.device or "CPU"
    inner = [name for name, value in config.values.items() if isinstance(value, dict)]
    for name in inner:
        part = config.part(name)
        if part is None:
            continue
        if name == device:
            _read_properties(part, found)
        else:
            config.refuse(name, f"properties of {name} are set here only where the entry's device is {name}")
    if not inner:
        _read_properties(config, found)


def _read_properties(part: Part, found: Runner) -> None:
    for name in list(part.names()):
        if name == "ENFORCE_BF16":  # gone from today's OpenVINO; the precision is pinned instead
            found.precision = "bf16" if part.truth(name) else "f32"
            found.places["precision"] = part.place(name)
        elif name == "INFERENCE_PRECISION_HINT":
            precision = _HALF.get((part.text(name) or "").lower())
            if precision is None:
                part.refuse(name, "is not a precision that can be pinned; f32, f16 and bf16 are")
            else:
                found.precision, found.places["precision"] = precision, part.place(name)
        else:
            value = part.raw(name)
            if isinstance(value, (dict, list)) or value is None or not str(value).isprintable():
                part.refuse(name, f"{shown(value)} is not a value of a property")
            else:
                found.properties[name] = value
                found.places["properties"] = part.place(name)


def _read_original(launcher: Part, found: Runner) -> None:
    device = launcher.text("device")
    if device is not None and device.lower() != "cpu":
        launcher.refuse("device", f"the harness runs the original model on the CPU, not on {shown(device)}")
    if found.framework == "onnx_runtime":
        providers = [text for text, _, _ in launcher.texts("execution_providers")]
        if providers not in ([], ["CPUExecutionProvider"]):
            launcher.refuse(
                "execution_providers", "the harness runs the original model on the CPU; use CPUExecutionProvider"
            )
        found.backend = "onnxruntime"
        keys: tuple[str, ...] = ("model",)
    elif found.framework == "tf_lite":
        found.backend, keys = "litert", ("model",)
    elif found.framework == "tf":
        found.backend, keys = "tensorflow", ("model", "saved_model_dir")
    else:
        found.backend, keys = "saved_model", ("saved_model_dir", "model")
    _read_original_file(launcher, found, keys)
    if found.framework in ("tf", "tf2"):
        outputs = launcher.texts("output_names")
        if len(outputs) == 1:
            found.output, found.output_place = outputs[0][0], outputs[0][1]
        elif outputs:
            launcher.refuse("output_names", "the harness reads only one output; a classifier has one")


def _read_original_file(launcher: Part, found: Runner, keys: tuple[str, ...]) -> None:
    named = [name for name in keys if name in launcher]
    if len(named) > 1:
        launcher.refuse(named[1], f"contradicts `{named[0]}`; Accuracy Checker takes one of them")
    if not named:
        launcher.refuse(None, f"has no model: `{keys[0]}` is missing")
        return
    found.model, found.model_place = launcher.text(named[0]), launcher.place(named[0])
    if found.framework == "tf" and found.model is not None:
        if named[0] == "saved_model_dir":
            found.backend = "saved_model"
        elif found.model.endswith(".meta"):
            found.backend = "tf_checkpoint"


def _read_inputs(launcher: Part, found: Runner) -> None:
    inputs = launcher.parts("inputs")
    images = []
    for part in inputs:
        kind = part.text("type") or "INPUT"
        if kind.upper() == "INPUT":
            images.append(part)
        else:
            part.refuse("type", f"{shown(kind)}: the harness can only feed one input, of images")
    for part in images[1:]:
        part.refuse(None, "the harness cannot feed a second input; only networks with one image input can be imported")
    if not images:
        return
    _read_image_input(images[0], found)


def _read_image_input(part: Part, found: Runner) -> None:
    found.input_name, found.input_place = part.text("name"), part.place("name")
    if part.raw("value") is not None:
        part.refuse(
            "value", "chooses between several images of an annotation; the harness runs one inference per image"
        )
    layout, precision = part.text("layout"), part.text("precision")
    if layout is not None:
        if layout.upper() in _LAYOUTS:
            found.layout, found.places["layout"] = layout.upper(), part.place("layout")
        else:
            part.refuse("layout", f"{shown(layout)} is not supported; NCHW and NHWC are")
    if precision is not None:
        element = _ELEMENTS.get(precision.upper())
        if element is None:
            part.refuse("precision", f"{shown(precision)} is not a supported element type of images")
        else:
            found.element, found.places["element"] = element, part.place("precision")
    shape = part.raw("shape")
    if shape is not None:
        numbers = numbers_in(shape)
        if numbers is None:
            part.refuse("shape", f"{shown(shape)} is not a shape")
        elif all(abs(number) < 1e9 for number in numbers):
            found.input_size = size_of(numbers)
    part.finish()


def _read_adapter(launcher: Part, found: Runner) -> None:
    if "adapter" not in launcher:
        launcher.refuse_missing("adapter", "it is unknown what the output means; `classification` can be carried over")
        return
    value = launcher.raw("adapter")
    adapter = launcher.part("adapter") if isinstance(value, dict) else None
    kind = adapter.text("type") if adapter is not None else value
    if adapter is not None and kind is None:
        adapter.refuse_missing("type", "it is unknown what the output means; `classification` can be carried over")
        return
    if kind != "classification":
        launcher.refuse("adapter", f"{shown(kind)} gives no classes; `classification` can be carried over")
        return
    if adapter is None:
        return
    for name, why in (
        ("argmax_output", "the output would be a class and no probabilities, so Top-5 and parity cannot be computed"),
        ("fixed_output", "the prediction would be one fixed value of the output"),
        ("block", "a whole batch would be one prediction"),
        ("label_as_array", "a prediction would have several labels"),
    ):
        if adapter.truth(name):
            adapter.refuse(name, why)
    adapter.raw("fixed_output_index")  # of `fixed_output` only
    if adapter.raw("multi_label_threshold") is not None:
        adapter.refuse("multi_label_threshold", "a prediction would have several labels")
    if adapter.truth("do_softmax"):
        found.activation, found.places["activation"] = "softmax", adapter.place("do_softmax")
    output = adapter.text("classification_output")
    if output is not None:
        found.output, found.output_place = output, adapter.place("classification_output")
    adapter.finish()
