"""What a reader has to know of how a run's images became pixels, as sentences."""

from __future__ import annotations

from harness.record.schema import RunRecord
from harness.text import visible

_EFFECT = (
    "with Pillow instead of OpenCV the Top-1 of one MobileNet was 71.2 % instead of 71.7 % (mlcommons/inference#304)"
)


def preprocessing_warnings(record: RunRecord) -> list[str]:
    """Return one sentence where the choice of library may move an accuracy by half a point: at most one."""
    used = {model.id: _names(model.preprocessing.libraries) for model in record.models if model.preprocessing}
    if len(set(used.values())) > 1:
        each = "; ".join(f"{visible(name)}: {visible(libraries)}" for name, libraries in used.items())
        return [f"models are fed pixels of different libraries ({each}); {_EFFECT}"]
    published = record.recorded_config.published
    states = published is not None and published.top1_percent is not None
    if states and any("pillow" in libraries for libraries in used.values()):
        return [f"images are prepared by Pillow; the published accuracy holds for the library that it used: {_EFFECT}"]
    return []


def _names(libraries: tuple[str, ...]) -> str:
    """Return the libraries without versions, in alphabetical order."""
    return " and ".join(sorted({library.split()[0] for library in libraries if library.split()}))
