"""`matrix:` models x devices x precisions, written out as candidates before anything else looks at them."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from harness.config.models import (
    Batch,
    ConversionOverrides,
    Deployed,
    Device,
    GateOverrides,
    Isolate,
    IsOptional,
    Model,
    Pinned,
    Properties,
    TimeoutSeconds,
)
from harness.config.origin import Key, Origin
from harness.config.types import ModelId, Strict
from harness.errors import nearest

Axis = list[tuple[Key, dict[str, Any]]]  # where each item was written, and its plain values
_MOST_CELLS = 200
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_.]+")


class _Axis(Strict):
    batch: Batch = None
    optional: IsOptional = False
    isolate: Isolate = None
    timeout_seconds: TimeoutSeconds = 300.0
    properties: Properties = Field(default_factory=dict)
    deployment: Deployed = False
    gates: GateOverrides = None


class MatrixModel(_Axis, Model):
    """A model of the matrix: a candidate without device and precision."""

    conversion: ConversionOverrides = None


class MatrixDevice(_Axis):
    """A device of the matrix: its name, or a mapping with keys for the candidates on it."""

    id: ModelId | None = Field(None, description="Part of the candidates' ids, instead of the device's name.")
    device: Device


class MatrixPrecision(_Axis):
    """A precision of the matrix: its name, or a mapping with keys for the candidates at it."""

    precision: Pinned


OneOrMore = Annotated[
    tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value), Field(min_length=1)
]


class MatrixExclude(Strict):
    """Combinations to leave out: those that match all the keys given here."""

    model: OneOrMore | None = Field(None, description="Id of a model of the matrix, or a list of ids.")
    device: OneOrMore | None = Field(None, description="Device of the matrix or its id, or a list of them.")
    precision: OneOrMore | None = Field(None, description="Precision of the matrix, or a list of precisions.")

    @model_validator(mode="after")
    def _states_something(self) -> MatrixExclude:
        if not any((self.model, self.device, self.precision)):
            raise ValueError("has no model, device or precision, so everything would be left out; give at least one")
        return self


def _named(key: str) -> BeforeValidator:
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


class Matrix(Strict):
    """Candidates by combination: each model on each device at each precision."""

    models: tuple[MatrixModel, ...] = Field(min_length=1, description="The models, without device and precision.")
    devices: tuple[Annotated[MatrixDevice, _named("device")], ...] = Field(
        (MatrixDevice(device="CPU"),), min_length=1, description="Names, or mappings with `device` and more keys."
    )
    precisions: tuple[Annotated[MatrixPrecision, _named("precision")], ...] = Field(
        (MatrixPrecision(precision="f32"),),
        min_length=1,
        description="Names, or mappings with `precision` and more keys.",
    )
    exclude: tuple[MatrixExclude, ...] = Field((), description="Combinations that are left out.")


@dataclass(frozen=True)
class Cell:
    """A combination as a candidate's plain values; ``sources``: where they were written, the last one wins."""

    candidate: dict[str, Any]
    sources: tuple[Key, ...]


def expand(data: dict[str, Any], origin: Origin | None = None) -> list[str]:
    """Append to ``data["candidates"]`` what ``data["matrix"]`` stands for; return what is wrong with it.

    A candidate that is listed under the id of a combination replaces it. Where the matrix itself breaks the schema
    nothing is done: the schema tells it.
    """
    listed = data.get("candidates")
    listed = [] if listed is None else listed
    try:
        exclude = Matrix.model_validate(data.get("matrix")).exclude
    except ValidationError:
        return []
    if not isinstance(listed, list):
        return []
    faults: list[str] = []
    cells = list(_cells(data["matrix"], exclude, faults, origin))
    known = [item.get("id") for item in listed if isinstance(item, dict)]  # of any type before the schema has spoken
    data["candidates"] = listed = [*listed]
    for cell in cells:
        if cell.candidate["id"] in known:
            continue
        if origin:
            origin.sources[("candidates", len(listed))] = cell.sources
        listed.append(cell.candidate)
    return faults


def _axes(matrix: Mapping[str, Any]) -> list[Axis]:
    """Return models, devices and precisions, a name alone as the mapping that it stands for."""
    defaults = (("models", "model", ()), ("devices", "device", ("CPU",)), ("precisions", "precision", ("f32",)))
    return [
        [
            (("matrix", axis, place), {word: item} if isinstance(item, str) else item)
            for place, item in enumerate(matrix.get(axis) or default)
        ]
        for axis, word, default in defaults
    ]


