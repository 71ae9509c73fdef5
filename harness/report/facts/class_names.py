"""Names of a run's classes by the network's label: the configured ones, or ImageNet's where there are 1000."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.record.schema import DatasetPart, RunRecord
from harness.text import visible

_BACKGROUND = "background"
_LARGEST = 1 << 26  # bytes of a file of names


def class_names(record: RunRecord) -> tuple[str, ...] | None:
    """Return names by network label. None if none are known: reports say "class 7", and nothing fails for a name."""
    dataset = record.recorded_config.dataset
    try:
        names = _configured(dataset.class_names, record.dataset) or _built_in(dataset.classes)
    except (HarnessError, OSError, ValueError):
        return None
    if not names:
        return None
    return (_BACKGROUND, *names) if dataset.background_class else names


def _configured(file: str | None, dataset: DatasetPart | None) -> tuple[str, ...]:
    """Return the names in a file that a record names, if it is the file that the run read.

    A record may come from anyone: without the digest, it could put any text file of this machine into a report.
    """
    wanted = dataset.class_names_sha256 if dataset else None
    if file is None or wanted is None or not Path(file).is_file():
        return ()
    with Path(file).open("rb") as stream:
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST or hashlib.sha256(data).hexdigest() != wanted:
        return ()
    return tuple(line.strip() for line in data.decode("utf-8-sig").split("\n") if line.strip())


def _built_in(classes: int | None) -> tuple[str, ...]:
    from harness.dataset import imagenet

    if classes != imagenet.CLASSES:
        return ()
    return tuple(synonyms.partition(",")[0] for synonyms in imagenet.class_names())


def index_of(label: int, *, background: bool) -> str:
    """Return a class's number: "943/942", the network's and the data set's, where a background class makes them differ.

    ``background``: whether the network's class 0 is background, which the data set does not count.
    """
    return f"{label}/{label - 1}" if background and label > 0 else str(label)


class Namer:
    """Names classes by the network's label."""

    def __init__(self, class_names: Sequence[str] | None) -> None:
        self._names = class_names or ()

    def __call__(self, label: int) -> str:
        """Return the name of a label; "none" below 0 (an image without a prediction)."""
        if label < 0:
            return "none"
        name = visible(self._names[label]).strip() if label < len(self._names) else ""
        return name or f"class {label}"

    def known(self, labels: Iterable[int]) -> dict[str, str]:
        """Return the names of those ``labels`` that have one, by label as text; the page falls back by itself."""
        named = sorted({int(label) for label in labels if 0 <= label < len(self._names)})
        return {str(label): self(label) for label in named}
