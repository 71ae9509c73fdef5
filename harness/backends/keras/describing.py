"""What a Keras model says of itself: frozen in memory, written as a graph, and read by OpenVINO."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.backends.description import Description
from harness.backends.keras.opened import open_keras
from harness.backends.openvino.describing import describe as describe_graph
from harness.backends.tensorflow.exporting import written
from harness.disk.leftovers import temporary_folder


def describe(path: Path) -> Description:
    """Return inputs and outputs without names, since a Keras model has one of each. Raises ModelError."""
    frozen = open_keras(path, names=(None, None), allow=frozenset())
    with temporary_folder("init") as folder:
        found = describe_graph(written(frozen, folder))
    unnamed = (tuple(dataclasses.replace(port, names=()) for port in ports) for ports in (found.inputs, found.outputs))
    inputs, outputs = unnamed
    return dataclasses.replace(found, inputs=inputs, outputs=outputs)
