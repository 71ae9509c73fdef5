from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec, Pixels
from harness.backends.tensorflow.runner import TensorFlowBackend
from harness.config import Input
from harness.errors import DeviceError, ModelError
from tests.backends.one_backend import OneBackend
from tests.conftest import CLASSES, MEAN, SCALE, SIZE, GraphMaker, Tiny

TOLERANCE = 1e-5


@pytest.fixture(autouse=True)
def _imported(tensorflow: Any) -> None:
    """Let TensorFlow be imported with its warnings off before the backend does it."""


CONTRACT = Input(name="input", color="RGB", mean=MEAN, scale=SCALE)
ALONE = OneBackend(TensorFlowBackend, ModelSpec("tf", "", CONTRACT, "Net/Reshape_1", SIZE, CLASSES + 1, batch=3))
spec, infer, refused = ALONE.spec, ALONE.infer, ALONE.refused


@pytest.mark.parametrize("batch", [1, 3, 7, 32, None])
def test_a_free_batch_dimension(tiny: Tiny, pixels: Pixels, batch: int | None) -> None:
    found = infer(pixels, spec(tiny.graph, batch=batch))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, tiny.network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("fixed", [1, 4])
def test_a_fixed_batch_is_kept_and_the_rest_padded(
    make_graph: GraphMaker, tiny: Tiny, pixels: Pixels, tmp_path: Path, fixed: int
) -> None:
    with TensorFlowBackend(spec(make_graph(tmp_path / "g.pb", batch=fixed), batch=32)) as backend:
        assert backend.loaded.details["batch"] == fixed
        np.testing.assert_allclose(backend.infer(pixels), tiny.network.of_pixels(pixels), atol=TOLERANCE)
        np.testing.assert_allclose(backend.infer(pixels[:1]), tiny.network.of_pixels(pixels[:1]), atol=TOLERANCE)


def test_an_input_and_an_output_without_a_name(tiny: Tiny, pixels: Pixels) -> None:
    named = spec(tiny.graph)
    unnamed = spec(tiny.graph, output=None, input=named.input.model_copy(update={"name": None}))
    np.testing.assert_array_equal(infer(pixels, unnamed), infer(pixels, named))


def test_a_graph_with_the_channels_first_and_the_images_last(tensorflow: Any, tiny: Tiny, tmp_path: Path) -> None:
    tf = tensorflow
    with tf.Graph().as_default() as graph:
        given = tf.compat.v1.placeholder(tf.float16, [None, 3, SIZE, SIZE], name="x")
        x = tf.cast(tf.transpose(given, [0, 2, 3, 1]), tf.float32)
        hidden = tf.nn.relu(tf.nn.conv2d(x, tiny.network.first[None, None], 1, "SAME"))
        logits = tf.matmul(tf.reduce_mean(hidden, [1, 2]), tf.constant(tiny.network.second))
        tf.transpose(tf.nn.softmax(logits), name="y")
        (tmp_path / "g.pb").write_bytes(graph.as_graph_def().SerializeToString())
    pixels = np.random.default_rng(4).integers(0, 256, (7, SIZE, SIZE, 3)).astype(np.uint8)
    found = infer(pixels, spec(tmp_path / "g.pb", input=Input(color="RGB"), output=None))
    expected = tiny.network.of_normalised(pixels[..., ::-1].astype(float))
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_answers_are_the_callers(tiny: Tiny, pixels: Pixels) -> None:
    with TensorFlowBackend(spec(tiny.graph)) as backend:
        first = backend.infer(pixels)
        kept = first.copy()
        first[:] = 0
        np.testing.assert_array_equal(backend.infer(pixels), kept)
        np.testing.assert_array_equal(backend.infer(pixels[::2]), kept[::2])  # a view with gaps


@pytest.mark.parametrize("name", ["input", "input:0"])
@pytest.mark.parametrize("output", ["Net/Reshape_1", "Net/Reshape_1:0", "Net/Softmax"])
def test_names_with_and_without_the_port(tiny: Tiny, pixels: Pixels, name: str, output: str) -> None:
    contract = Input(name=name, color="RGB", mean=MEAN, scale=SCALE)
    found = infer(pixels, spec(tiny.graph, input=contract, output=output))
    np.testing.assert_allclose(found, tiny.network.of_pixels(pixels), atol=TOLERANCE)


@pytest.mark.parametrize("color", ["RGB", "BGR"])
@pytest.mark.parametrize(
    ("mean", "scale"),
    [(0.0, 1.0), (127.5, 127.5), ((10.0, 20.0, 30.0), (40.0, 50.0, 60.0)), (0.0, (2.0, 3.0, 4.0))],
)
def test_colour_order_mean_and_scale(
    tiny: Tiny, pixels: Pixels, color: Any, mean: float | tuple[float, float, float], scale: Any
) -> None:
    ordered = pixels[..., ::-1] if color == "RGB" else pixels
    fed = (ordered.astype(np.float64) - np.array(mean)) / np.array(scale)
    found = infer(pixels, spec(tiny.graph, input=Input(color=color, mean=mean, scale=scale)))
    np.testing.assert_allclose(found, tiny.network.of_normalised(fed), atol=TOLERANCE)


