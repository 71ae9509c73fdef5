from __future__ import annotations

from typing import Any

import pytest

from harness.backends.onnxruntime.profile import WhatRan, of_events


def event(operation: str, *types: str, provider: str = "CPUExecutionProvider") -> dict[str, Any]:
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
    assert of_events([{"cat": "Session", "args": {}}, *events]) == WhatRan(("CPUExecutionProvider",), precision)


def test_every_provider_is_named() -> None:
    ran = of_events([event("Conv", "float"), event("Conv", "float", provider="CUDAExecutionProvider")])
    assert ran.providers == ("CPUExecutionProvider", "CUDAExecutionProvider")
