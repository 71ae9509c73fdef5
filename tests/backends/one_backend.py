"""One backend by itself: what it answers for pixels, and why it refuses a model."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.backends.base import Backend, ModelSpec, Pixels
from harness.errors import HarnessError, ModelError


@dataclass(frozen=True)
class OneBackend:
    """``plain``: what its models are as a rule, whatever the file."""

    backend: type[Backend]
    plain: ModelSpec

    def spec(self, model: Path, **changes: Any) -> ModelSpec:
        return dataclasses.replace(self.plain, model=str(model), **changes)

    def infer(self, pixels: Pixels, wanted: ModelSpec) -> Any:
        with self.backend(wanted) as backend:
            return backend.infer(pixels)

    def refused(self, wanted: ModelSpec, kind: type[HarnessError] = ModelError) -> str:
        with pytest.raises(kind) as caught, self.backend(wanted):
            pass
        assert "\n" not in str(caught.value)
        return str(caught.value)
