"""Ways of reading a model's output, tried on what it gave: activations, and the order of its classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.dataset.labels.builtin_check import mistakes
from harness.diagnosis.changes import transposed_order
from harness.feeding.outputs import Applied, probabilities, recognise, step_of

Rows = NDArray[np.float32]
_SMALLEST = 1e-30  # probabilities below are all the same: nothing
NOISE = 2e-5  # of a probability, from rounding in another order; explanations that come to less are equally good
_FAR = 10.0
_SURE = 1e-6  # of a logarithm of a probability, which is at most 0


@dataclass(frozen=True)
class Reading:
    """One way of reading, and its result.

    ``cause``: its documented identifier, empty: as configured; ``words``: what the output is so; ``activation``: the
    value of `output.activation` that corrects it, None if no setting does; ``order``: for each class of the reference
    the class of the candidate that it is, None if they are the same.
    """

    cause: str
    words: str
    activation: str | None = None
    order: tuple[int, ...] | None = None


AS_CONFIGURED = Reading("", "as configured")
Difference = NDArray[np.float64]  # (n,): the largest difference of a probability, infinite for NaN


def difference(found: Rows, reference: Rows) -> Difference:
    """Return the largest absolute difference of each image's probabilities; infinite for NaN."""
    if found.shape != reference.shape:
        return np.full(len(reference), np.inf)
    largest = np.abs(found.astype(np.float64) - reference).max(axis=1, initial=0)
    return np.asarray(np.where(np.isfinite(largest), largest, np.inf), np.float64)


def activations(raw: Rows, applied: Applied) -> Iterator[tuple[Reading, Rows]]:
    """Yield probabilities for each activation that such outputs may still need, the configured one first.

    ``raw``: float32 (n, classes), as the model gives them.
    """
    yield AS_CONFIGURED, probabilities(raw, applied)
    finite = raw[np.isfinite(raw).all(axis=1)]
    if not len(finite):
        return
    whole = recognise(finite, step_of(finite)) == "none"
    factor = None if whole else _constant_sum(finite)
    if factor is not None:
        words = f"probabilities times {factor:.6g}"
        yield Reading("scaled-probabilities", words), np.asarray(raw / np.float32(factor), np.float32)
    elif not whole and applied != "softmax":
        is_log = finite.max() <= _SURE and _sums_to_one(np.exp(finite.astype(np.float64)))
        kind = ("log-probabilities", "logarithms of probabilities") if is_log else ("logits", "logits")
        yield Reading(*kind, "softmax"), probabilities(raw, "softmax")
    if whole and applied != "none":
        yield Reading("softmax-twice", "probabilities already", "none"), probabilities(raw, "none")
    if not whole and finite.min() >= 0 and finite.max() <= 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            logits = (np.log(raw.astype(np.float64)) - np.log1p(-raw.astype(np.float64))).astype(np.float32)
        yield (
            Reading("sigmoid", "probabilities made by a sigmoid instead of a softmax"),
            probabilities(logits, "softmax"),
        )
    classes = raw.shape[1]
    if whole and applied == "none" and classes > 1 and finite.max() <= np.e / (np.e + classes - 1) * (1 + 1e-3):
        yield Reading("softmax-twice", "probabilities after a second softmax"), _before_softmax(raw)


def _constant_sum(values: Rows) -> float | None:
    """Return what the values of each image sum to, none of them negative; None where that differs between images."""
    sums = values.sum(axis=1, dtype=np.float64)
    middle = float(sums.mean())
    is_constant = len(values) > 1 and values.min() >= 0 and middle > 0 and float(np.ptp(sums)) <= 1e-3 * middle
    return middle if is_constant else None


def _sums_to_one(values: NDArray[np.float64]) -> bool:
    return bool(np.abs(values.sum(axis=1) - 1).max() <= 1e-3)


def _before_softmax(raw: Rows) -> Rows:
    """Return the probabilities p, which sum to one, of which ``raw`` is the softmax: log(raw) and a constant."""
    logs = np.log(np.maximum(raw.astype(np.float64), _SMALLEST))
    found: Rows = (logs + (1 - logs.sum(axis=1, keepdims=True)) / raw.shape[1]).astype(np.float32)
    return found


def may_be_reordered(found: Rows, reference: Rows, limit: float) -> bool:
    """Return whether each image has the same probabilities in both, in any order of the classes."""
    if found.shape != reference.shape:
        return False
    return bool(difference(np.sort(found, axis=1), np.sort(reference, axis=1)).max(initial=0) <= limit)


