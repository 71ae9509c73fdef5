from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import load_config
from harness.backends.base import ModelSpec, Pixels
from harness.backends.registry import recognise
from harness.backends.tensorflow.runner import TensorFlowBackend
from harness.backends.tf_checkpoint.facts import FACTS
from harness.backends.tf_checkpoint.opened import frozen, ports
from harness.backends.tf_checkpoint.runner import CheckpointBackend
from harness.config import Input, Reference, require_files
from harness.errors import ConfigError, DeviceError, ModelError
from tests.backends.one_backend import OneBackend
from tests.backends.real_runs import config_of
from tests.backends.tensorflow.variable_graphs import save_checkpoint
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, GraphMaker, Network, write_images

TOLERANCE = 1e-5
CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(CheckpointBackend, ModelSpec("ckpt", "", CONTRACT, "probabilities", SIZE, CLASSES + 1, batch=3))
spec, infer, refused = ALONE.spec, ALONE.infer, ALONE.refused


@pytest.fixture(scope="module")
def made(tensorflow: Any, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tensorflow, network, tmp_path_factory.mktemp("saved") / "net.ckpt-7")


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.parent, tmp_path / "m")) / made.name


@pytest.mark.parametrize(
    "form", [{}, {"resource": True}, {"partitioned": True}, {"partitioned": True, "resource": True}, {"training": True}]
)
def test_variables_of_every_kind(
    tensorflow: Any, network: Network, pixels: Pixels, tmp_path: Path, form: dict[str, Any]
) -> None:
    found = infer(pixels, spec(save_checkpoint(tensorflow, network, tmp_path / "m.ckpt", **form)))
    np.testing.assert_allclose(found, network.of_pixels(pixels), atol=TOLERANCE)


def test_the_answers_are_those_of_the_frozen_graph_in_every_bit(
    made: Path, make_graph: GraphMaker, pixels: Pixels, tmp_path: Path
) -> None:
    with TensorFlowBackend(spec(make_graph(tmp_path / "g.pb"), output="Net/Softmax")) as backend:
        np.testing.assert_array_equal(infer(pixels, spec(made)), backend.infer(pixels))


def test_the_queue_of_a_training_graph_is_cut_off_at_the_input(
    tensorflow: Any, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    model = save_checkpoint(tensorflow, network, tmp_path / "m.ckpt", queue=True, training=True)
    images = CONTRACT.model_copy(update={"name": "images"})
    np.testing.assert_allclose(infer(pixels, spec(model, input=images)), network.of_pixels(pixels), atol=TOLERANCE)


def test_training_nodes_that_the_output_needs_are_refused_by_name(
    tensorflow: Any, network: Network, tmp_path: Path
) -> None:
    def normalised(tf: Any, x: Any) -> Any:
        ones, zeros = tf.ones([3]), tf.zeros([3])
        return tf.compat.v1.nn.fused_batch_norm(x, ones, zeros, is_training=True, name="bn")[0]

    def dropped(tf: Any, x: Any) -> Any:
        return tf.compat.v1.nn.dropout(x, rate=tf.compat.v1.placeholder(tf.float32, [], name="rate"))

    model = save_checkpoint(tensorflow, network, tmp_path / "bn.ckpt", inside=normalised)
    assert "in training mode: 'bn' (FusedBatchNormV3) takes mean and variance" in refused(spec(model))
    model = save_checkpoint(tensorflow, network, tmp_path / "drop.ckpt", inside=dropped)
    assert "in training mode: 'dropout/random_uniform/RandomUniform' (RandomUniform)" in refused(spec(model))
    model = save_checkpoint(tensorflow, network, tmp_path / "train.ckpt", training=True)
    assert "'loss' also needs the input 'labels', which receives no value" in refused(
        spec(model, output="loss", outputs=1)
    )


def test_what_it_reports_and_its_digest(made: Path, tensorflow: Any) -> None:
    prefix = made.with_suffix("")
    files = (made, Path(f"{prefix}.index"), Path(f"{prefix}.data-00000-of-00001"))
    assert FACTS.files_of(made) == files
    with CheckpointBackend(spec(made, threads=1)) as backend:
        loaded = backend.loaded
    assert loaded.backend == f"tensorflow {tensorflow.__version__}"
    assert (loaded.device, loaded.effective_precision, loaded.warnings) == ("CPU", "f32", ())
    assert loaded.details["threads"] == 1
    assert loaded.model_sha256 == hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def test_ports_and_the_frozen_graph(made: Path) -> None:
    found = ports(made)
    assert {name: port.sides for name, port in found.inputs.items() if name == "input"} == {
        "input": (None, SIZE, SIZE, 3)
    }
    assert found.outputs["probabilities"].sides == (None, CLASSES + 1)
    graph = frozen(Reference(backend="tf_checkpoint", model=made, input=CONTRACT, output="probabilities"))
    assert (graph.input, graph.output) == ("input:0", "probabilities:0")
    operations = {node.op for node in graph.graph_def.node}
    assert not operations & {"VarHandleOp", "VariableV2", "RestoreV2", "SaveV2"}


def test_it_is_recognised(made: Path) -> None:
    assert recognise(made) is FACTS
    assert not FACTS.has_loops(made)


def test_a_wrong_name_is_answered_with_the_nearest(made: Path) -> None:
    assert f"{made}: has no output 'probability'; did you mean 'probabilities'?" in refused(
        spec(made, output="probability")
    )
    message = refused(spec(made, input=Input(name="inptu", color="RGB")))
    assert message.startswith(f"{made}: has no input 'inptu'; did you mean 'input'? Available: input")


def test_another_size_and_another_width(made: Path) -> None:
    assert "[?, 16, 16, 3], but [?, 24, 24, 3] or [?, 3, 24, 24] is configured" in refused(spec(made, size=24))
    assert ("has 5 values per image, but the labels need 4; set dataset.background_class") in refused(
        spec(made, outputs=4)
    )


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".meta", "not the graph of a checkpoint, or cut off; copy the .meta file again"),
        (".index", "not a checkpoint, or cut off: "),
        (".data-00000-of-00001", "copy it again"),
    ],
)
def test_a_cut_off_file(copy: Path, suffix: str, message: str) -> None:
    path = copy.with_suffix(suffix)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert message in refused(spec(copy))


