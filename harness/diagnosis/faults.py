"""The catalogue of conversion faults: each one thing that goes wrong in practice, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.config.gates import PRECISIONS
from harness.diagnosis.changes import (
    CAST_CHANGES,
    NORMALISATION_CHANGES,
    Array,
    Change,
    Normalisation,
    planar,
    swapped,
    transposed_classes,
)


@dataclass(frozen=True)
class Fault:
    """One fault. Fields that are None or empty are as they should be.

    ``preprocess``: keys of dataset.preprocess that the candidate's pixels are made with; ``pixels``: what happens to
    uint8 (n, size, size, 3) before the candidate; ``normalisation``: from the true mean and scale to the wrong ones;
    ``edit``: the change of the model's graph, by the name that its editor knows; ``precision``: what it is run
    at; ``probabilities``: what happens to float32 (n, classes) after it; ``cast``: what happens to
    the values after mean and scale; ``label_shift``: added to every label;
    ``refusable``: the model may be refused before it runs, which then is the catch; ``cause``: how the diagnosis
    identifies it (docs/diagnose.md); ``within``: the yardsticks of `parity` for which it is none.
    """

    name: str
    preprocess: dict[str, Any] | None = None
    pixels: Callable[[Array], Array] | None = None
    normalisation: Normalisation | None = None
    edit: str | None = None
    precision: str | None = None
    probabilities: Callable[[Array], Array] | None = None
    cast: Change | None = None
    label_shift: int = 0
    refusable: bool = False
    cause: str = ""
    within: tuple[str, ...] = ()


def _normalised(name: str, words: str) -> Fault:
    """Return the fault that makes the network see pixels so; ``words`` as the list of changes has them."""
    (change,) = (change for change in NORMALISATION_CHANGES if change.words == words)
    return Fault(name, normalisation=change.normalisation, cause=change.cause)


FAULTS: tuple[Fault, ...] = (
    Fault("channels not swapped", pixels=swapped, cause="color-order"),
    _normalised("mean and scale missing", "pixels without mean and scale"),
    _normalised("mean and scale applied twice", "pixels with mean and scale applied twice"),
    _normalised("input scaled to [0, 1]", "pixels scaled to [0, 1]"),
    _normalised("mean and scale 128", "pixels with mean 128 and scale 128"),
    _normalised("means of another model family", "pixels with the means of ImageNet"),
    Fault("values cast to whole numbers", cast=CAST_CHANGES[0], cause="input-cast"),
    Fault("NCHW fed to an NHWC input", pixels=planar, cause="layout"),
    Fault("labels off by one (+1)", label_shift=1, cause="labels"),
    Fault("labels off by one (-1)", label_shift=-1, cause="labels"),
    Fault("resized with the filter area", preprocess={"interpolation": "area"}, cause="resize-filter"),
    Fault("resized with the filter cubic", preprocess={"interpolation": "cubic"}, cause="resize-filter"),
    Fault("resized with the filter nearest", preprocess={"interpolation": "nearest"}, cause="resize-filter"),
    Fault("crop forgotten", preprocess={"crop_fraction": 1.0}, cause="crop"),
    Fault("softmax missing", edit="without_softmax", cause="logits"),
    Fault("the wrong output", edit="another_output", refusable=True, cause="wrong-output"),
    Fault("stale BIN of other weights", edit="other_weights", cause="other-weights"),
    Fault("transposed class order", probabilities=transposed_classes, cause="classes-permuted"),
    Fault("weights compressed to FP16", edit="weights_f16", cause="fp16-weights", within=PRECISIONS),
    Fault("executed in bf16", precision="bf16", cause="device-precision", within=("bf16", "int8")),
    Fault("weights rounded to 8 bits", edit="rounded_weights", cause="int8-weights", within=("int8",)),
)