def order_of(found: Rows, reference: Rows) -> NDArray[np.int64]:
    """Return for each class of the reference the class of the candidate with the most similar probabilities.

    One class is used once: the assignment with the least distance of the logarithms over all images.
    """
    from scipy.optimize import linear_sum_assignment

    mine, wanted = (np.log(np.maximum(rows.astype(np.float64), _SMALLEST)) for rows in (found, reference))
    squares = (wanted**2).sum(axis=0)[:, None] + (mine**2).sum(axis=0)[None, :]
    distance = squares - 2 * wanted.T @ mine
    _, columns = linear_sum_assignment(distance)
    return np.asarray(columns, np.int64)


def named_order(order: NDArray[np.int64], *, background: bool) -> Reading:
    """Return what an order of classes is called; ``background``: class 0 is the background."""
    classes = len(order)
    numbers = np.arange(classes)
    kept = tuple(int(column) for column in order)
    for shift in (1, -1):
        if (order == (numbers + shift) % classes).all():
            way = "late" if shift == 1 else "early"
            return Reading("classes-shifted", f"shifted: each class comes one place too {way}", order=kept)
    for words, known in _known_orders(classes, background=background):
        if (order == known).all():
            return Reading("classes-permuted", words, order=kept)
    moved = int((order != numbers).sum())
    first = int(np.argmax(order != numbers))
    words = f"in another order: {moved:,} of {classes:,} classes moved, such as the reference's {first}, "
    return Reading("classes-permuted", f"{words}which is its {int(order[first])}", order=kept)


def _known_orders(classes: int, *, background: bool) -> Iterator[tuple[str, NDArray[np.int64]]]:
    numbers = np.arange(classes)
    transposed = transposed_order(classes)
    yield "in the reversed order", numbers[::-1]
    yield "in the order of a transposed table", np.argsort(transposed)
    yield "in the order of a transposed table", transposed
    start = int(background)
    for mistake in mistakes(classes - start):
        right = mistake.right.astype(np.int64)
        if sorted(right.tolist()) != list(range(classes - start)):
            continue
        words = "in the order of the devkit's ids" if mistake.name == "devkit ids" else f"{mistake.name}"
        head = numbers[:start]
        yield words, np.concatenate([head, right + start])
        yield words, np.concatenate([head, np.argsort(right) + start])


def tells_images_apart(rows: Rows, largest: float) -> bool:
    """Return whether probabilities differ between images by far more than by ``largest`` from those of a model.

    If not, any model that predicts the same for every image agrees with them.
    """
    apart = np.abs(rows.astype(np.float64) - np.median(rows, axis=0)).max(initial=0)
    return float(apart) > _FAR * max(largest, NOISE)


@dataclass(frozen=True)
class Read:
    """The result of reading one output in one way: ``rows`` (n, classes), and how far each image is off.

    ``agreeing``: images with the reference's Top-1 predictions, None if the two do not have the same classes.
    """

    reading: Reading
    rows: Rows
    off: Difference
    agreeing: int | None = None

    @property
    def largest(self) -> float:
        """The largest difference of any probability."""
        return float(self.off.max(initial=0))


def best_reading(
    raw: Rows, applied: Applied, common: Callable[[Rows], Rows], reference: Rows, *, limit: float, background: bool
) -> list[Read]:
    """Return what comes out of each way of reading that applies, the configured one first.

    ``common``: from the candidate's probabilities to those of the classes that both models have.
    """
    found = []
    for reading, rows in activations(raw, applied):
        values = common(rows)
        off = difference(values, reference)
        found.append(Read(reading, values, off, _agreeing(values, reference)))
        if off.max(initial=0) > limit and may_be_reordered(values, reference, limit):
            order = order_of(values, reference)
            reordered = np.ascontiguousarray(values[:, order])
            named = named_order(order, background=background)
            if reading.cause:
                named = Reading(
                    f"{reading.cause} + {named.cause}",
                    f"{reading.words}, {named.words}",
                    reading.activation,
                    named.order,
                )
            found.append(Read(named, reordered, difference(reordered, reference), _agreeing(reordered, reference)))
    return found


def _agreeing(found: Rows, reference: Rows) -> int | None:
    if found.shape != reference.shape:
        return None
    return int((found.argmax(axis=1) == reference.argmax(axis=1)).sum())