def test_missing_files_are_named_before_any_model_loads(copy: Path, tmp_path: Path) -> None:
    write_images(tmp_path / "images", 3)
    model = {"backend": "tf_checkpoint", "model": str(copy), "input": {"color": "RGB"}, "output": "probabilities"}
    dataset = {"path": str(tmp_path / "images"), "classes": CLASSES, "preprocess": {"size": SIZE}}
    for suffix, mend in ((".data-00000-of-00001", "data-00000-of-00001"), (".index", "index")):
        copy.with_suffix(suffix).unlink()
        with pytest.raises(ConfigError) as caught:
            require_files(load_config(config_of(tmp_path, model, dataset)))
        assert f"copy the .{mend} that belongs to the .meta" in str(caught.value)
        assert caught.value.exit_code == 2


def test_a_checkpoint_of_another_graph(copy: Path, tensorflow: Any) -> None:
    with tensorflow.compat.v1.Graph().as_default():
        tensorflow.compat.v1.get_variable("net/secnod", [3])
        saver = tensorflow.compat.v1.train.Saver()
        with tensorflow.compat.v1.Session() as session:
            session.run(tensorflow.compat.v1.global_variables_initializer())
            saver.save(session, str(copy.with_suffix("")), write_meta_graph=False)
    message = refused(spec(copy))
    assert "the checkpoint has no value 'net/" in message
    assert message.endswith("copy the checkpoint that was saved with this graph")


def test_values_come_from_the_checkpoint_beside_the_graph_only(
    copy: Path, tensorflow: Any, network: Network, pixels: Pixels, tmp_path: Path
) -> None:
    """A graph may name another file to restore from: it is not opened, for the graph does not restore."""
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    meta = MetaGraphDef.FromString(copy.read_bytes())
    prefix = next(node for node in meta.graph_def.node if node.name == "save/filename/input")
    prefix.attr["value"].tensor.string_val[0] = b"../../../../etc/passwd"
    copy.write_bytes(meta.SerializeToString())
    np.testing.assert_allclose(infer(pixels, spec(copy)), network.of_pixels(pixels), atol=TOLERANCE)


def test_links_out_of_the_folder_are_refused(copy: Path, tmp_path: Path) -> None:
    values = copy.with_suffix(".data-00000-of-00001")
    shutil.move(values, tmp_path / "elsewhere")
    values.symlink_to(tmp_path / "elsewhere")
    assert refused(spec(copy)) == (
        f"{values}: refused, it is a link to a file outside the model's folder; copy the file there instead"
    )


def test_operations_that_reach_outside_are_refused(tensorflow: Any, network: Network, tmp_path: Path) -> None:
    def inside(tf: Any, x: Any) -> Any:
        return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)

    model = save_checkpoint(tensorflow, network, tmp_path / "m.ckpt", inside=inside)
    assert "(ReadFile) may read or write outside of the graph" in refused(spec(model))


def test_other_devices_precisions_and_the_missing_package(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the backend tf_checkpoint runs on the CPU, not on GPU" in refused(spec(made, device="GPU"), DeviceError)
    assert "the backend tf_checkpoint runs f32, not f16" in refused(spec(made, precision="f16"), DeviceError)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    message = refused(spec(made))
    assert message.startswith("the backend tf_checkpoint needs TensorFlow")
    assert message.endswith("with `pip install 'conversion-accuracy-harness[tensorflow]'`")
    assert ModelError.exit_code == DeviceError.exit_code == 3
