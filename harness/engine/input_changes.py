"""Known changes of what a candidate is fed that would take its error away: a fault smaller than the rounding itself.

The candidate's own network without any rounding has the same conversion fault as the candidate, and less noise. Its
error against the reference is projected onto what a change of the input does to its answers: the share of the change
that is in the error is 1 if the change corrects it, and 0, plus or minus the noise, if nothing is wrong.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import Backend, ModelSpec, Pixels, Probabilities
from harness.errors import DeviceError, ModelError
from harness.record.schema import InputChange

_SCALE = 256 / 255  # pixels divided by 128 or 256 where it should be 127.5 or 255
_LARGER, _SMALLER = "pixel values times 256/255", "pixel values times 255/256"
_LEAST = 1e-5  # of p (1 - p): probabilities below that are noise of the arithmetic

Open = Callable[[ModelSpec], Backend]
Answer = Callable[[Backend, Pixels], Probabilities]


def input_changes(
    spec: ModelSpec, own: Backend, reopened: Open, answer: Answer, pixels: Pixels,
    reference: Probabilities, others: Mapping[str, Pixels],
) -> tuple[InputChange, ...]:  # fmt: skip
    """Return the share of each known change of the input that is in the error of a candidate's own network.

    ``own``: that network, loaded; ``reopened`` opens it with another specification; ``answer``: its probabilities
    of the common classes, as ``reference`` has them; ``others``: the same images resized with other filters.
    """
    as_fed = answer(own, pixels)
    given = {name: other.astype(pixels.dtype) for name, other in others.items()}
    shares = {f"the resize filter {name}": (answer(own, other), 1) for name, other in given.items()}
    if pixels.dtype == np.uint8 and not spec.floating:
        with contextlib.suppress(ModelError, DeviceError), reopened(dataclasses.replace(spec, floating=True)) as scaled:
            larger = answer(scaled, pixels.astype(np.float32) * np.float32(_SCALE))
            shares |= {_LARGER: (larger, 1), _SMALLER: (larger, -1)}
    found = []
    for name, (changed, sign) in shares.items():
        share = share_of(as_fed, changed, reference)
        if share is not None:
            found.append(InputChange(change=name, share=sign * share[0], uncertainty=share[1]))
    return tuple(found)


def share_of(as_fed: Probabilities, changed: Probabilities, reference: Probabilities) -> tuple[float, float] | None:
    """Return how much of a change, done to the input, would take the error away, and the standard error of that.

    Weighted least squares over images and classes, each weighted by the variance of a proportion, p (1 - p); the
    standard error is that of a ratio estimator over images (W. G. Cochran, Sampling Techniques, 1977, chapter 6). None
    if it cannot be told: of one image, or where the change moves nothing.
    """
    expected = np.asarray(reference, np.float64)
    weights = 1 / np.maximum(expected * (1 - expected), _LEAST)
    error, step = expected - as_fed, changed.astype(np.float64) - as_fed
    towards: NDArray[np.float64] = (weights * error * step).sum(axis=1)
    size: NDArray[np.float64] = (weights * step * step).sum(axis=1)
    count, total = len(size), float(size.sum())
    if count < 2 or not np.isfinite(total) or total <= 0:
        return None
    share = float(towards.sum()) / total
    left = towards - share * size
    spread = float(np.sqrt(np.square(left).sum() * count / (count - 1))) / total
    return (share, spread) if np.isfinite(share) and np.isfinite(spread) else None
