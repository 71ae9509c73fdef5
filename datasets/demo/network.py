"""MobileNetV2 of the demo: one description, one Keras model to train, one TensorFlow 1 graph to ship.

The structure is that of Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), table 2, at a
reduced width; the names of the operations are those of the public TensorFlow 1 graph `mobilenet_v2_1.0_224_frozen.pb`.
Batch normalisation stays unfolded in the shipped graph, as it is in that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

SCOPE = "MobilenetV2"
CLASSES = 1001
WIDTH = 0.35
SIDE = 224
EPSILON = 1e-3
HEAD_CHANNELS = 1280

# expansion, output channels at width 1.0, repeats, stride of the first repeat
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Block:
    """One inverted residual: expand (unless `expanded == inputs`), depthwise, project, add where shapes agree."""

    name: str
    inputs: int
    expanded: int
    outputs: int
    stride: int

    @property
    def has_expand(self) -> bool:
        """True unless the block starts with its depthwise convolution."""
        return self.expanded != self.inputs

    @property
    def has_add(self) -> bool:
        """True where the block's input is added to its output."""
        return self.stride == 1 and self.inputs == self.outputs


def channels(at_full_width: int) -> int:
    """Channels at `WIDTH`, rounded to a multiple of 8 and never below 90 % of the exact product."""
    exact = at_full_width * WIDTH
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8


def blocks() -> list[Block]:
    """List the 17 inverted residuals in order, `expanded_conv` to `expanded_conv_16`."""
    found: list[Block] = []
    inputs = channels(32)
    for expansion, full, repeats, stride in _STAGES:
        for repeat in range(repeats):
            name = "expanded_conv" + (f"_{len(found)}" if found else "")
            outputs = channels(full)
            found.append(Block(name, inputs, inputs * expansion, outputs, stride if repeat == 0 else 1))
            inputs = outputs
    return found


def build_trainable(side: int | None = None) -> Any:
    """Build the Keras model: float32 RGB NHWC in [-1, 1] to 1001 logits; its layers bear the names of the graph."""
    layers = tf.keras.layers

    def key(scope: str) -> str:
        return scope.replace("/", ".")

    def normalise(x: Any, scope: str, activate: bool) -> Any:
        x = layers.BatchNormalization(epsilon=EPSILON, momentum=0.95, name=key(f"{scope}/BatchNorm"))(x)
        return layers.ReLU(6.0, name=key(f"{scope}/Relu6"))(x) if activate else x

    def convolve(x: Any, scope: str, outputs: int, kernel: int, stride: int, activate: bool) -> Any:
        x = layers.Conv2D(
            outputs,
            kernel,
            stride,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=key(f"{scope}/Conv2D"),
        )(x)
        return normalise(x, scope, activate)

    image = tf.keras.Input((side, side, 3))
    x = convolve(image, "Conv", channels(32), 3, 2, True)
    for block in blocks():
        entry = x
        if block.has_expand:
            x = convolve(x, f"{block.name}/expand", block.expanded, 1, 1, True)
        scope = f"{block.name}/depthwise"
        x = layers.DepthwiseConv2D(
            3,
            block.stride,
            padding="same",
            use_bias=False,
            depthwise_initializer="he_normal",
            name=key(f"{scope}/depthwise"),
        )(x)
        x = normalise(x, scope, True)
        x = convolve(x, f"{block.name}/project", block.outputs, 1, 1, False)
        if block.has_add:
            x = layers.Add(name=key(f"{block.name}/add"))([x, entry])
    x = convolve(x, "Conv_1", HEAD_CHANNELS, 1, 1, True)
    x = layers.GlobalAveragePooling2D(name="Logits.AvgPool")(x)
    x = layers.Dropout(0.2, seed=1)(x)
    logits = layers.Dense(CLASSES, name="Logits.Conv2d_1c_1x1")(x)
    return tf.keras.Model(image, logits)


def read_weights(model: Any) -> Weights:
    """Take the shipped constants, by their names below `MobilenetV2/`, from a model of `build_trainable`."""
    found: Weights = {}
    for layer in model.layers:
        scope = layer.name.replace(".", "/")
        values = [np.asarray(value, np.float32) for value in layer.get_weights()]
        if scope.endswith("/BatchNorm"):
            parts = ("gamma", "beta", "moving_mean", "moving_variance")
            found.update({f"{scope}/{part}": value for part, value in zip(parts, values, strict=True)})
        elif scope.endswith("/depthwise/depthwise"):
            found[scope.removesuffix("depthwise") + "depthwise_weights"] = values[0]
        elif scope.endswith("/Conv2D"):
            found[scope.removesuffix("Conv2D") + "weights"] = values[0]
        elif scope == "Logits/Conv2d_1c_1x1":
            found[f"{scope}/weights"] = values[0].reshape(1, 1, HEAD_CHANNELS, CLASSES)
            found[f"{scope}/biases"] = values[1]
    return found


