"""From what models answered to rows that can be compared: probabilities, over the classes that all models have.

This is the only place where an output becomes probabilities, for every backend and every model in the same way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Loaded, ModelSpec, Probabilities
from harness.feeding.outputs import Applied, common_classes, probabilities, step_of, to_apply
from harness.metrics.outcome import Outcome, score

_KEY = "activation"


def settled(
    specs: Sequence[ModelSpec], raw: Mapping[str, Probabilities], known: Mapping[str, Applied], reference: str | None
) -> dict[str, Applied]:
    """Return what is applied to each model's output, as far as it can be said: what is ``known``, then the rest.

    ``raw``: (n, classes) by id, the first answers of a run. A model that states no activation has the reference's, so
    that a candidate which lost its softmax is not corrected silently; the reference itself, and every model of a run
    without one (``reference``: None), is recognised by its own values. Models without any row are left open.
    """
    found = dict(known)
    first = [spec for spec in specs if spec.id == reference]
    for spec in (*first, *(spec for spec in specs if spec.id != reference)):
        if spec.id in found:
            continue
        if spec.activation in ("none", "softmax", "sigmoid"):
            found[spec.id] = spec.activation
        elif spec.activation is None and reference is not None and spec.id != reference:
            if reference in found:
                found[spec.id] = found[reference]
        elif spec.id in raw and len(raw[spec.id]):
            values = raw[spec.id]
            found[spec.id] = to_apply("auto", values, step_of(values))
    return found


def with_applied(reported: Loaded, applied: Applied | None) -> Loaded:
    """Return what a model reports about itself, with what is applied to its output."""
    return reported if applied is None else dataclasses.replace(reported, details={**reported.details, _KEY: applied})


def applied_in(reported: Mapping[str, Any]) -> Applied | None:
    """Return what a finished shard says was applied to a model's output; None if it says nothing known."""
    details = reported.get("details")
    value = details.get(_KEY) if isinstance(details, Mapping) else None
    return value if value in get_args(Applied) else None


@dataclass(frozen=True)
class Classes:
    """The classes over which the models of a run are compared.

    ``background``: they have the background, as class 0; ``offset``: what is added to them to count as labels do.
    """

    background: bool
    offset: int

    @classmethod
    def common(cls, labelled_with_background: bool, models: Collection[bool]) -> Classes:
        """Return the common classes. ``models``: whether class 0 of each is background."""
        background = labelled_with_background and all(models)
        return cls(background, int(labelled_with_background) - int(background))

    def of(self, spec: ModelSpec, raw: Probabilities, applied: Applied | None) -> Probabilities:
        """Return a model's output (n, its classes) as probabilities of the common classes."""
        values = probabilities(raw, applied or "none")
        return common_classes(values, spec.background and not self.background)

    def scored(
        self, values: Probabilities, labels: NDArray[np.int32], compared: Probabilities | None = None
    ) -> Outcome:
        """Return one model's rows; classes in them count as the labels do. ``compared``: of the model compared with."""
        outcome = score(values, (labels - self.offset).astype(np.int32), compared)
        if not self.offset:
            return outcome
        top1, top5 = (np.where(found >= 0, found + self.offset, found) for found in (outcome.top1, outcome.top5))
        return dataclasses.replace(outcome, top1=top1.astype(np.int32), top5=top5.astype(np.int32))
