"""A Keras model as a frozen graph: in inference, with its weights as constants."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from harness.backends.keras.framework import import_keras
from harness.backends.keras.keras2 import substitutes
from harness.backends.keras.training import refuse_training
from harness.backends.keras.untrusted import Described, described
from harness.backends.names import find_by_name, require_one_input
from harness.backends.tensorflow.exporting import written
from harness.backends.tensorflow.framework import import_tensorflow, reason
from harness.backends.tensorflow.freezing import needed, renamed
from harness.backends.tensorflow.frozen import Frozen
from harness.backends.tensorflow.ports import Port, Ports, sides_of
from harness.config import Reference
from harness.errors import ModelError


def open_keras(path: Path, *, names: tuple[str | None, str | None], allow: frozenset[str]) -> Frozen:
    """Return a model as a frozen graph whose input and output bear the configured names. Raises ModelError."""
    tf = import_tensorflow()
    model = _loaded(path)
    found = _ports(tf, model)
    source = find_by_name(names[0], found.inputs, what="input", model=str(path))
    require_one_input(path, next(name for name, port in found.inputs.items() if port is source), found.inputs)
    output = find_by_name(names[1], found.outputs, what="output", model=str(path))
    chosen = next(at for at, tensor in enumerate(model.outputs) if tensor.name == output.tensor)
    spec = tf.TensorSpec(source.sides, source.dtype, name="pixels")

    def run(pixels: Any) -> Any:
        return tf.nest.flatten(model(pixels, training=False))[chosen]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras's words on how its inputs are nested
            function = tf.function(run, autograph=False).get_concrete_function(spec)
            from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

            constant = convert_variables_to_constants_v2(function)
    except Exception as error:  # noqa: BLE001  (layers raise all kinds for what they cannot compute)
        raise ModelError(f"{path}: Keras cannot run this model: {reason(error)}") from None
    tensors = (constant.inputs[0].name, constant.outputs[0].name)
    part = needed(tf, constant.graph.as_graph_def(), tensors[1], path)
    return renamed(tf, part, path, tensors, names, allow)


def ports(path: Path) -> Ports:
    """Return a model's inputs and outputs by their layers' names. Raises ModelError."""
    return _ports(import_tensorflow(), _loaded(path))


def frozen(reference: Reference) -> Frozen:
    """Return the model as a frozen graph. Raises ModelError."""
    names = (reference.input.name, reference.output_name)
    return open_keras(reference.model, names=names, allow=frozenset(reference.allow_ops))


def exported(reference: Reference, folder: Path) -> Path:
    """Write the model as a frozen graph into a folder; return its path. Raises ModelError."""
    return written(frozen(reference), folder)


def _loaded(path: Path) -> Any:
    said = described(path)
    refuse_training(said.config, path)
    keras = import_keras()
    custom = substitutes(keras, said.config, path) if path.suffix != ".keras" else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = keras.models.load_model(path, custom_objects=custom, compile=False, safe_mode=True)
    except ModelError:
        raise
    except Exception as error:  # noqa: BLE001  (Keras raises all kinds for a file that it cannot read)
        raise _refused(path, said, keras.__version__, error) from None
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ModelError(f"{path}: does not state the shape of its input; save it after it was built or called once")
    return model


def _refused(path: Path, said: Described, version: str, error: Exception) -> ModelError:
    if said.version.startswith(("1.", "2.")):
        return ModelError(
            f"{path}: written by Keras {said.version}, and Keras {version} cannot load it: {reason(error)}; export it "
            "as a SavedModel with Keras 2 (`pip install tf_keras`), and use `backend: saved_model`"
        )
    return ModelError(f"{path}: Keras {version} cannot load this model: {reason(error)}; save it again")


def _ports(tf: Any, model: Any) -> Ports:
    """Return the ports by the names of their layers, of an output also as `output_0`, as an exported model has it."""
    inputs = {str(tensor.name): _port(tf, tensor) for tensor in model.inputs}
    ends = [_port(tf, tensor) for tensor in model.outputs]
    names = [str(name) for name in getattr(model, "output_names", None) or [model.layers[-1].name]]
    numbered = {f"output_{at}": port for at, port in enumerate(ends)}
    return Ports(inputs, {**dict(zip(names, ends, strict=False)), **numbered})


def _port(tf: Any, tensor: Any) -> Port:
    return Port(str(tensor.name), sides_of(tf, tensor.shape), str(tensor.dtype))