def test_what_it_reports(tiny: Tiny, tensorflow: Any) -> None:
    import hashlib

    with TensorFlowBackend(spec(tiny.graph, threads=1)) as backend:
        loaded = backend.loaded
    assert loaded.backend == f"tensorflow {tensorflow.__version__}"
    assert (loaded.device, loaded.effective_precision) == ("CPU", "f32")
    assert loaded.model_sha256 == hashlib.sha256(tiny.graph.read_bytes()).hexdigest()
    assert loaded.details["threads"] == 1


def test_a_wrong_output_is_answered_with_the_nearest_and_the_results_first(tiny: Tiny) -> None:
    message = refused(spec(tiny.graph, output="Net/Reshape"))
    assert "has no output 'Net/Reshape'; did you mean 'Net/Reshape_1'? Available: Net/Reshape_1, " in message


def test_a_wrong_input_is_answered_with_the_placeholders(tiny: Tiny) -> None:
    message = refused(spec(tiny.graph, input=Input(name="inptu", color="RGB")))
    assert message.endswith("has no input 'inptu'; did you mean 'input'? Available: input")


@pytest.mark.parametrize(
    ("outputs", "hint"), [(4, "background_class"), (6, "background_class"), (9, "dataset.classes")]
)
def test_another_width_than_the_labels_need(tiny: Tiny, outputs: int, hint: str) -> None:
    message = refused(spec(tiny.graph, outputs=outputs))
    assert f"the output 'Net/Reshape_1' has 5 values per image, but the labels need {outputs}" in message
    assert hint in message


def test_another_size(tiny: Tiny) -> None:
    assert "[?, 16, 16, 3], but [?, 24, 24, 3] or [?, 3, 24, 24] is configured" in refused(spec(tiny.graph, size=24))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_off_graph(tiny: Tiny, tmp_path: Path, share: float) -> None:
    data = tiny.graph.read_bytes()
    (tmp_path / "g.pb").write_bytes(data[: int(len(data) * share)])
    message = refused(spec(tmp_path / "g.pb"))
    assert str(tmp_path / "g.pb") in message
    assert "\n" not in message


def test_a_graph_cut_between_its_operations(tensorflow: Any, tiny: Tiny, tmp_path: Path) -> None:
    graph = tensorflow.compat.v1.GraphDef.FromString(tiny.graph.read_bytes())
    assert graph.node[1].name not in ("input", "Net/Reshape_1")
    del graph.node[1]
    (tmp_path / "g.pb").write_bytes(graph.SerializeToString())
    assert "cut off, " in refused(spec(tmp_path / "g.pb"))


@pytest.mark.parametrize("data", [b"", b"this is a text, and no graph at all\n" * 9, b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_graph(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "g.pb").write_bytes(data)
    message = refused(spec(tmp_path / "g.pb"))
    assert message.startswith(str(tmp_path / "g.pb"))
    assert "fetch or freeze it again" in message


def test_a_missing_graph_and_a_folder(tmp_path: Path) -> None:
    assert "No such file" in refused(spec(tmp_path / "g.pb"))
    assert "Is a directory" in refused(spec(tmp_path))


def hostile(tf: Any, what: str) -> Any:
    return {
        "ReadFile": lambda given: tf.io.read_file("/etc/hostname"),
        "WriteFile": lambda given: tf.io.write_file("/tmp/never", "x"),
        "MatchingFiles": lambda given: tf.io.matching_files("/*"),
        "PyFunc": lambda given: tf.compat.v1.py_func(lambda x: x, [given], tf.float32),
        "PrintV2": lambda given: tf.print(given, output_stream="file:///tmp/never"),
        "DebugIdentity": lambda given: tf.raw_ops.DebugIdentity(input=given, debug_urls=["file:///tmp/never"]),
        "TextLineDataset": lambda given: tf.raw_ops.TextLineDataset(
            filenames=["/etc/hostname"], compression_type="", buffer_size=9
        ),
        "WholeFileReaderV2": lambda given: tf.raw_ops.WholeFileReaderV2(container="", shared_name=""),
        "RestoreV2": lambda given: tf.raw_ops.RestoreV2(
            prefix="/etc/hostname", tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0],
    }[what]


@pytest.mark.parametrize(
    "operation",
    ["ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PrintV2", "DebugIdentity", "TextLineDataset",
     "WholeFileReaderV2", "RestoreV2"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_operations_that_reach_outside_are_refused(
    make_graph: GraphMaker, tensorflow: Any, tmp_path: Path, operation: str
) -> None:
    def add(tf: Any, given: Any) -> None:
        added = hostile(tf, operation)(given)
        with tf.control_dependencies([added]):
            tf.identity(given, name="Net/Bad")

    path = make_graph(tmp_path / "g.pb", add=add)
    message = refused(spec(path, output="Net/Bad"))
    assert f"({operation}) may read or write outside of the graph" in message
    assert infer(np.zeros((1, SIZE, SIZE, 3), np.uint8), spec(path)).shape == (
        1,
        5,
    )  # the rest of the graph is free of it


def test_a_function_of_the_graph_that_reaches_outside_is_refused(
    make_graph: GraphMaker, tensorflow: Any, tmp_path: Path
) -> None:
    def add(tf: Any, given: Any) -> None:
        @tf.function  # type: ignore[untyped-decorator]
        def read(x: Any) -> Any:
            return x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)

        tf.identity(read(given), name="Net/Bad")

    message = refused(spec(make_graph(tmp_path / "g.pb", add=add), output="Net/Bad"))
    assert "(ReadFile) may read or write outside of the graph" in message


@pytest.mark.parametrize("resource", [True, False])
def test_a_graph_that_is_not_frozen_is_refused(make_graph: GraphMaker, tmp_path: Path, resource: bool) -> None:
    def add(tf: Any, given: Any) -> None:
        weights = tf.compat.v1.get_variable("weights", [5], use_resource=resource)
        tf.multiply(given, weights, name="Net/Bad")

    message = refused(spec(make_graph(tmp_path / "g.pb", add=add), output="Net/Bad"))
    assert "not frozen ('weights' is a variable)" in message


def test_an_output_that_does_not_see_the_input(make_graph: GraphMaker, tmp_path: Path) -> None:
    path = make_graph(tmp_path / "g.pb", add=lambda tf, _: tf.constant(np.ones((1, 5), np.float32), name="Net/Fixed"))
    assert "'Net/Fixed' does not depend on the input 'input'" in refused(spec(path, output="Net/Fixed"))


def test_an_output_with_one_row_for_many_images_is_an_error(
    make_graph: GraphMaker, tmp_path: Path, pixels: Pixels
) -> None:
    path = make_graph(tmp_path / "g.pb", add=lambda tf, given: tf.reduce_max(given, 0, name="Net/Merged"))
    with TensorFlowBackend(spec(path, output="Net/Merged", batch=3)) as backend, pytest.raises(ModelError):
        backend.infer(pixels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "bf16"}, "runs f32, not bf16"),
        ({"precision": "f16"}, "runs f32, not f16"),
        ({"device": "GPU"}, "runs on the CPU, not on GPU"),
    ],
)
def test_another_device_or_precision(tiny: Tiny, changes: dict[str, str], message: str) -> None:
    assert message in refused(spec(tiny.graph, **changes), DeviceError)


def test_nan_is_given_back_and_not_hidden(make_graph: GraphMaker, tmp_path: Path, pixels: Pixels) -> None:
    path = make_graph(tmp_path / "g.pb", add=lambda tf, given: tf.math.log(given - 2, name="Net/Nan"))
    assert np.isnan(infer(pixels, spec(path, output="Net/Nan"))).all()


def test_a_precision_that_is_not_the_pinned_one_is_a_warning(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    with TensorFlowBackend(spec(tiny.graph)) as backend:
        assert (backend.loaded.effective_precision, backend.loaded.warnings) == ("f32", ())
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")  # only loaded, so no kernel reads it
    with TensorFlowBackend(spec(tiny.graph)) as backend:
        found = "f32 (oneDNN may use bf16)"
        assert backend.loaded.effective_precision == found
        assert backend.loaded.warnings == (f"tf: f32 was requested, but the graph computes in {found}",)
    with TensorFlowBackend(spec(tiny.graph, precision="device_default")) as backend:
        assert backend.loaded.warnings == ()


@pytest.mark.parametrize(("mean", "scale"), [(127.5, 127.5), (123.675, 58.395), (0.1, 0.3), (-7.7, 255.0), (100, 1e-3)])
def test_one_mean_and_scale_for_all_channels_is_exact_in_every_bit(
    tensorflow: Any, tmp_path: Path, mean: float, scale: float
) -> None:
    """TensorFlow rewrites a division by a constant, which rounds to other numbers."""
    tf1 = tensorflow.compat.v1
    with tf1.Graph().as_default() as graph:
        given = tf1.placeholder(tensorflow.float32, [None, 16, 16, 3], name="x")
        tensorflow.reshape(given, [-1, 768], name="same")
    (tmp_path / "m.pb").write_bytes(graph.as_graph_def().SerializeToString())
    contract = Input(name="x", color="RGB", mean=mean, scale=scale)
    pixels = np.arange(768, dtype=np.int64).astype(np.uint8).reshape(1, 16, 16, 3)
    with TensorFlowBackend(ModelSpec("m", str(tmp_path / "m.pb"), contract, "same", 16, 768)) as backend:
        found = backend.infer(pixels)
    expected = (pixels[..., ::-1].astype(np.float32) - np.float32(mean)) / np.float32(scale)
    np.testing.assert_array_equal(found, expected.reshape(1, 768))
