from __future__ import annotations

from typing import Any

import pytest

from harness.backends.onnxruntime.profile import WhatRan, of_events

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def event(operation: str, *types: str, provider: str = CPU) -> dict[str, Any]:
    shapes = [{kind: [1, 3]} for kind in types]
    return {"cat": "Node", "args": {"op_name": operation, "provider": provider, "input_type_shape": shapes}}


@pytest.mark.parametrize(
    ("events", "precision"),
    [
        ([event("Conv", "float", "float")], "f32"),
        ([event("Cast", "float16"), event("Conv", "float")], "f32"),
        ([event("QLinearConv", "uint8", "float", "int8")], "int8+f32"),
        ([event("Conv", "float16"), event("Softmax", "float")], "f16+f32"),
        ([event("Shape", "float")], "unknown"),
    ],
)
def test_the_types_of_what_computes(events: list[dict[str, Any]], precision: str) -> None:
    assert of_events([{"cat": "Session", "args": {}}, *events]) == WhatRan({CPU: len(events)}, precision)


def test_the_nodes_of_every_provider_are_counted() -> None:
    events = [event("Conv", "float"), event("Conv", "float", provider=CUDA), event("Relu", "float", provider=CUDA)]
    assert of_events(events).nodes == {CPU: 1, CUDA: 2}


def test_a_node_that_ran_twice_is_one() -> None:
    assert of_events([{**event("Conv", "float"), "name": "conv_kernel_time"}] * 2).nodes == {CPU: 1}


def test_what_a_provider_put_together_tells_no_type() -> None:
    fused = event("OpenVINO-EP-subgraph_1", "float", provider="OpenVINOExecutionProvider")
    assert of_events([fused, event("Softmax", "float")]).precision == "unknown"
