"""Small configurations of Accuracy Checker, written to a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.importing.accuracy_checker import Check, read_accuracy_check
from harness.importing.configuration import write_configuration
from harness.importing.documents import Document, Faults, Part

MINIMAL = """\
models:
  - name: net
    launchers:
      - framework: openvino
        adapter: classification
    datasets:
      - name: imagenet_1000_classes
        preprocessing:
          - type: resize
            size: 256
          - type: crop
            size: 224
        metrics:
          - {type: accuracy, top_k: 1, reference: 0.7446}
          - {type: accuracy, top_k: 5, reference: 0.9213}
"""


@pytest.fixture
def minimal() -> str:
    """The smallest configuration of a classifier."""
    return MINIMAL


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write an accuracy-check.yml, and what else belongs beside it; return its path."""

    def to_folder(text: str = MINIMAL, **beside: str) -> Path:
        for name, content in beside.items():
            (tmp_path / f"{name}.yml").write_text(content)
        file = tmp_path / "accuracy-check.yml"
        file.write_text(text)
        return file

    return to_folder


@pytest.fixture
def check(write: Callable[..., Path]) -> Callable[..., Check]:
    """Write a configuration and read it."""
    return lambda text=MINIMAL, **beside: read_accuracy_check(write(text, **beside))


@pytest.fixture
def imported(check: Callable[..., Check]) -> Callable[..., dict[str, Any]]:
    """Write a configuration, import it, and return the imported one as plain values."""
    return lambda text=MINIMAL, **beside: yaml.safe_load(write_configuration(check(text, **beside)))


@pytest.fixture
def part(tmp_path: Path) -> Callable[[str], Part]:
    """Return the top of a YAML text as a part."""

    def of(text: str) -> Part:
        file = tmp_path / "part.yml"
        file.write_text(text)
        return Document(file, Faults()).top

    return of
