"""Published preprocessing protocols by name; the file next to this one has each with its source."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any


@lru_cache(maxsize=1)
def presets() -> dict[str, dict[str, Any]]:
    """Return for each name of a preset its ``source`` (text) and ``preprocess`` (the long form, as written)."""
    import yaml  # records are read with the schema, too, and need no preset

    text = resources.files("harness.config").joinpath("presets.yml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found
