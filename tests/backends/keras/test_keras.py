from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.keras.facts import FACTS
from harness.backends.keras.known_classes import KNOWN
from harness.backends.keras.opened import frozen, ports
from harness.backends.keras.runner import KerasBackend
from harness.backends.keras.untrusted import require_harmless
from harness.backends.registry import recognise
from harness.config import Input, Reference
from harness.errors import DeviceError, ModelError
from tests.backends.keras.keras_files import functional, require_keras
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, Network

# Keras's own, while it saves with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
TOLERANCE = 1e-5
CONTRACT = Input(name="image", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(KerasBackend, ModelSpec("keras", "", CONTRACT, "probabilities", SIZE, CLASSES + 1, batch=3))
spec, infer, refused = ALONE.spec, ALONE.infer, ALONE.refused


@pytest.fixture(scope="module")
def keras(tensorflow: Any) -> Any:
    return require_keras()


@pytest.fixture(scope="module")
def made(keras: Any, network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, model = tmp_path_factory.mktemp("saved"), functional(keras, network)
    found = {suffix: folder / f"m{suffix}" for suffix in (".keras", ".h5")}
    for path in found.values():
        model.save(path)
    return found


@pytest.fixture
def h5(made: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copy(made[".h5"], tmp_path / "m.h5"))


def edited_h5(path: Path, change: Callable[[dict[str, Any]], None], version: str = "2.8.0") -> Path:
    """Change the configuration in an .h5 file, and say that Keras 2 wrote it."""
    import h5py

    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"], file.attrs["keras_version"] = json.dumps(config), version
    return path


def edited_keras(path: Path, to: Path, change: Callable[[dict[str, Any]], None], **more: bytes) -> Path:
    """Write a .keras file with another configuration, and with more files in it."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(to, "w") as copy:
        for name in archive.namelist():
            data = archive.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            copy.writestr(name, data)
        for name, data in more.items():
            copy.writestr(name, data)
    return to


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in config["config"]["layers"] if item["config"]["name"] == name)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_both_formats(made: dict[str, Path], network: Network, pixels: Pixels, suffix: str) -> None:
    found = infer(pixels, spec(made[suffix]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=TOLERANCE)
    np.testing.assert_array_equal(found, infer(pixels, spec(made[suffix], output="output_0", batch=32)))


def test_a_sequential_model_with_a_fixed_batch(keras: Any, network: Network, pixels: Pixels, tmp_path: Path) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3), batch_size=4, name="image"),
            layers.Conv2D(8, 1, use_bias=False, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES + 1, use_bias=False, activation="softmax", name="probabilities"),
        ]
    )
    model.set_weights([network.first[None, None], network.second])
    model.save(tmp_path / "m.keras")
    with KerasBackend(spec(tmp_path / "m.keras", batch=32)) as backend:
        assert backend.loaded.details["batch"] == 4
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)


def test_operations_between_layers(keras: Any, network: Network, pixels: Pixels, tmp_path: Path) -> None:
    functional(keras, network, lambda x: keras.ops.relu(x + 1) - keras.ops.relu(-x - 1) - 1.0).save(
        tmp_path / "m.keras"
    )
    np.testing.assert_allclose(infer(pixels, spec(tmp_path / "m.keras")), network.of_pixels(pixels), atol=TOLERANCE)


def test_what_it_reports(made: dict[str, Path], keras: Any, tensorflow: Any) -> None:
    with KerasBackend(spec(made[".keras"], threads=1)) as backend:
        loaded = backend.loaded
    assert loaded.backend == f"keras {keras.__version__}, tensorflow {tensorflow.__version__}"
    assert (loaded.device, loaded.effective_precision, loaded.warnings) == ("CPU", "f32", ())
    assert loaded.model_sha256 == hashlib.sha256(made[".keras"].read_bytes()).hexdigest()
    assert loaded.details["threads"] == 1
    assert f"keras {keras.__version__}" in FACTS.version()
    assert "tensorflow" in FACTS.version()


def test_half_precision_is_read_back(keras: Any, network: Network, tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        functional(keras, network).save(tmp_path / "m.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    with KerasBackend(spec(tmp_path / "m.keras")) as backend:
        assert "f16" in backend.loaded.effective_precision
        assert "f32 was requested, but the graph computes in" in backend.loaded.warnings[0]


def test_ports_and_the_frozen_graph(made: dict[str, Path]) -> None:
    found = ports(made[".keras"])
    assert {name: port.sides for name, port in found.inputs.items()} == {"image": (None, SIZE, SIZE, 3)}
    assert {name: port.sides for name, port in found.outputs.items()} == {
        "probabilities": (None, CLASSES + 1),
        "output_0": (None, CLASSES + 1),
    }
    graph = frozen(Reference(backend="keras", model=made[".h5"], input=CONTRACT, output="probabilities"))
    assert (graph.input, graph.output) == ("image:0", "probabilities:0")
    assert not {node.op for node in graph.graph_def.node} & {"VarHandleOp", "ReadVariableOp"}


def test_a_file_of_keras_2_with_an_argument_that_changes_nothing(
    keras: Any, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    def identity(x: Any) -> Any:
        return keras.layers.DepthwiseConv2D(1, use_bias=False, depthwise_initializer="ones", name="depthwise")(x)

    functional(keras, network, identity).save(tmp_path / "m.h5")
    model = edited_h5(tmp_path / "m.h5", lambda config: layer(config, "depthwise")["config"].update(groups=1))
    np.testing.assert_allclose(infer(pixels, spec(model)), network.of_pixels(pixels), atol=TOLERANCE)
    edited_h5(model, lambda config: layer(config, "depthwise")["config"].update(groups=3))
    assert refused(spec(model)) == (
        f"{model}: the layer 'depthwise' (DepthwiseConv2D) has groups=3, which Keras 3 cannot compute; export it as a "
        "SavedModel with Keras 2, and use `backend: saved_model`"
    )


def test_a_file_of_keras_2_that_keras_3_refuses_is_explained(h5: Path) -> None:
    model = edited_h5(h5, lambda config: layer(config, "first")["config"].update(invented=1))
    message = refused(spec(model))
    assert f"{model}: written by Keras 2.8.0, and Keras 3" in message
    assert message.endswith(
        "export it as a SavedModel with Keras 2 (`pip install tf_keras`), and use `backend: saved_model`"
    )
    edited_h5(h5, lambda config: layer(config, "dropout").update(class_name="TFOpLambda"))
    assert "is an operation of Keras 2, which Keras 3 does not have" in refused(spec(h5))


def test_it_is_recognised(made: dict[str, Path]) -> None:
    assert recognise(made[".keras"]) is recognise(made[".h5"]) is FACTS


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_wrong_name_is_answered_with_the_nearest(made: dict[str, Path], suffix: str) -> None:
    path = made[suffix]
    assert refused(spec(path, output="probability")) == (
        f"{path}: has no output 'probability'; did you mean 'probabilities'? Available: probabilities, output_0"
    )
    message = refused(spec(path, input=Input(name="imag", color="RGB")))
    assert message == f"{path}: has no input 'imag'; did you mean 'image'? Available: image"


def test_another_size_another_width_and_a_second_input(made: dict[str, Path], keras: Any, tmp_path: Path) -> None:
    assert "16, 3], but [?, 24, 24, 3] or [?, 3, 24, 24] is configured" in refused(spec(made[".keras"], size=24))
    assert "has 5 values per image, but the labels need 4; set dataset.background_class" in refused(
        spec(made[".keras"], outputs=4)
    )
    inputs = [keras.Input((SIZE, SIZE, 3), name=name) for name in ("image", "other")]
    keras.Model(inputs, keras.layers.Add(name="probabilities")(inputs)).save(tmp_path / "m.keras")
    assert "also needs the input 'other', which receives no value" in refused(spec(tmp_path / "m.keras"))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_off_file(made: dict[str, Path], tmp_path: Path, suffix: str, share: float) -> None:
    data, path = made[suffix].read_bytes(), tmp_path / f"m{suffix}"
    path.write_bytes(data[: int(share * len(data))])
    kind = "not a Keras model" if suffix == ".keras" else "not an HDF5 file"
    message = refused(spec(path))
    assert message.startswith(f"{path}: {kind}, or cut off: ")
    assert message.endswith("; save the model again, or copy it again")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_other_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    assert "No such file" in refused(spec(path))
    path.write_bytes(pickle.dumps({"class_name": "Functional"}))
    assert "or cut off: " in refused(spec(path))


def test_weights_without_a_network(keras: Any, network: Network, tmp_path: Path) -> None:
    functional(keras, network).save_weights(tmp_path / "m.weights.h5")
    assert refused(spec(tmp_path / "m.weights.h5")) == (
        f"{tmp_path}/m.weights.h5: contains weights without the network; save the whole model "
        "(`model.save(FILE)`), not `save_weights`"
    )


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layers_are_refused(keras: Any, network: Network, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"m{suffix}"
    functional(keras, network, keras.layers.Lambda(lambda x: 1 * x, name="evil")).save(path)
    assert refused(spec(path)) == (
        f"{path}: refused: its layer 'evil' (Lambda) runs code from the file; export it as a SavedModel "
        "(`model.export(FOLDER)`), and use `backend: saved_model`"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"class_name": "Popen", "module": "subprocess"},
            "'dropout' (Popen) of subprocess is not a known class of Keras",
        ),
        ({"module": "os"}, "'dropout' (Dropout) of os is not a known class of Keras"),
        ({"module": "kerasevil"}, "'dropout' (Dropout) of kerasevil is not a known class of Keras"),
        ({"registered_name": "pkg>Dropout"}, "'dropout' (Dropout) of keras.layers is not a known class of Keras"),
        ({"class_name": "TFSMLayer"}, "its layer 'dropout' (TFSMLayer) runs code"),
        ({"class_name": "StringLookup"}, "'dropout' (StringLookup) of keras.layers is not a known class of Keras"),
        ({"class_name": "function", "module": "builtins", "config": "exec"}, "'function' of builtins is not a known"),
        (
            {"class_name": "get_file", "module": "keras.utils"},
            "'dropout' (get_file) of keras.utils is not a known class",
        ),
        ({"class_name": ["x"]}, "a class has no name"),
    ],
)
def test_classes_that_are_none_of_keras_are_refused(
    made: dict[str, Path], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = edited_keras(made[".keras"], tmp_path / "m.keras", lambda config: layer(config, "dropout").update(change))
    with pytest.raises(ModelError, match="refused: ") as caught:
        require_harmless(path)
    assert message in str(caught.value)


def test_a_class_inside_a_layer_is_looked_at_too(made: dict[str, Path], h5: Path, tmp_path: Path) -> None:
    hidden = {"kernel_initializer": {"class_name": "__lambda__", "config": {"value": "4wAAAA=="}}}
    path = edited_keras(
        made[".keras"], tmp_path / "m.keras", lambda config: layer(config, "first")["config"].update(hidden)
    )
    assert "'__lambda__' runs code from the file" in refused(spec(path))
    edited_h5(h5, lambda config: layer(config, "first")["config"].update(hidden))
    assert "'__lambda__' runs code from the file" in refused(spec(h5))


def test_a_pickled_configuration_is_refused(h5: Path) -> None:
    import h5py

    with h5py.File(h5, "r+") as file:
        file.attrs["model_config"] = np.void(pickle.dumps({"class_name": "Functional", "config": {}}))
    assert refused(spec(h5)) == f"{h5}: its configuration is not JSON; save the model again, or copy it again"


def test_deep_nesting_is_refused(made: dict[str, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(made[".keras"]) as archive, zipfile.ZipFile(tmp_path / "m.keras", "w") as copy:
        copy.writestr("config.json", "[" * 100_000)
        copy.writestr("model.weights.h5", archive.read("model.weights.h5"))
    assert "its configuration is not JSON" in refused(spec(tmp_path / "m.keras"))


def test_files_that_no_network_needs_are_refused(made: dict[str, Path], tmp_path: Path) -> None:
    path = edited_keras(made[".keras"], tmp_path / "m.keras", lambda _: None, **{"../evil": b"x"})
    assert "refused: it contains '../evil', which no network needs" in refused(spec(path))
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = edited_keras(made[".keras"], path, lambda _: None, **{"config.json": b"{}"})
    assert "refused: it contains two files of the same name" in refused(spec(path))


@pytest.mark.parametrize("kind", ["link", "soft link", "external", "virtual"])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_weights_in_other_files_are_refused(
    made: dict[str, Path], h5: Path, tmp_path: Path, kind: str, suffix: str
) -> None:
    import h5py

    (tmp_path / "secret").write_bytes(bytes(64))
    weights = h5
    if suffix == ".keras":
        weights = tmp_path / "weights.h5"
        with zipfile.ZipFile(made[".keras"]) as archive:
            weights.write_bytes(archive.read("model.weights.h5"))
    with h5py.File(weights, "r+") as file:
        if kind == "link":
            file["other"] = h5py.ExternalLink(str(tmp_path / "secret"), "/x")
        elif kind == "soft link":
            file["other"] = h5py.SoftLink("/x")
        elif kind == "external":
            file.create_dataset("other", (16,), "f4", external=[(str(tmp_path / "secret"), 0, 64)])
        else:
            layout = h5py.VirtualLayout((16,), "f4")
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret"), "x", (16,))
            file.create_virtual_dataset("other", layout)
    path = weights
    if suffix == ".keras":
        path = tmp_path / "m.keras"
        with zipfile.ZipFile(made[".keras"]) as archive, zipfile.ZipFile(path, "w") as copy:
            copy.writestr("config.json", archive.read("config.json"))
            copy.writestr("model.weights.h5", weights.read_bytes())
    message = refused(spec(path))
    assert f"{path}: refused: " in message
    assert ("'/other' is a link" if "link" in kind else "the values of '/other' are in another file") in message


def test_more_weights_than_a_graph_may_have(h5: Path) -> None:
    import h5py

    with h5py.File(h5, "r+") as file:
        file.create_dataset("other", (2**30,), "f4", chunks=(2**20,), compression="gzip")
    assert "bytes of weights, more than 2147483647" in refused(spec(h5))


def test_the_known_classes_are_those_of_keras(keras: Any) -> None:
    there = {
        name
        for module in (keras, keras.layers, keras.initializers, keras.regularizers, keras.constraints)
        for name in dir(module)
    } | {*dir(keras.dtype_policies), *dir(keras.quantizers)}
    of_keras_2 = {"Policy", "TensorShape", "ThresholdedReLU", "Functional"}
    assert {name for name in KNOWN - there - of_keras_2 if name[-2:] not in ("1D", "3D", "2D")} == set()
    assert {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "StringLookup"} & KNOWN == set()


def test_other_devices_precisions_and_missing_packages(made: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = made[".keras"]
    assert "the backend keras runs on the CPU, not on GPU" in refused(spec(path, device="GPU"), DeviceError)
    assert "the backend keras runs f32, not f16" in refused(spec(path, precision="f16"), DeviceError)
    monkeypatch.setitem(sys.modules, "keras", None)
    message = refused(spec(path))
    assert message.startswith("the backend keras needs Keras, which cannot be imported")
    assert message.endswith("run `pip install 'conversion-accuracy-harness[keras]'`")
    assert ModelError.exit_code == DeviceError.exit_code == 3


def test_a_recurrent_layer_is_known_to_loop(tmp_path: Path) -> None:
    keras = require_keras()
    shapes = [keras.layers.Reshape((16, 48)), keras.layers.Bidirectional(keras.layers.LSTM(4)), keras.layers.Dense(5)]
    recurrent = keras.Sequential([keras.Input((16, 16, 3)), *shapes])
    plain = keras.Sequential([keras.Input((16, 16, 3)), shapes[0], keras.layers.Flatten(), keras.layers.Dense(5)])
    for name in ("m.keras", "m.h5"):
        for model, loops in ((recurrent, True), (plain, False)):
            model.save(tmp_path / name)
            assert FACTS.has_loops(tmp_path / name) == loops
    (tmp_path / "m.keras").write_bytes(b"no model")
    assert not FACTS.has_loops(tmp_path / "m.keras")
