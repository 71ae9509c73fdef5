"""Class names for people: "7 goldfinch", or "class 7" where no name is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.report.text import visible


class Namer:
    """Names classes by the network's label."""

    def __init__(self, class_names: Sequence[str] | None) -> None:
        self._names = class_names or ()

    def __call__(self, label: int) -> str:
        """Return the name of a label; "none" below 0 (an image without an answer)."""
        if label < 0:
            return "none"
        name = visible(self._names[label]).strip() if label < len(self._names) else ""
        return name or f"class {label}"

    def known(self, labels: Iterable[int]) -> dict[str, str]:
        """Return the names of those ``labels`` that have one, by label as text; the page falls back by itself."""
        wanted = sorted({int(label) for label in labels if 0 <= label < len(self._names)})
        return {str(label): self(label) for label in wanted}