class _Writer:
    """Adds operations to the graph under construction, named as in the original."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    def read(self, scope: str) -> Any:
        """Add a constant with the `read` identity behind it that freezing a variable leaves."""
        constant = tf.constant(self._weights[scope], tf.float32, name=f"{SCOPE}/{scope}")
        return tf.identity(constant, name=f"{SCOPE}/{scope}/read")

    def normalise(self, x: Any, scope: str, activate: bool) -> Any:
        """Inference-time batch normalisation and, if wanted, ReLU6; `Identity` where the original has one."""
        parts = [self.read(f"{scope}/BatchNorm/{p}") for p in ("gamma", "beta", "moving_mean", "moving_variance")]
        x = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=parts[0],
            offset=parts[1],
            mean=parts[2],
            variance=parts[3],
            epsilon=EPSILON,
            is_training=False,
            name=f"{SCOPE}/{scope}/BatchNorm/FusedBatchNorm",
        ).y
        if activate:
            return tf.raw_ops.Relu6(features=x, name=f"{SCOPE}/{scope}/Relu6")
        return tf.identity(x, name=f"{SCOPE}/{scope}/Identity")

    def convolve(self, x: Any, scope: str, stride: int, activate: bool) -> Any:
        """Convolution, batch normalisation, activation."""
        x = tf.raw_ops.Conv2D(
            input=x,
            filter=self.read(f"{scope}/weights"),
            strides=[1, stride, stride, 1],
            padding="SAME",
            name=f"{SCOPE}/{scope}/Conv2D",
        )
        return self.normalise(x, scope, activate)

    def block(self, x: Any, block: Block) -> Any:
        """One inverted residual."""
        entry, scope = x, f"{block.name}/depthwise"
        if block.has_expand:
            x = self.convolve(x, f"{block.name}/expand", 1, True)
        x = tf.raw_ops.DepthwiseConv2dNative(
            input=x,
            filter=self.read(f"{scope}/depthwise_weights"),
            strides=[1, block.stride, block.stride, 1],
            padding="SAME",
            name=f"{SCOPE}/{scope}/depthwise",
        )
        x = self.convolve(self.normalise(x, scope, True), f"{block.name}/project", 1, False)
        if block.has_add:
            x = tf.raw_ops.AddV2(x=x, y=entry, name=f"{SCOPE}/{block.name}/add")
        return tf.identity(x, name=f"{SCOPE}/{block.name}/output")

    def head(self, x: Any) -> None:
        """Pooling, the 1001-way 1x1 convolution and the probabilities."""
        logits, predictions = f"{SCOPE}/Logits", f"{SCOPE}/Predictions"
        side = SIDE // 32
        x = tf.raw_ops.AvgPool(
            value=x, ksize=[1, side, side, 1], strides=[1, 1, 1, 1], padding="VALID", name=f"{logits}/AvgPool"
        )
        x = tf.raw_ops.Conv2D(
            input=x,
            filter=self.read("Logits/Conv2d_1c_1x1/weights"),
            strides=[1, 1, 1, 1],
            padding="SAME",
            name=f"{logits}/Conv2d_1c_1x1/Conv2D",
        )
        bias = self.read("Logits/Conv2d_1c_1x1/biases")
        x = tf.raw_ops.BiasAdd(value=x, bias=bias, name=f"{logits}/Conv2d_1c_1x1/BiasAdd")
        x = tf.raw_ops.Squeeze(input=x, axis=[1, 2], name=f"{logits}/Squeeze")
        x = tf.identity(x, name=f"{logits}/output")
        shape = tf.raw_ops.Shape(input=x, name=f"{predictions}/Shape")
        flat = tf.constant([-1, CLASSES], tf.int32, name=f"{predictions}/Reshape/shape")
        x = tf.raw_ops.Reshape(tensor=x, shape=flat, name=f"{predictions}/Reshape")
        x = tf.raw_ops.Softmax(logits=x, name=f"{predictions}/Softmax")
        tf.raw_ops.Reshape(tensor=x, shape=shape, name=f"{predictions}/Reshape_1")


def frozen_graph(weights: Weights) -> bytes:
    """Serialise the GraphDef: `input` [?, 224, 224, 3] to `MobilenetV2/Predictions/Reshape_1` [?, 1001], float32."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, SIDE, SIDE, 3], name="input")
        writer = _Writer(weights)
        x = writer.convolve(x, "Conv", 2, True)
        for block in blocks():
            x = writer.block(x, block)
        writer.head(writer.convolve(x, "Conv_1", 1, True))
    definition = graph.as_graph_def()
    for node in definition.node:
        for attribute in [name for name in node.attr if name.startswith("_")]:
            del node.attr[attribute]
    return bytes(definition.SerializeToString(deterministic=True))
