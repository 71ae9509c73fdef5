"""The real network of the test bed as SavedModel, Keras model and checkpoint: the counts of plain scripts."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from harness import load_config, validate
from harness.backends.base import ModelSpec, Pixels
from harness.backends.opening import open_backend
from harness.config import Input
from harness.engine.run import Options
from tests.backends.real_runs import config_of, correct

NAME = "mobilenet_v1_0.25_224"
STRIDED = (2, 4, 6, 12)
MODELS = {
    "saved_model": ("saved_model", f"{NAME}_savedmodel", "keras_tensor", "output_0"),
    ".keras": ("keras", f"{NAME}.keras", "input_layer", "predictions"),
    ".h5 of Keras 2": ("keras", f"{NAME}.h5", "input_2", "predictions"),
}
pytestmark = [pytest.mark.shared, pytest.mark.slow]


def write_checkpoint(tf: Any, h5: Path, prefix: Path) -> Path:
    """Build MobileNet v1 of TensorFlow 1's operations, with the published weights; return the .meta file."""
    import h5py

    v1, epsilon = tf.compat.v1, 0.001
    with h5py.File(h5) as file:
        stored: dict[str, Any] = {}
        file["model_weights"].visititems(
            lambda name, item: stored.update({name.split("/", 1)[1]: item[()]}) if hasattr(item, "dtype") else None
        )

    def variable(name: str) -> Any:
        return v1.get_variable(name.replace(":0", ""), initializer=stored[name], use_resource=False)

    def normalised(x: Any, name: str) -> Any:
        gamma, beta, mean, variance = (
            variable(f"{name}/{part}:0") for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return tf.nn.relu6(tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon))

    with v1.Graph().as_default() as graph, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels = v1.placeholder(tf.float32, [None, 224, 224, 3], name="input")
        x = normalised(tf.nn.conv2d(pixels, variable("conv1/kernel:0"), 2, "SAME"), "conv1_bn")
        for at in range(1, 14):
            step = 2 if at in STRIDED else 1
            depthwise = variable(f"conv_dw_{at}/depthwise_kernel:0")
            padded = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]]) if step == 2 else x
            x = tf.nn.depthwise_conv2d(padded, depthwise, [1, step, step, 1], "VALID" if step == 2 else "SAME")
            x = normalised(x, f"conv_dw_{at}_bn")
            x = normalised(tf.nn.conv2d(x, variable(f"conv_pw_{at}/kernel:0"), 1, "SAME"), f"conv_pw_{at}_bn")
        pooled = tf.reduce_mean(x, [1, 2])
        kernel = tf.reshape(variable("conv_preds/kernel:0"), [256, 1000])
        logits = tf.matmul(pooled, kernel) + variable("conv_preds/bias:0")
        tf.nn.softmax(logits, name="predictions")
        labels = v1.placeholder(tf.int32, [None], name="labels")
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        v1.train.GradientDescentOptimizer(0.1).minimize(loss)
        with v1.Session(graph=graph) as session:
            session.run(v1.global_variables_initializer())
            v1.train.Saver().save(session, str(prefix))
    return prefix.with_name(f"{prefix.name}.meta")


@pytest.fixture(scope="module")
def models(shared: Path, tensorflow: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = shared / "models" / NAME
    meta = write_checkpoint(tensorflow, folder / f"{NAME}.h5", tmp_path_factory.mktemp("saved") / "net.ckpt")
    named = {form: (backend, folder / file, *ports) for form, (backend, file, *ports) in MODELS.items()}
    return {
        form: {
            "backend": backend,
            "model": str(path),
            "input": {"name": source, "color": "RGB", "mean": 127.5, "scale": 127.5},
            "output": output,
        }
        for form, (backend, path, source, output) in {
            **named,
            "checkpoint": ("tf_checkpoint", meta, "input", "predictions"),
        }.items()
    }


@pytest.mark.parametrize(
    ("images", "count", "reference", "top1", "top5"),
    [("val", 650, "saved_model", 432, 571), ("fullres", 200, ".h5 of Keras 2", 126, 162)],
)
def test_the_counts_of_every_other_format(
    shared: Path,
    models: dict[str, Any],
    tmp_path: Path,
    images: str,
    count: int,
    reference: str,
    top1: int,
    top5: int,
) -> None:
    dataset = {"path": str(shared / "imagenet" / images), "images": count, "background_class": False}
    path = config_of(tmp_path, models[reference], dataset)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["candidates"] = [{"id": f"candidate-{at}", **model} for at, model in enumerate(models.values())]
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    record = validate(load_config(path), Options(out=tmp_path / "run", use_cache=False, quiet=True))
    assert correct(record) == dict.fromkeys(["original", *(item["id"] for item in config["candidates"])], (top1, top5))
    assert record.exit_code == 0


def test_keras_and_saved_model_agree_in_every_bit(models: dict[str, Any]) -> None:
    pixels: Pixels = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3), np.uint8)
    answers = []
    for form in MODELS:
        model = models[form]
        contract = Input.model_validate(model["input"])
        spec = ModelSpec("m", model["model"], contract, model["output"], 224, 1000, batch=5, threads=1)
        with open_backend(model["backend"], spec) as backend:
            answers.append(backend.infer(pixels))
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])
