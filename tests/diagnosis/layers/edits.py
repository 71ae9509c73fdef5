"""Faults in single layers of an OpenVINO model, made with OpenVINO's own interface: each changes a model in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Edit = Callable[[Any], str]  # changes an ov.Model, and returns the name of the layer that it changed


def save_edited(ov: Any, xml: Path, edits: Sequence[Edit], path: Path, *, f16: bool = False) -> list[str]:
    """Write the IR ``xml`` with faults to ``path``; return the names of the layers that were changed."""
    model = ov.Core().read_model(str(xml))
    names = [edit(model) for edit in edits]
    ov.save_model(model, str(path), compress_to_fp16=f16)
    return names


def weighted(model: Any) -> list[Any]:
    """Return the operations that have weights, in the model's order."""
    kinds = ("Convolution", "GroupConvolution", "MatMul")
    return [node for node in model.get_ordered_ops() if node.get_type_name() in kinds]


def _weights(node: Any) -> Any:
    return np.array(node.input_value(1).get_node().data, np.float32)


def _replace(node: Any, place: int, values: Any) -> None:
    from openvino import opset13 as ops

    node.input(place).replace_source_output(ops.constant(np.ascontiguousarray(values, np.float32)).output(0))


def noise(place: int, fraction: float, seed: int = 0) -> Edit:
    """Scale each weight of a layer by 1 and normal noise of this standard deviation."""

    def edit(model: Any) -> str:
        node = weighted(model)[place]
        values = _weights(node)
        _replace(node, 1, values * (1 + fraction * np.random.default_rng(seed).standard_normal(values.shape)))
        return str(node.get_friendly_name())

    return edit


def one_channel(place: int, channel: int) -> Edit:
    """Add to the weights of one output channel (of a convolution) a tenth of the largest of them."""

    def edit(model: Any) -> str:
        node = weighted(model)[place]
        values = _weights(node)
        values[channel] += 0.1 * np.abs(values[channel]).max()
        _replace(node, 1, values)
        return str(node.get_friendly_name())

    return edit


def transposed_kernel(place: int) -> Edit:
    """Exchange height and width of a layer's kernels."""

    def edit(model: Any) -> str:
        node = weighted(model)[place]
        _replace(node, 1, np.swapaxes(_weights(node), -1, -2))
        return str(node.get_friendly_name())

    return edit


def lost_bias(place: int) -> Edit:
    """Set the bias behind a layer to zero."""

    def edit(model: Any) -> str:
        node = weighted(model)[place]
        added = node
        while added.get_type_name() != "Add":
            (added,) = (target.get_node() for target in added.output(0).get_target_inputs())
        _replace(added, 1, np.zeros(list(added.input_value(1).get_shape())))
        return str(node.get_friendly_name())

    return edit


def other_clip(place: int, high: float | None) -> Edit:
    """Let the activation number ``place`` clip at another value; None: at none."""

    def edit(model: Any) -> str:
        from openvino import opset13 as ops

        node = [item for item in model.get_ordered_ops() if item.get_type_name() == "Clamp"][place]
        source = node.input_value(0)
        instead = ops.relu(source) if high is None else ops.clamp(source, 0.0, high)
        instead.set_friendly_name(node.get_friendly_name())
        for target in list(node.output(0).get_target_inputs()):
            target.replace_source_output(instead.output(0))
        while source.get_node().get_type_name() not in ("Convolution", "GroupConvolution", "MatMul"):
            source = source.get_node().input_value(0)
        return str(source.get_node().get_friendly_name())

    return edit


def lost_skip(model: Any) -> str:
    """Let what comes behind the first addition of two branches take the last layer's branch alone."""
    order = {node.get_friendly_name(): place for place, node in enumerate(model.get_ordered_ops())}
    for node in model.get_ordered_ops():
        branches = [item.get_node() for item in node.input_values()]
        if node.get_type_name() == "Add" and all(item.get_type_name() != "Constant" for item in branches):
            last = max(branches, key=lambda item: order[item.get_friendly_name()])
            for target in list(node.output(0).get_target_inputs()):
                target.replace_source_output(last.output(0))
            return str(node.get_friendly_name())
    raise AssertionError("nothing adds two branches")
