"""The example of the design, word for word, and small changes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example.yml"


@pytest.fixture
def example(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the example with some texts replaced and gives the file."""

    def write(*changes: tuple[str, str], name: str = "c.yml") -> Path:
        text = EXAMPLE.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) >= 1, f"{old!r} is not in the example"
            text = text.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write
