"""A model's predictions for the sample under each contract and protocol, as a score per image; nothing is run twice."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.feeding.outputs import Applied, probabilities, recognise, step_of
from harness.proposing.contracts import Contract
from harness.proposing.margin import Scores
from harness.proposing.probe import Probe
from harness.proposing.protocols import Protocol
from harness.proposing.sample import Sample

# Where the network's class of an image is: as the set counts from 0, behind a background class, or counted from 1.
SHIFTS = (0, 1, -1)
LEAST = 1e-3  # probability: below it, a wrong answer does not count as more wrong, so that no image decides alone


@dataclass(frozen=True)
class Way:
    """One way of feeding a model."""

    contract: Contract
    protocol: Protocol


class Trials:
    """Scores of ways of feeding one model.

    A score is the logarithm of the probability that the model gives to an image's class, the mean of which is largest
    where a model is fed as it was trained; it distinguishes ways with far fewer images than counts of correct
    predictions.
    """

    def __init__(self, probe: Probe, sample: Sample) -> None:
        self._probe, self._sample = probe, sample
        self._scores: dict[Way, Scores] = {}  # (n, shifts)
        self._right: dict[Way, NDArray[np.bool_]] = {}
        self._pixels: tuple[Protocol, NDArray[np.uint8]] | None = None
        self.activation: Applied | None = None
        self.images, self.seconds = 0, 0.0  # that the model answered to, and what it took for that

    def scores(self, way: Way, rows: range) -> Scores:
        """Return float64 (len(rows), shifts) for rows of the sample that begin where those of the way ended."""
        self._run(way, rows.stop)
        return self._scores[way][rows.start : rows.stop]

    def seen(self, way: Way, shift: int) -> tuple[Scores, NDArray[np.bool_]]:
        """Return the scores and whether the Top-1 predictions are right, of the images that the way was run on."""
        at = SHIFTS.index(shift)
        return self._scores[way][:, at], self._right[way][:, at]

    def _run(self, way: Way, stop: int) -> None:
        done = len(self._scores.get(way, ()))
        if done >= stop:
            return
        pixels = self._pixels_of(way.protocol, stop)[done:stop]
        begin = time.perf_counter()
        outputs = self._probe.answers(pixels, way.contract)
        self.seconds += time.perf_counter() - begin
        self.images += len(pixels)
        if self.activation is None:
            self.activation = recognise(outputs, step_of(outputs))
        scores, right = _scored(probabilities(outputs, self.activation), self._sample.classes[done:stop])
        self._scores[way] = np.concatenate([self._scores[way], scores]) if done else scores
        self._right[way] = np.concatenate([self._right[way], right]) if done else right

    def _pixels_of(self, protocol: Protocol, stop: int) -> NDArray[np.uint8]:
        """Return the pixels of one protocol, kept until another one is needed."""
        kept = self._pixels[1] if self._pixels is not None and self._pixels[0] == protocol else None
        done = 0 if kept is None else len(kept)
        if kept is None or done < stop:
            more = self._sample.pixels(protocol.preprocess, range(done, stop))
            kept = more if kept is None else np.concatenate([kept, more])
            self._pixels = protocol, kept
        return kept


def _scored(values: NDArray[np.float32], classes: NDArray[np.int64]) -> tuple[Scores, NDArray[np.bool_]]:
    """Return log probability of the class and whether it is the largest: each (n, shifts), the first of equals wins."""
    finite = np.where(np.isfinite(values), values, 0.0)
    answers = finite.argmax(axis=1)
    scores = np.full((len(classes), len(SHIFTS)), np.log(LEAST))
    right = np.zeros((len(classes), len(SHIFTS)), np.bool_)
    for at, shift in enumerate(SHIFTS):
        wanted = classes + shift
        there = (wanted >= 0) & (wanted < values.shape[1])
        found = finite[np.flatnonzero(there), wanted[there]].astype(np.float64)
        scores[there, at] = np.log(np.maximum(found, LEAST))
        right[there, at] = answers[there] == wanted[there]
    return scores, right
