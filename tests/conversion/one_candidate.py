"""A configuration of one model of any backend and one candidate that is converted from it, and what that answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backends.base import ModelSpec, Pixels
from harness.backends.opening import open_backend
from harness.config import Config, Input, load_config
from harness.conversion import convert
from harness.errors import ModelError
from tests.conftest import CLASSES, SIZE


def configured(folder: Path, backend: str, model: Path, contract: Input, output: str, /, **candidate: Any) -> Config:
    """``candidate``: what it has beside or instead of an IR for BGR pixels."""
    (folder / "images").mkdir(exist_ok=True)
    made = {"id": "made", "model": "made.xml", "input": {"color": "BGR"}, "output": "answer", **candidate}
    data = {
        "version": 1,
        "name": "one",
        "dataset": {"path": "images", "classes": CLASSES, "preprocess": {"size": SIZE}},
        "reference": {
            "id": "original",
            "backend": backend,
            "model": str(model),
            "input": contract.model_dump(mode="json", exclude_none=True),
            "output": output,
        },
        "candidates": [made],
    }
    path = folder / "c.yml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return load_config(path)


def answers(config: Config, pixels: Pixels) -> Any:
    """Convert the candidate, and return what it answers."""
    (candidate,) = config.candidates
    convert(config, candidate)
    spec = ModelSpec("made", str(candidate.model), candidate.input, "answer", SIZE, CLASSES + 1)
    with open_backend(candidate.backend, spec) as backend:
        return backend.infer(pixels)


def refused(config: Config) -> str:
    """Return why a candidate is not converted; nothing may be left."""
    with pytest.raises(ModelError) as caught:
        convert(config, config.candidates[0])
    assert not config.candidates[0].model.exists()
    assert not [path for path in config.candidates[0].model.parent.iterdir() if path.name.startswith(".")]
    return str(caught.value)
