"""The contract of a model, measured: ways of feeding it, tried on labelled images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import ModelSpec
from harness.backends.opening import open_backend
from harness.config import Input, Preprocess
from harness.config.color import Color, Triple
from harness.dataset.image_set import ImageSet
from harness.feeding.decode import pixels_of_first
from harness.feeding.families import NORMALISATIONS, Way, ways
from harness.metrics.statistics import mcnemar_exact

FEW, MANY = 64, 256
CLEAR = 0.01  # exact two-sided McNemar test of the best against the runner-up on the same images
Hits = NDArray[np.bool_]


@dataclass(frozen=True)
class Trial:
    """One way of feeding: colour order, normalisation (in that order of channels), way to the pixels, label shift."""

    color: Color
    normalisation: str
    mean: Triple
    scale: Triple
    way: Way
    shift: int = 0

    @property
    def words(self) -> str:
        """The trial in words."""
        return f"{self.color}, {self.normalisation}, {self.way.name}, background {'yes' if self.shift else 'no'}"


@dataclass(frozen=True)
class Choice:
    """What one part was decided by: the best value, its runner-up, both counts, and whether the difference is clear."""

    part: str
    best: str
    correct: int
    runner_up: str
    runner_correct: int
    images: int
    p_value: float

    @property
    def clear(self) -> bool:
        """Whether the best is clearly better than the runner-up."""
        return self.p_value < CLEAR

    @property
    def words(self) -> str:
        """The decision as a comment."""
        text = f"measured: {self.correct} of {self.images} correct, {self.runner_correct} with {self.runner_up}"
        return text if self.clear else f"{text}: no clear margin (p {self.p_value:.2g})"


@dataclass
class Measured:
    """The best trial, its hits, and how each part was decided, by part."""

    trial: Trial
    correct: int
    images: int
    choices: dict[str, Choice] = field(default_factory=dict)


def measure(
    backend: str,
    spec: ModelSpec,
    images: ImageSet,
    *,
    classes: NDArray[np.int32],
    known: Callable[[Trial], bool] = lambda _: True,
    progress: Callable[[str], None] = lambda _: None,
) -> Measured:
    """Try ways of feeding a model on the first labelled images and return the best.

    ``classes``: class index of each image, without background; ``spec``: of the model, whose input is replaced;
    ``known``: leaves out trials that the file itself rules out. First colour order and normalisation on 64 images, then
    crop and filter on 256. Raises DatasetError for images that cannot be read, ModelError where the model fails.
    """
    pictures = _Pictures(images, spec.size)
    shifts = (0, 1) if spec.outputs > int(classes.max(initial=0)) + 1 else (0,)
    first = ways(spec.size)[0]
    colors: tuple[Color, ...] = ("RGB", "BGR")
    every = [
        Trial(color, name, *_ordered(color, mean, scale), first)
        for name, (mean, scale) in NORMALISATIONS.items()
        for color in colors
    ]
    trials = [trial for trial in every if known(trial)]
    hits: dict[Trial, Hits] = {}
    for trial in trials:
        progress(trial.words)
        answers = _answers(backend, spec, trial, pictures.of(first)[:FEW])
        for shift in shifts:
            hits[dataclasses.replace(trial, shift=shift)] = answers == classes[: len(answers)] + shift
    best = max(hits, key=lambda trial: int(hits[trial].sum()))
    near = [other for other in hits if int(hits[best].sum()) - int(hits[other].sum()) <= 3]  # decided on more images
    found: dict[Trial, Hits] = {}
    for trial in near[:4]:
        progress(f"{trial.words}, more images")
        answers = _answers(backend, spec, trial, pictures.of(first))
        found[trial] = answers == classes[: len(answers)] + trial.shift
    best = max(found, key=lambda trial: int(found[trial].sum()))
    compared = {**hits, **found}
    result = Measured(best, int(found[best].sum()), len(found[best]))
    parts: dict[str, Callable[[Trial], object]] = {  # what the runner-up has in common with the best
        "color": lambda other: (other.normalisation, other.shift),
        "normalisation": lambda other: (other.color, other.shift),
        "shift": lambda other: (other.color, other.normalisation),
    }
    for part, common in parts.items():
        others = [other for other in compared if other != best and common(other) == common(best)]
        if others:
            result.choices[part] = _choice(part, best, others, compared)
    _try_ways(backend, spec, pictures, classes, result, found[best], progress)
    return result


def _try_ways(
    backend: str,
    spec: ModelSpec,
    pictures: _Pictures,
    classes: NDArray[np.int32],
    result: Measured,
    hits: Hits,
    progress: Callable[[str], None],
) -> None:
    tried = {result.trial: hits}
    for way in ways(spec.size)[1:]:
        trial = dataclasses.replace(result.trial, way=way)
        progress(trial.words)
        answers = _answers(backend, spec, trial, pictures.of(way))
        tried[trial] = answers == classes[: len(answers)] + trial.shift
    published = result.trial
    best = max(tried, key=lambda trial: int(tried[trial].sum()))
    others = [other for other in tried if other != best]
    choice = _choice("way", best, others, tried)
    if best != published and _p(tried[best], tried[published]) >= CLEAR:
        best = published  # the usual one, where nothing speaks clearly against it
        choice = _choice("way", best, [other for other in tried if other != best], tried)
    result.choices["way"] = choice
    result.trial, result.correct = best, int(tried[best].sum())


def _choice(part: str, best: Trial, others: Sequence[Trial], hits: dict[Trial, Hits]) -> Choice:
    runner = max(others, key=lambda other: hits[other].mean())
    count = min(len(hits[best]), len(hits[runner]))
    one, two = hits[best][:count], hits[runner][:count]
    name = {
        "color": runner.color,
        "normalisation": runner.normalisation,
        "shift": "background" if runner.shift else "no background",
        "way": runner.way.name,
    }[part]
    return Choice(part, best.words, int(one.sum()), name, int(two.sum()), count, _p(one, two))


def _p(one: Hits, two: Hits) -> float:
    return mcnemar_exact(int((one & ~two).sum()), int((two & ~one).sum()))


def _ordered(color: Color, mean: Triple, scale: Triple) -> tuple[Triple, Triple]:
    return (mean, scale) if color == "RGB" else ((mean[2], mean[1], mean[0]), (scale[2], scale[1], scale[0]))


def _answers(backend: str, spec: ModelSpec, trial: Trial, pixels: Any) -> NDArray[np.int64]:
    contract = Input(name=spec.input.name, color=trial.color, mean=trial.mean, scale=trial.scale)
    with open_backend(backend, dataclasses.replace(spec, input=contract)) as loaded:
        return np.asarray(loaded.infer(pixels).argmax(axis=1))


class _Pictures:
    """The first images as pixels, each way decoded once."""

    def __init__(self, images: ImageSet, size: int | tuple[int, int]) -> None:
        self._images, self._size = images, size
        self._count = min(MANY, len(images.manifest))
        self._kept: dict[str, Any] = {}

    def of(self, way: Way) -> Any:
        """Return uint8 (count, height, width, 3) BGR."""
        if way.name not in self._kept:
            keys = way.keys if "steps" in way.keys else {**way.keys, "size": self._size}
            preprocess = Preprocess.model_validate(keys)
            self._kept[way.name] = pixels_of_first(self._images, preprocess, self._count, "a measurement of contracts")
        return self._kept[way.name]
