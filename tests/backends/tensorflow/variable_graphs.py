"""The tiny network with variables, as TensorFlow 1 and 2 save it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import CLASSES, SIZE, Network

Inside = Callable[[Any, Any], Any]


def logits_of(tf: Any, pixels: Any, first: Any, second: Any) -> Any:
    hidden = tf.nn.relu(tf.nn.conv2d(pixels, first, 1, "SAME"))
    return tf.matmul(tf.reduce_mean(hidden, [1, 2]), second)


def save_checkpoint(
    tf: Any,
    network: Network,
    prefix: Path,
    *,
    resource: bool = False,
    partitioned: bool = False,
    queue: bool = False,
    training: bool = False,
    inside: Inside = lambda _tf, x: x,
) -> Path:
    """Write `prefix.meta` and the values beside it; return the `.meta` file.

    ``resource``: variables as TensorFlow 2 has them; ``partitioned``: weights in two parts; ``queue``: the images come
    from a queue, as in a training graph; ``training``: with a loss and an optimizer behind the network.
    """
    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if queue:
            images = v1.train.input_producer(v1.zeros([9, SIZE, SIZE, 3]))
            pixels = tf.identity(tf.reshape(images.dequeue_many(2), [-1, SIZE, SIZE, 3]), name="images")
        else:
            pixels = v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        partitioner = v1.fixed_size_partitioner(2) if partitioned else None
        with v1.variable_scope("net", use_resource=resource, partitioner=partitioner):
            first = v1.get_variable("first", initializer=tf.constant(network.first[None, None]), partitioner=None)
            second = v1.get_variable("second", [8, CLASSES + 1], tf.float32, v1.zeros_initializer())
        logits = logits_of(tf, inside(tf, pixels), first, tf.convert_to_tensor(second))
        softmax = tf.nn.softmax(logits, name="probabilities")
        if training:
            labels = v1.placeholder(tf.int32, [None], name="labels")
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits), name="loss")
            v1.train.AdamOptimizer().minimize(loss)
            v1.summary.scalar("loss", loss)
        assert softmax.name == "probabilities:0"
        with v1.Session(graph=graph) as session:
            session.run(v1.global_variables_initializer())
            parts = list(second) if partitioned else [second]
            for part, value in zip(parts, np.split(network.second, len(parts)), strict=True):
                session.run(v1.assign(part, value))
            v1.train.Saver().save(session, str(prefix))
    return prefix.with_name(f"{prefix.name}.meta")


def save_tf1(tf: Any, network: Network, folder: Path, *, init: Callable[[Any], Any] | None = None) -> Path:
    """Write a SavedModel of TensorFlow 1; ``init`` makes the operation that TensorFlow's loader runs at once."""
    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels = v1.placeholder(tf.float32, [None, SIZE, SIZE, 3], name="input")
        first = v1.get_variable("first", initializer=tf.constant(network.first[None, None]), use_resource=False)
        second = v1.get_variable("second", initializer=tf.constant(network.second), use_resource=False)
        softmax = tf.nn.softmax(logits_of(tf, pixels, first, second), name="Net/Softmax")
        with v1.Session(graph=graph) as session:
            session.run(v1.global_variables_initializer())
            builder = v1.saved_model.Builder(str(folder))
            signature = v1.saved_model.predict_signature_def({"image": pixels}, {"probabilities": softmax})
            builder.add_meta_graph_and_variables(
                session, ["serve"], {"serving_default": signature}, main_op=init(tf) if init else None
            )
            builder.save()
    return folder


def save_tf2(
    tf: Any,
    network: Network,
    folder: Path,
    *,
    batch: int | None = None,
    inside: Inside = lambda _tf, x: x,
    names: tuple[str, ...] = ("serving_default",),
    name: str = "image",
    second_input: bool = False,
) -> Path:
    """Write a SavedModel of TensorFlow 2; each signature after the first one gives the logarithm."""
    module = tf.Module()
    module.first, module.second = tf.Variable(network.first[None, None]), tf.Variable(network.second)
    spec = tf.TensorSpec([batch, SIZE, SIZE, 3], tf.float32, name=name)

    def probabilities(image: Any) -> dict[str, Any]:
        return {"probabilities": tf.nn.softmax(logits_of(tf, inside(tf, image), module.first, module.second))}

    def logarithms(image: Any) -> dict[str, Any]:
        return {"probabilities": tf.math.log(probabilities(image)["probabilities"])}

    def mixed(image: Any, other: Any) -> dict[str, Any]:
        return probabilities(image + other)

    if second_input:
        other = tf.TensorSpec([], tf.float32, name="other")
        signatures = {names[0]: tf.function(mixed, input_signature=[spec, other])}
    else:
        signatures = {
            name: tf.function(logarithms if at else probabilities, input_signature=[spec])
            for at, name in enumerate(names)
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder
