"""What Keras runs on: by TensorFlow, on the processor."""

from __future__ import annotations

import dataclasses
import os

from harness.backends.devices import of_processor
from harness.backends.keras.facts import FACTS
from harness.machine.devices import Devices


def find_devices() -> Devices:
    """Return the processor, with the backend that Keras is set to use, without importing Keras."""
    found = of_processor(FACTS)
    asked = os.environ.get("KERAS_BACKEND", "tensorflow")
    remark = f"KERAS_BACKEND is {asked}" + (
        "" if asked == "tensorflow" else "; set it to tensorflow, which this backend needs"
    )
    return dataclasses.replace(
        found, devices=tuple(dataclasses.replace(device, remark=remark) for device in found.devices)
    )