def _cells(
    matrix: Mapping[str, Any], exclude: Sequence[MatrixExclude], faults: list[str], origin: Origin | None
) -> Iterator[Cell]:
    def fault(key: Key, what: str) -> None:
        faults.append(f"{origin.place(key)}: {what}" if origin else what)

    axes = _axes(matrix)
    count = len(axes[0]) * len(axes[1]) * len(axes[2])
    if count > _MOST_CELLS:
        fault(("matrix",), f"results in {count:,} candidates, more than {_MOST_CELLS}; list fewer")
        return
    wrong = [*_repeated(axes), *_unused_excludes(exclude, axes)]
    narrowed = origin is not None and any(
        origin.is_overridden(("matrix", axis)) for axis in ("models", "devices", "precisions")
    )
    for key, what in wrong:
        also = "; an axis was changed by --set: set matrix.exclude too" if narrowed and key[1] == "exclude" else ""
        fault(key, f"{what}{also}")
    seen: set[str] = set()
    for (model_key, model), (device_key, device), (precision_key, precision) in itertools.product(*axes):
        if wrong or any(_matches(item, model, device, precision) for item in exclude):
            continue
        name = f"{model['id']}-{_device_id(device)}-{precision['precision']}"
        if name in seen:
            fault(device_key, f"two combinations would both be named '{name}'; give this device its own `id`")
            continue
        seen.add(name)
        candidate: dict[str, Any] = {}
        for part in (model, device, precision):
            candidate = laid_over(candidate, copy.deepcopy(part))  # a later `--set` changes this candidate alone
        yield Cell({**candidate, "id": name}, (precision_key, device_key, model_key))
    if not seen and not faults:
        fault(("matrix", "exclude"), "leaves out every combination, so nothing would be evaluated; exclude fewer")


def _device_id(device: Mapping[str, Any]) -> str:
    return str(device.get("id") or _NOT_IN_IDS.sub("-", device["device"]).strip("-"))


def _names(part: Mapping[str, Any], word: str) -> set[str]:
    """Return what an exclusion may call a part by: a model by its id, a device by its name or id."""
    keys = {"model": ("id",), "device": ("device", "id"), "precision": ("precision",)}[word]
    return {str(part[key]) for key in keys if part.get(key) is not None}


def _matches(
    exclude: MatrixExclude, model: Mapping[str, Any], device: Mapping[str, Any], precision: Mapping[str, Any]
) -> bool:
    stated = ((exclude.model, "model", model), (exclude.device, "device", device))
    return all(
        wanted is None or set(wanted) & _names(part, word)
        for wanted, word, part in (*stated, (exclude.precision, "precision", precision))
    )


def _repeated(axes: list[Axis]) -> Iterator[tuple[Key, str]]:
    """Yield what is listed twice on an axis: its candidates would have the same ids."""
    models, devices, precisions = axes
    for named, mend in (
        ([(key, str(part["id"])) for key, part in models], "give each model its own `id`"),
        ([(key, _device_id(part)) for key, part in devices], "give each device an `id` of its own"),
        ([(key, str(part["precision"])) for key, part in precisions], "write it once"),
    ):
        names = [name for _, name in named]
        yield from (
            (key, f"'{name}' is listed twice; {mend}")
            for place, (key, name) in enumerate(named)
            if name in names[:place]
        )


def _unused_excludes(exclude: Sequence[MatrixExclude], axes: list[Axis]) -> Iterator[tuple[Key, str]]:
    """Yield what is wrong with exclusions that name something that the matrix does not have: a misspelling."""
    for place, item in enumerate(exclude):
        stated = (("model", item.model), ("device", item.device), ("precision", item.precision))
        for (word, wanted), axis in zip(stated, axes, strict=True):
            known = sorted(set().union(*(_names(part, word) for _, part in axis)))
            for name in wanted or ():
                if name not in known:
                    close = nearest(name, known)
                    near = f"; did you mean '{close[0]}'?" if close else f"; available: {', '.join(known)}"
                    yield ("matrix", "exclude", place), f"the matrix has no {word} '{name}'{near}"


def laid_over(base: dict[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Lay plain values over others, mapping by mapping, so that two axes may each override a gate."""
    merged = dict(base)
    for key, value in override.items():
        old = merged.get(key)
        merged[key] = laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
