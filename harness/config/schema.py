"""The configuration's schema. The key names are a contract; every model refuses keys that it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from harness.config.dataset import Dataset
from harness.config.deployment import add_deployments
from harness.config.engine import EngineSettings
from harness.config.gates import (
    PRECISIONS,
    BaselineGate,
    Certify,
    DropGate,
    Gates,
    ParityGate,
    Published,
    TargetGate,
)
from harness.config.matrix import Matrix, expand
from harness.config.models import Candidate, Conversion, Input, Reference
from harness.config.origin import Origin
from harness.config.preprocess import Preprocess
from harness.config.secrets import redact, redact_all
from harness.config.types import Location, ModelId, Number, Strict, Whole, not_truth
from harness.config.urls import url_of
from harness.errors import ConfigError, nearest

__all__ = [
    "BaselineGate",
    "Candidate",
    "Certify",
    "Config",
    "Conversion",
    "Dataset",
    "DropGate",
    "Gates",
    "Input",
    "ParityGate",
    "Preprocess",
    "Published",
    "Reference",
    "TargetGate",
]


# The validation context of values whose matrix was written out already, with the lines where it was written.
EXPANDED = "expanded"


AGAINST_REFERENCE = ("parity", "drop", "flips")  # gates that compare with the reference


class Archive(Strict):
    """The archive from which `harness fetch` downloads the original model."""

    url: str = Field(pattern=r"^https?://", description="URL of the archive.")
    mirrors: tuple[Annotated[str, Field(pattern=r"^https?://")], ...] = Field(
        (), description="Further URLs, tried in order."
    )
    bytes: Annotated[Whole, Field(ge=1)] = Field(description="Size of the archive in bytes.")
    sha384: str = Field(pattern=r"^[0-9a-f]{96}$", description="SHA-384 digest of the archive, in hexadecimal.")
    members: tuple[str, ...] = Field((), description="Files to unpack. Default: all.")
    folder: Location = Field(Path("build"), description="Folder to download and unpack to.")


_Part = TypeVar("_Part", bound=BaseModel)


def _laid_over(base: _Part, override: _Part) -> _Part:
    """Lay over the base only what the override really states, key by key and mapping by mapping."""
    stated: dict[str, Any] = {}
    for name in override.model_fields_set:
        new, old = getattr(override, name), getattr(base, name)
        both = isinstance(new, BaseModel) and isinstance(old, BaseModel)
        stated[name] = _laid_over(old, new) if both else new
    return base.model_copy(update=stated)


def _with_urls(value: Any, urls: Mapping[str, str]) -> Any:
    """Return plain values with each path that stands for a URL written as that."""
    if isinstance(value, dict):
        return {key: _with_urls(item, urls) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_urls(item, urls) for item in value]
    known = urls.get(value) if isinstance(value, str) else None
    return value if known is None and not isinstance(value, str) else known or url_of(value) or value


class Cache(Strict):
    """Data that is kept between runs: probabilities of models, compiled models, and files from URLs."""

    folder: Location | None = Field(
        None, description="Folder of the cache. Default: $HARNESS_CACHE, or the user's cache folder."
    )
    max_gb: Annotated[Number, Field(gt=0)] = Field(
        5.0, description="Above this size, the least recently used entries are deleted."
    )
    reference: bool = Field(
        True, description="Keep the reference's probabilities, so that a new candidate only costs its own inference."
    )
    candidates: bool = Field(False, description="Also keep the probabilities of candidates on the CPU.")
    compiled: bool = Field(True, description="Keeps compiled models, for backends that compile.")
    remote_gb: Annotated[Number, Field(gt=0)] = Field(
        20.0, description="How much data of image sets and models at URLs is kept on disk."
    )


class Config(Strict):
    """A validation: one image set, a reference (or none), candidates, and gates."""

    version: Annotated[Literal[1], BeforeValidator(not_truth)] = Field(description="Version of this schema.")
    name: ModelId = Field(description="Name of the validation, and of the folder of its runs.")
    dataset: Dataset
    reference: Reference | None = Field(
        description="The original model; `null` if there is none: published accuracy and baselines then judge the "
        "candidates, and the comparisons use the first candidate."
    )
    candidates: tuple[Candidate, ...] = Field((), validate_default=True, description="The converted models.")
    matrix: Matrix | None = Field(
        None, description="Candidates by combination, in addition to those listed: models x devices x precisions."
    )
    published: Published | None = None
    gates: Gates = Gates()
    certify: Certify | None = Field(
        None, description="Stop as soon as the drop is proven within or above the limit; `--certify PP` sets it."
    )
    only: Literal["parity"] | None = Field(
        None, description="Judge only this gate, on its images, then stop; `--parity-only` sets it."
    )
    conversion: Conversion = Conversion()
    archive: Archive | None = None
    cache: Cache = Cache()
    engine: EngineSettings = EngineSettings()
    checksums: Location | None = Field(
        None,
        description="A list made by `sha256sum`, names relative to its folder; an error names each missing or changed "
        "file.",
    )

    _origin: Origin | None = PrivateAttr(None)
    _urls: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _matrix_is_written_out(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, dict) or info.context == EXPANDED:
            return data
        data = dict(data)
        faults = expand(data) if data.get("matrix") is not None else []
        if faults:
            raise ValueError("; ".join(faults))
        add_deployments(data)
        return data

    @field_validator("candidates")
    @classmethod
    def _there_is_one(cls, value: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        if not value:
            raise ValueError("there is no candidate; list at least one under `candidates`, or write a `matrix`")
        return value

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Config:
        ids = [model.id for model in self.models]
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        if repeated:
            raise ValueError(f"two models have the id '{repeated[0]}'; each id must be unique")
        return self

    def gates_for(self, candidate: Candidate | None) -> Gates:
        """Return the gates with a candidate's overrides (None: the reference's)."""
        overrides = candidate.gates if candidate else None
        return _laid_over(self.gates, overrides) if overrides else self.gates

    @model_validator(mode="after")
    def _gates_have_their_reference(self) -> Config:
        if self.reference is not None:
            return self
        for place, gates in [
            ("gates", self.gates),
            *((f"the gates of {candidate.id}", candidate.gates) for candidate in self.candidates),
        ]:
            stated = [name for name in AGAINST_REFERENCE if gates and name in gates.model_fields_set]
            stated = [name for name in stated if getattr(gates, name) is not None]
            if stated:
                raise ValueError(
                    f"{place}: `{stated[0]}` compares with the reference, and `reference: null` says that there is "
                    f"none; leave `{stated[0]}` out, or name a reference"
                )
        if any(self.conversion_for(candidate).automatic for candidate in self.candidates):
            raise ValueError(
                "`conversion.automatic` converts the reference, and `reference: null` says that there is none; "
                "leave it out"
            )
        if self.certify is not None:
            raise ValueError("`certify` needs a reference, and `reference: null` says that there is none; leave it out")
        return self

    @model_validator(mode="after")
    def _yardsticks_are_there(self) -> Config:
        ids = [candidate.id for candidate in self.candidates]
        for candidate in self.candidates:
            parity = self.gates_for(candidate).parity
            named = parity.yardstick if parity else None
            if named is None or named in PRECISIONS:
                continue
            if named == candidate.id:
                raise ValueError(
                    f"the gates of {candidate.id}: `parity.yardstick` names {named} itself; give that candidate "
                    "`gates: {parity: {yardstick: null}}`, or another yardstick"
                )
            if named not in ids:
                close = nearest(named, [*PRECISIONS, *ids])
                near = f"did you mean `{close[0]}`?" if close else f"valid: {', '.join((*PRECISIONS, *ids))}"
                raise ValueError(f"the gates of {candidate.id}: there is no `parity.yardstick` {named}; {near}")
        return self

    @property
    def models(self) -> tuple[Reference | Candidate, ...]:
        """The reference, where there is one, and the candidates."""
        return (*([self.reference] if self.reference else []), *self.candidates)

    @property
    def original(self) -> Reference:
        """The reference, for what cannot be done without one. Raises ConfigError if there is none."""
        if self.reference is None:
            raise ConfigError(
                f"{self.where('reference')}: is null, but this command needs the original model; set `reference`"
            )
        return self.reference

    @property
    def compared_with(self) -> Reference | Candidate:
        """The model that the others are compared with: the reference, or without one the first candidate."""
        return self.reference or self.candidates[0]

    def has_background(self, model: Reference | Candidate) -> bool:
        """Return whether a network's class 0 is background: as the model says, or the data set."""
        own = model.background_class
        return self.dataset.background_class if own is None else own

    def preprocess_for(self, model: Reference | Candidate) -> Preprocess:
        """Return how images become a model's pixels: its own preprocessing, or the data set's."""
        return model.preprocess or self.dataset.preprocess

    @property
    def source_file(self) -> Path | None:
        """The file that the configuration was read from."""
        return self._origin.file if self._origin else None

    def where(self, key: str) -> str:
        """Return "file:line: key" for messages, as far as it is known where the key was written."""
        return self._origin.where(key) if self._origin else key

    def resolved(self) -> dict[str, Any]:
        """Return the configuration as plain JSON values, defaults filled in and overrides applied; secrets as `***`."""
        plain: dict[str, Any] = self.model_dump(mode="json")
        for candidate, dumped in zip(self.candidates, plain["candidates"], strict=True):
            dumped["gates"] = self.gates_for(candidate).model_dump(mode="json")
            dumped["conversion"] = self.conversion_for(candidate).model_dump(mode="json")
        for dumped in filter(None, (plain["reference"], *plain["candidates"])):
            for key in ("preprocess", "background_class", "recorded"):
                if dumped.get(key, ...) is None:
                    del dumped[key]  # the data set's; none
            if isinstance(dumped["output"], dict):
                stated = {name: value for name, value in dumped["output"].items() if value is not None}
                dumped["output"] = stated["name"] if [*stated] == ["name"] else stated
            dumped["input"] = {name: value for name, value in dumped["input"].items() if value is not None}
        return redact_all(_with_urls(plain, self._urls))

    def shown(self, text: str | Path) -> str:
        """Return a path, or a text with paths in it, for records: each with the URL that it stands for, no secret."""
        whole = str(text)
        for path in sorted(self._urls, key=len, reverse=True):
            whole = whole.replace(path, self._urls[path])
        return redact(url_of(whole) or whole)

    @property
    def urls(self) -> Mapping[str, str]:
        """The URLs that were replaced by paths on disk, by path."""
        return self._urls

    def with_urls(self, urls: Mapping[str, str], **changes: Any) -> Config:
        """Return a configuration in which paths replace URLs; records still show the URLs."""
        changed = self.model_copy(update=changes)
        changed._urls = {**self._urls, **urls}  # noqa: SLF001  (our own class)
        return changed

    def conversion_for(self, candidate: Candidate) -> Conversion:
        """Return how this candidate's file is made."""
        return _laid_over(self.conversion, candidate.conversion) if candidate.conversion else self.conversion
