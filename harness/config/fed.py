"""The part of a configuration that says what models are fed: no backend, no model file and no data set is needed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from harness.config.explain import explain
from harness.config.load import CANDIDATE_PATHS, PATH_KEYS, read_values, refusal, repeated_ids
from harness.config.models import Candidate, Input, Reference
from harness.config.origin import Key, dotted
from harness.config.preprocess import Preprocess
from harness.config.schema import Config, Dataset
from harness.config.types import ModelId
from harness.errors import nearest

_MODEL_KEYS = (*Candidate.model_fields, *Reference.model_fields, "preprocess")


class _Part(BaseModel):
    """Takes what it reads and leaves the rest, but no key that no command knows."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


def _known(value: Any, known: Sequence[str]) -> Any:
    unknown = [str(key) for key in value if key not in known] if isinstance(value, dict) else []
    if unknown:
        close = nearest(unknown[0], known)
        hint = f"did you mean `{close[0]}`?" if close else f"valid: {', '.join(dict.fromkeys(known))}"
        raise ValueError(f"has the unknown key `{unknown[0]}`; {hint}")
    return value


class FedModel(_Part):
    """What one model is fed; ``preprocess`` replaces that of the data set."""

    id: ModelId = "reference"
    input: Input
    preprocess: Preprocess | None = None

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, value: Any) -> Any:
        return _known(value, _MODEL_KEYS)


class FedCandidate(FedModel):
    """What a candidate is fed; its id has no default."""

    id: ModelId


class FedDataset(_Part):
    """The preprocessing that all models share."""

    preprocess: Preprocess = Preprocess()

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, value: Any) -> Any:
        return _known(value, tuple(Dataset.model_fields))


class Fed(_Part):
    """What each model of a configuration is fed."""

    dataset: FedDataset = FedDataset()
    reference: FedModel | None = None
    candidates: tuple[FedCandidate, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, value: Any) -> Any:
        return _known(value, tuple(Config.model_fields))

    @model_validator(mode="after")
    def _there_is_a_model(self) -> Fed:
        if not self.models:
            raise ValueError("no model is named; write `reference`, or list `candidates`")
        return self

    @property
    def models(self) -> tuple[FedModel, ...]:
        """The reference, where there is one, and the candidates."""
        return (*([self.reference] if self.reference else []), *self.candidates)

    def preprocess_of(self, model: FedModel) -> Preprocess:
        """Return the model's own preprocessing, or that of the data set."""
        return model.preprocess or self.dataset.preprocess


def load_fed(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Fed:
    """Read what the models of a configuration are fed.

    Backends need not exist here, the reference may be null, and paths may hold unset variables. Raises ConfigError that
    lists every fault with file, line, key and the fix.
    """
    file = Path(path)
    data, origin, unreadable, misused = read_values(file, overrides)
    unread = [fault for fault in unreadable if not origin.is_overridden(fault[0]) and not _is_path(fault[0])]
    faults = [f"{file}:{line}: {dotted(key) or 'the configuration'}: {what}" for key, line, what in unread]
    faults += [*misused, *repeated_ids(data, origin)]
    fed: Fed | None = None
    try:
        fed = Fed.model_validate(data)
    except ValidationError as error:
        faults += explain(error, data, origin, Fed, already=frozenset(key for key, _, _ in unread))
    if faults or fed is None:
        raise refusal(file, faults)
    return fed


def _is_path(key: Key) -> bool:
    return key in PATH_KEYS or (len(key) > 2 and key[0] == "candidates" and key[2:] in CANDIDATE_PATHS)
