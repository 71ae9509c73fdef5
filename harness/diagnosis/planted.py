"""Faults of the catalogue planted into a candidate, one or several, so that the diagnosis can be tested on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import CannotEditError
from harness.backends.registry import facts_of, load_target
from harness.config import Candidate, Config
from harness.config.models import Output
from harness.diagnosis.affine import Affine
from harness.diagnosis.bench import Tamper
from harness.diagnosis.changes import Change
from harness.diagnosis.faults import Fault
from harness.diagnosis.feedings import feeding_of
from harness.diagnosis.preprocessing import with_fault

Values = NDArray[np.float32]
_OF_PIXELS, _OF_VALUES = 1e-3, 1e-6  # what f32 may have lost of a pixel, and of a value after mean and scale


@dataclass(frozen=True)
class Planted:
    """A configuration whose candidate has the faults, and what a configuration cannot express."""

    config: Config
    tamper: Tamper


def plant(config: Config, candidate: Candidate, faults: Sequence[Fault], folder: Path) -> Planted:
    """Plant faults into a candidate; edited files go to ``folder``.

    Raises CannotEditError if one cannot be planted, or where two change the same part.
    """
    parts = ("preprocess", "pixels", "normalisation", "cast", "edit", "precision", "probabilities", "label_shift")
    for name in parts:
        if sum(bool(getattr(fault, name)) for fault in faults) > 1:
            raise CannotEditError(f"two faults change the same: {name}")
    changed = candidate
    for fault in faults:
        changed = _configured(config, changed, fault, folder)
    others = tuple(changed if item.id == candidate.id else item for item in config.candidates)
    return Planted(config.model_copy(update={"candidates": others}), _tamper(config, candidate, faults))


def _configured(config: Config, candidate: Candidate, fault: Fault, folder: Path) -> Candidate:
    """Return the candidate with the part of a fault that a configuration or a file can express."""
    if fault.preprocess:
        wrong = with_fault(config.preprocess_for(candidate), fault.preprocess)
        candidate = candidate.model_copy(update={"preprocess": wrong})
    if fault.precision:
        if fault.precision == candidate.precision:
            raise CannotEditError(f"the configuration already requests {fault.precision}")
        candidate = candidate.model_copy(update={"precision": fault.precision})
    return _edited(candidate, fault.edit, folder) if fault.edit else candidate


def _tamper(config: Config, candidate: Candidate, faults: Sequence[Fault]) -> Tamper:
    """Return what happens around the file: on the values first mean and scale, then a cast, then their order."""
    values = [_seeing(config, candidate, fault) for fault in faults if fault.normalisation]
    values += [_casting(config, candidate, fault.cast) for fault in faults if fault.cast]
    values += [fault.pixels for fault in faults if fault.pixels]
    outputs = next((fault.probabilities for fault in faults if fault.probabilities), None)
    shift = next((fault.label_shift for fault in faults if fault.label_shift), 0)
    return Tamper(
        (lambda given: _one_after_the_other(values, given)) if values else None,
        outputs,
        _shifted(config, shift) if shift else None,
    )


def _one_after_the_other(changes: Sequence[Callable[[Values], Values]], values: Values) -> Values:
    for change in changes:
        values = change(values)
    return values


def _seeing(config: Config, candidate: Candidate, fault: Fault) -> Callable[[Values], Values]:
    """Return what makes of the values that enter the file those by which its network sees the wrong pixels."""
    own = feeding_of(candidate.input, config.preprocess_for(candidate))
    wanted = feeding_of(config.original.input, config.preprocess_for(config.original))
    in_rgb = wanted.affine.ordered(wanted.color, "RGB")
    assert fault.normalisation is not None
    seen = Affine(*fault.normalisation(in_rgb.mean, in_rgb.scale)).ordered("RGB", own.color)
    whole = own.affine.inverse().then(seen).then(in_rgb.ordered("RGB", own.color).inverse()).then(own.affine)

    def change(values: Values) -> Values:
        return ((values.astype(np.float64) - whole.mean) / whole.scale).astype(np.float32)

    return change


def _casting(config: Config, candidate: Candidate, change: Change) -> Callable[[Values], Values]:
    """Return what makes of the values that enter the file those by which its network sees cast ones."""
    own = feeding_of(candidate.input, config.preprocess_for(candidate))
    wanted = feeding_of(config.original.input, config.preprocess_for(config.original))
    seen = wanted.affine.ordered(wanted.color, own.color)
    assert change.cast is not None
    cast = change.cast

    def changed(values: Values) -> Values:
        pixels = _snapped(values.astype(np.float64) * own.scale + own.mean, _OF_PIXELS)
        real = _snapped((pixels - seen.mean) / seen.scale, _OF_VALUES)
        back = cast(real).astype(np.float64) * seen.scale + seen.mean
        return ((back - own.mean) / own.scale).astype(np.float32)

    return changed


def _snapped(values: NDArray[np.float64], within: float) -> NDArray[np.float64]:
    """Return whole numbers where values are that but for what f32 lost of them."""
    whole = np.rint(values)
    return np.where(np.abs(values - whole) <= within, whole, values)


def _edited(candidate: Candidate, edit: str, folder: Path) -> Candidate:
    editor = facts_of(candidate.backend).editor
    if editor is None:
        raise CannotEditError(f"files of the backend {candidate.backend} cannot be edited")
    model, output = load_target(editor)(str(candidate.model), candidate.output_name or "", edit, folder)
    contract = candidate.output_contract.model_copy(update={"name": output or None})
    return candidate.model_copy(update={"model": Path(model), "output": Output.model_validate(contract.model_dump())})


def _shifted(config: Config, shift: int) -> Callable[[NDArray[np.int32]], NDArray[np.int32]]:
    offset, classes = int(config.dataset.background_class), config.dataset.classes
    return lambda labels: ((labels - offset + shift) % classes + offset).astype(np.int32)
