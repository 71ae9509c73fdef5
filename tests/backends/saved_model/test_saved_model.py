from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.registry import facts_of, recognise
from harness.backends.saved_model.facts import FACTS
from harness.backends.saved_model.opened import frozen, ports
from harness.backends.saved_model.runner import SavedModelBackend
from harness.backends.tensorflow.runner import TensorFlowBackend
from harness.config import Input, Reference
from harness.errors import DeviceError, ModelError
from tests.backends.one_backend import OneBackend
from tests.backends.real_runs import stopped
from tests.backends.tensorflow.variable_graphs import save_tf1, save_tf2
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, GraphMaker, Network, Tiny, write_images

TOLERANCE = 1e-5
CONTRACT = Input(name="image", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(SavedModelBackend, ModelSpec("sm", "", CONTRACT, "probabilities", SIZE, CLASSES + 1, batch=3))
spec, infer, refused = ALONE.spec, ALONE.infer, ALONE.refused


@pytest.fixture(scope="module")
def made(tensorflow: Any, network: Network, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The network as TensorFlow 1 and 2 save it; tests that change one copy it."""
    folder = tmp_path_factory.mktemp("saved")
    return {
        "tf1": save_tf1(tensorflow, network, folder / "tf1"),
        "tf2": save_tf2(tensorflow, network, folder / "tf2"),
        "two": save_tf2(tensorflow, network, folder / "two", names=("first", "second")),
        "default": save_tf2(tensorflow, network, folder / "default", names=("serving_default", "other")),
    }


@pytest.fixture
def copy(made: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made["tf2"], tmp_path / "m"))


@pytest.mark.parametrize("form", ["tf1", "tf2", "default"])
@pytest.mark.parametrize("batch", [1, 32])
def test_saved_models_of_tensorflow_1_and_2(
    made: dict[str, Path], network: Network, pixels: Pixels, form: str, batch: int
) -> None:
    found = infer(pixels, spec(made[form], batch=batch))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("form", ["tf1", "tf2"])
def test_the_answers_are_those_of_the_frozen_graph_in_every_bit(
    made: dict[str, Path], make_graph: GraphMaker, pixels: Pixels, tmp_path: Path, form: str
) -> None:
    graph = make_graph(tmp_path / "g.pb")
    wanted = spec(graph, input=CONTRACT.model_copy(update={"name": "input"}), output="Net/Softmax")
    with TensorFlowBackend(wanted) as backend:
        np.testing.assert_array_equal(infer(pixels, spec(made[form])), backend.infer(pixels))


def test_the_signature_is_chosen_or_the_only_one(made: dict[str, Path], network: Network, pixels: Pixels) -> None:
    first, second = (infer(pixels, spec(made["two"], signature=name)) for name in ("first", "second"))
    np.testing.assert_allclose(first, network.of_pixels(pixels), atol=TOLERANCE)
    np.testing.assert_allclose(second, np.log(network.of_pixels(pixels)), atol=1e-4)
    assert refused(spec(made["two"])) == f"{made['two']}: has the signatures first, second; write `signature: NAME`"
    assert refused(spec(made["two"], signature="frist")) == (
        f"{made['two']}: has no signature 'frist'; did you mean 'first'? Available: first, second"
    )


def test_a_fixed_batch_is_kept_and_the_rest_padded(
    tensorflow: Any, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    with SavedModelBackend(spec(save_tf2(tensorflow, network, tmp_path / "m", batch=4), batch=32)) as backend:
        assert backend.loaded.details["batch"] == 4
        np.testing.assert_allclose(backend.infer(pixels), network.of_pixels(pixels), atol=TOLERANCE)


def test_what_it_reports(made: dict[str, Path], tensorflow: Any) -> None:
    with SavedModelBackend(spec(made["tf2"], threads=1)) as backend:
        loaded = backend.loaded
    assert loaded.backend == f"tensorflow {tensorflow.__version__}"
    assert (loaded.device, loaded.effective_precision, loaded.warnings) == ("CPU", "f32", ())
    assert loaded.details["threads"] == 1


def test_all_files_count_in_the_digest_variables_too(copy: Path) -> None:
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    assert FACTS.files_of(copy) == tuple(files)
    assert copy / "variables/variables.data-00000-of-00001" in files
    with SavedModelBackend(spec(copy)) as backend:
        everything = b"".join(path.read_bytes() for path in files)
        assert backend.loaded.model_sha256 == hashlib.sha256(everything).hexdigest()


def test_ports_are_read_without_running(made: dict[str, Path]) -> None:
    found = ports(made["tf2"])
    assert {name: (port.sides, port.dtype) for name, port in found.inputs.items()} == {
        "image": ((None, SIZE, SIZE, 3), "float32")
    }
    assert {name: port.sides for name, port in found.outputs.items()} == {"probabilities": (None, CLASSES + 1)}


def test_the_frozen_graph_bears_the_names_of_the_signature(made: dict[str, Path]) -> None:
    reference = Reference(backend="saved_model", model=made["tf2"], input=CONTRACT, output="probabilities")
    found = frozen(reference)
    assert (found.input, found.output) == ("image:0", "probabilities:0")
    assert not {node.op for node in found.graph_def.node} & {"VarHandleOp", "ReadVariableOp", "RestoreV2"}


def test_a_folder_is_recognised(made: dict[str, Path], tmp_path: Path) -> None:
    assert recognise(made["tf1"]) is FACTS
    assert not FACTS.recognises(tmp_path)
    assert facts_of("openvino").format_of(made["tf1"]) is FACTS


def test_a_wrong_name_is_answered_with_the_nearest(made: dict[str, Path]) -> None:
    where = f"{made['tf2']} (signature 'serving_default')"
    assert refused(spec(made["tf2"], output="probability")) == (
        f"{where}: has no output 'probability'; did you mean 'probabilities'? Available: probabilities"
    )
    message = refused(spec(made["tf2"], input=Input(name="imag", color="RGB")))
    assert message == f"{where}: has no input 'imag'; did you mean 'image'? Available: image"


def test_another_size_another_width_and_a_second_input(
    made: dict[str, Path], tensorflow: Any, network: Network, tmp_path: Path
) -> None:
    assert "[?, 16, 16, 3], but [?, 24, 24, 3] or [?, 3, 24, 24] is configured" in refused(spec(made["tf2"], size=24))
    assert "has 5 values per image, but the labels need 4; set dataset.background_class" in refused(
        spec(made["tf2"], outputs=4)
    )
    two = save_tf2(tensorflow, network, tmp_path / "m", second_input=True)
    assert "also needs the input 'serving_default_other', which receives no value" in refused(spec(two))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("saved_model.pb", "not a SavedModel, or cut off; export it again"),
        ("variables/variables.index", "not a checkpoint, or cut off: "),
        ("variables/variables.data-00000-of-00001", "copy it again"),
    ],
)
def test_a_cut_off_file(copy: Path, name: str, message: str) -> None:
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: len(data) // 2])
    assert message in refused(spec(copy))


def test_missing_files(copy: Path) -> None:
    (copy / "variables/variables.data-00000-of-00001").unlink()
    assert refused(spec(copy)) == (
        f"{copy}/variables/variables.data-00000-of-00001: the checkpoint's values are missing; copy them there"
    )
    (copy / "variables/variables.index").unlink()
    assert refused(spec(copy)).endswith("the checkpoint's index is missing; copy it next to its .data files")
    (copy / "saved_model.pb").unlink()
    assert (
        refused(spec(copy)) == f"{copy}: not a SavedModel, it has no saved_model.pb; name the folder that contains it"
    )


def test_nothing_of_the_file_is_run_when_it_is_loaded(
    tensorflow: Any, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    """TensorFlow's own loader runs this operation; here the model loads, and no file is written."""
    written = tmp_path / "written"

    def init(tf: Any) -> Any:
        return tf.raw_ops.WriteFile(filename=str(written), contents="x")

    model = save_tf1(tensorflow, network, tmp_path / "m", init=init)
    np.testing.assert_allclose(infer(pixels, spec(model)), network.of_pixels(pixels), atol=TOLERANCE)
    assert not written.exists()


def test_operations_that_reach_outside_are_refused(tensorflow: Any, network: Network, tmp_path: Path) -> None:
    def inside(tf: Any, x: Any) -> Any:
        return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)

    model = save_tf2(tensorflow, network, tmp_path / "m", inside=inside)
    message = refused(spec(model))
    assert message.startswith(f"{model}: refused: its operation ")
    assert "(ReadFile) may read or write outside of the graph" in message
    assert "allow_ops: [ReadFile]" in message


def test_python_is_refused(tensorflow: Any, network: Network, tmp_path: Path) -> None:
    def inside(tf: Any, x: Any) -> Any:
        return tf.ensure_shape(tf.numpy_function(lambda array: array, [x], tf.float32), x.shape)

    assert "PyFunc) may read or write outside of the graph" in refused(
        spec(save_tf2(tensorflow, network, tmp_path / "m", inside=inside))
    )


def test_links_out_of_the_folder_are_refused(copy: Path, tmp_path: Path) -> None:
    values = copy / "variables/variables.data-00000-of-00001"
    shutil.move(values, tmp_path / "elsewhere")
    values.symlink_to(tmp_path / "elsewhere")
    assert refused(spec(copy)) == (
        f"{values}: refused, it is a link to a file outside the model's folder; copy the file there instead"
    )
    with pytest.raises(ModelError, match="is a link to a file outside"):
        facts_of("openvino").require_harmless(copy)


def test_loops_are_recognised(tensorflow: Any, network: Network, made: dict[str, Path], tmp_path: Path) -> None:
    def inside(tf: Any, x: Any) -> Any:
        return tf.while_loop(lambda _: tf.constant(True), lambda y: [y], [x])[0]

    assert FACTS.has_loops(save_tf2(tensorflow, network, tmp_path / "m", inside=inside))
    assert not FACTS.has_loops(made["tf2"])


def test_other_devices_and_precisions_are_refused(made: dict[str, Path]) -> None:
    assert refused(spec(made["tf2"], device="GPU"), DeviceError) == (
        "sm: the backend saved_model runs on the CPU, not on GPU"
    )
    assert "the backend saved_model runs f32, not f16" in refused(spec(made["tf2"], precision="f16"), DeviceError)


def test_the_missing_package_is_named(made: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    message = refused(spec(made["tf2"]))
    assert message.startswith("the backend saved_model needs TensorFlow, which cannot be imported")
    assert message.endswith("with `pip install 'conversion-accuracy-harness[tensorflow]'`")


def test_a_signature_is_of_backends_that_have_some(tiny: Tiny) -> None:
    data: dict[str, Any] = {"backend": "tensorflow", "model": str(tiny.graph), "input": {"color": "RGB"}, "output": "o"}
    with pytest.raises(ValueError, match="'tensorflow' has no signatures; only those of saved_model have"):
        Reference.model_validate({**data, "signature": "serving_default"})
    assert Reference.model_validate({**data, "backend": "saved_model", "signature": "s"}).signature == "s"


def test_bad_models_stop_the_run_with_documented_exit_codes(copy: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3)
    dataset = {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}}
    model = {
        "backend": "saved_model",
        "model": str(copy),
        "input": {"name": "image", "color": "RGB"},
        "output": "probability",
    }
    code, message = stopped(tmp_path, model, dataset)
    assert (code, "did you mean 'probabilities'?" in message) == (2, True), message
    (copy / "saved_model.pb").unlink()
    code, message = stopped(tmp_path, model, dataset)
    assert (code, "it has no saved_model.pb; name the model's folder" in message) == (2, True)
