"""What a configuration asks of its models, as far as verdicts rest on it: from a configuration, or from a record's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.config import Config
from harness.config.dataset import BadImages
from harness.config.gates import Certify, Gates, Published
from harness.config.types import Count
from harness.judging.recorded_limits import RecordedCertify, RecordedGates, RecordedPublished, never_failing


@dataclass(frozen=True)
class Rules:
    """The gates of each model by its id, and what else decides. ``reference``: None if none is configured.

    ``candidates``: in the configuration's order; ``classes``: without background; ``images``: the stated size of the
    whole set, None if it is not stated; ``optional``: candidates whose device may be absent; ``only``: the one gate
    that is judged, None: all.
    """

    reference: str | None
    candidates: tuple[str, ...]
    gates: Mapping[str, Gates]
    published: Published | None
    classes: int
    images: int | None
    bad_images: BadImages
    certify: Certify | None
    optional: frozenset[str]
    only: str | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """Every model's id, the reference first."""
        return (*([self.reference] if self.reference else []), *self.candidates)

    @property
    def never_failing(self) -> tuple[str, ...]:
        """A sentence for each limit of a record that nothing can exceed, with the models it is for."""
        found: dict[str, list[str]] = {}
        for name in self.models:
            for note in never_failing(self.gates[name], self.certify):
                found.setdefault(note, []).append(name)
        return tuple(f"{', '.join(names)}: {note}" for note, names in found.items())

    @property
    def compared_with(self) -> str:
        """The model that candidates are compared with: the reference, or without one the first candidate."""
        return self.models[0]

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return the rules of a configuration."""
        reference = {config.reference.id: config.gates} if config.reference else {}
        return cls(
            reference=config.reference.id if config.reference else None,
            candidates=tuple(item.id for item in config.candidates),
            gates=reference | {item.id: config.gates_for(item) for item in config.candidates},
            published=config.published,
            classes=config.dataset.classes,
            images=config.dataset.images,
            bad_images=config.dataset.bad_images,
            certify=config.certify,
            optional=frozenset(item.id for item in config.candidates if item.optional),
            only=config.only,
        )

    @classmethod
    def recorded(cls, config: Mapping[str, Any]) -> Self | None:
        """Return the rules of a record's configuration; None if it is not a whole one, as in old records.

        Raises ValueError if it is a whole one and cannot be read.
        """
        if not config.get("candidates") or not {"version", "gates"} & config.keys():
            return None
        try:
            found = _Recorded.model_validate(config)
        except (ValidationError, RecursionError) as error:
            where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else "config"
            raise ValueError(where) from None
        reference = {found.reference.id: found.gates} if found.reference else {}
        rules = cls(
            reference=found.reference.id if found.reference else None,
            candidates=tuple(item.id for item in found.candidates),
            gates=reference | {item.id: item.gates for item in found.candidates},
            published=found.published,
            classes=found.dataset.classes,
            images=found.dataset.images,
            bad_images=found.dataset.bad_images,
            certify=found.certify,
            optional=frozenset(item.id for item in found.candidates if item.optional),
            only=found.only,
        )
        if len(rules.gates) != len(rules.models):
            raise ValueError("candidates: an id appears twice")
        return rules


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class _Model(_Read):
    id: str


class _Candidate(_Model):
    gates: RecordedGates
    optional: bool = False


class _Dataset(_Read):
    images: Count | None = None
    classes: Count
    bad_images: BadImages = BadImages()


class _Recorded(_Read):
    dataset: _Dataset
    reference: _Model | None = None
    candidates: tuple[_Candidate, ...] = Field(min_length=1)
    published: RecordedPublished | None = None
    gates: RecordedGates
    certify: RecordedCertify | None = None
    only: Literal["parity"] | None = None
