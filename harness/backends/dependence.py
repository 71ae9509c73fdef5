"""Finds what makes a prediction depend on chance, on the other images of its batch, or on earlier calls.

Such a model cannot be validated: its prediction is not a property of the image. Each backend looks for it in its own
files; what is said of it, and the trial by numbers, are here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError

if TYPE_CHECKING:  # the words are needed where no array is
    from numpy.typing import NDArray

    from harness.backends.base import ModelSpec, Pixels

EXPORT = "export the model for inference"
_LARGEST = 1e-2  # of the largest value; rounding in another order changes 1e-5


def random_operation(model: object, name: str, kind: str, mend: str = EXPORT) -> ModelError:
    """Return the error for an operation that draws numbers. ``name``: of its node; ``kind``: of the operation."""
    return ModelError(
        f"{model}: in training mode: '{name}' ({kind}) gives different numbers at every call, as a dropout does; {mend}"
    )


def batch_statistics(model: object, name: str, kind: str, mend: str = EXPORT) -> ModelError:
    """Return the error for a normalisation by the batch. ``name``: of its node; ``kind``: of the operation."""
    return ModelError(
        f"{model}: in training mode: '{name}' ({kind}) takes mean and variance from the images of each batch, so "
        f"a prediction depends on the other images; {mend}"
    )


def kept_state(model: object, name: str, kind: str, mend: str = "export the model without state") -> ModelError:
    """Return the error for an operation that remembers something from call to call."""
    return ModelError(
        f"{model}: refused: '{name}' ({kind}) keeps a value from call to call, so a prediction depends on the "
        f"images before it; {mend}"
    )


def refuse_dependence(
    spec: ModelSpec, run: Callable[[Pixels], NDArray[Any]], batch: int | None, mend: str = EXPORT
) -> None:
    """Refuse a model whose prediction for an image changes with the other images of its batch, or from call to call.

    A normalisation over the batch, or a dropout, may be built of any operations. ``run``: gives the output for pixels
    (n, height, width, 3), as ``Backend.infer`` takes them, or raises ModelError; ``batch``: the number of images that
    the model insists on, None if it takes any. Raises ModelError, but not for an output of another shape, which
    ``infer`` names.
    """
    import numpy as np

    from harness.backends.arrays import rows_of

    generator = np.random.default_rng(0)
    shape = (batch or min(2, spec.batch or 2), *spec.sides, 3)
    element = np.float32 if spec.floating else np.uint8
    one = generator.integers(0, 256, shape).astype(element)
    other = generator.integers(0, 40, shape).astype(element)  # with another mean and variance
    other[0] = one[0]
    answers = [run(part) for part in (one, other)]
    try:
        first, second = (rows_of(spec, answer, shape[0])[0] for answer in answers)
    except ModelError:
        return
    difference = float(np.abs(first - second).max()) if first.size else 0.0
    if not difference > _LARGEST * max(1.0, float(np.abs(first).max(initial=0))):
        return  # as for NaN, which ``infer`` names with its image
    same = [rows_of(spec, run(one), shape[0])[0] for _ in range(2)]
    alone = float(np.abs(same[0] - same[1]).max())
    if alone > difference / 10:
        raise ModelError(
            f"{spec.model}: its prediction for the same images changes by {alone:.2g} from call to call, so it "
            f"keeps a state (as recurrent layers may) or uses random numbers (as a dropout in training does); {mend}"
        )
    other[0] = generator.integers(0, 40, shape[1:]).astype(element)  # instead of the bright one
    if float(np.abs(rows_of(spec, run(other), shape[0])[0] - second).max()) <= difference / 10:
        raise ModelError(
            f"{spec.model}: mixes up the images of a batch: its first prediction changes with the other images and not "
            "with the first one; convert the model with a batch of 1 or a free batch dimension"
        )
    raise ModelError(
        f"{spec.model}: in training mode: its prediction for an image changes by {difference:.2g} with the other "
        f"images of the batch; {mend}"
    )
