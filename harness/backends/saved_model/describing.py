"""What a SavedModel says of itself: OpenVINO reads it without compiling anything."""

from __future__ import annotations

from harness.backends.openvino.describing import describe

__all__ = ["describe"]
