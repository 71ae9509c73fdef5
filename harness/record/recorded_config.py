"""The configuration that a record holds, read tolerantly: an old or foreign record lacks keys, or has other types.

Only what is read from finished runs is here. A missing key or a wrong type gives None, never an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class RecordedDataset:
    """``raw``: the part as it is recorded, for validation as a whole. ``classes``: without background.

    ``declares_size``: the size of the whole set was stated; of records that do not say it is taken for granted.
    """

    raw: Mapping[str, Any] | None = None
    preprocess: Mapping[str, Any] | None = None
    class_names: str | None = None
    classes: int | None = None
    background_class: bool = False
    declares_size: bool = True


@dataclass(frozen=True)
class RecordedInput:
    """How a model is fed. ``mean``, ``scale``: one number, or one for each channel."""

    color: str | None = None
    mean: Any = None
    scale: Any = None


@dataclass(frozen=True)
class RecordedModel:
    """A configured model. ``raw_input``, ``output``: as they are recorded, for a fingerprint.

    ``preprocess``: its own, None if it has the data set's.
    """

    id: str
    input: RecordedInput | None = None
    raw_input: Any = None
    output: Any = None
    preprocess: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class RecordedPublished:
    """Published accuracy in percent."""

    top1_percent: float | None = None
    top5_percent: float | None = None


@dataclass(frozen=True)
class RecordedBaselineGate:
    """Limits of the gate `baseline` as they are recorded, in pp, not checked."""

    top1_max_drop_pp: Any = None
    top5_max_drop_pp: Any = None
    file: str | None = None


@dataclass(frozen=True)
class RecordedConfig:
    """What a record states about its run's configuration. ``certifies``: whether a drop was to be certified."""

    dataset: RecordedDataset
    reference: RecordedModel | None
    candidates: tuple[RecordedModel, ...]
    published: RecordedPublished
    baseline_gate: RecordedBaselineGate
    certifies: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Read a resolved configuration, such as ``record.config``."""
        candidates = config.get("candidates")
        listed = candidates if isinstance(candidates, (list, tuple)) else ()
        return cls(
            dataset=_dataset(config.get("dataset")),
            reference=_model(config.get("reference")),
            candidates=tuple(model for model in map(_model, listed) if model is not None),
            published=RecordedPublished(
                *(_number(_part(config.get("published")).get(f"top{k}_percent")) for k in (1, 5))
            ),
            baseline_gate=_baseline_gate(_part(_part(config.get("gates")).get("baseline"))),
            certifies=bool(config.get("certify")),
        )

    @property
    def models(self) -> tuple[RecordedModel, ...]:
        """The reference, where there is one, and the candidates."""
        return (*([self.reference] if self.reference else []), *self.candidates)


def _dataset(value: Any) -> RecordedDataset:
    part = _part(value)
    preprocess, names, classes = part.get("preprocess"), part.get("class_names"), part.get("classes")
    return RecordedDataset(
        raw=part if isinstance(value, Mapping) else None,
        preprocess=preprocess if isinstance(preprocess, Mapping) else None,
        class_names=names if isinstance(names, str) and names else None,
        classes=classes if isinstance(classes, int) and not isinstance(classes, bool) else None,
        background_class=bool(part.get("background_class")),
        declares_size=part.get("images", 0) is not None,
    )


def _model(value: Any) -> RecordedModel | None:
    if not isinstance(value, Mapping):
        return None
    fed = value.get("input")
    color = fed.get("color") if isinstance(fed, Mapping) else None
    return RecordedModel(
        id=str(value.get("id")),
        input=RecordedInput(str(color) if color else None, fed.get("mean"), fed.get("scale"))
        if isinstance(fed, Mapping)
        else None,
        raw_input=fed,
        output=value.get("output"),
        preprocess=own if isinstance(own := value.get("preprocess"), Mapping) else None,
    )


def _baseline_gate(part: Mapping[str, Any]) -> RecordedBaselineGate:
    file = part.get("file")
    return RecordedBaselineGate(
        part.get("top1_max_drop_pp"), part.get("top5_max_drop_pp"), file if isinstance(file, str) else None
    )


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
