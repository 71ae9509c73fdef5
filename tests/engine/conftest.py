"""A model without a framework, image sets in memory, and shard tables out of thin air."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from harness.backends.base import Backend, Loaded, ModelSpec, Pixels, Probabilities
from harness.backends.registry import register, unregister
from harness.config import Input
from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import Manifest
from harness.engine.lane import Lane
from harness.metrics.outcome import Outcome
from harness.record.shard_table import ShardTable
from tests.backends.fake import FACTS

OUTPUTS = 5
SIDE = 4


def probabilities_of(pixels: Pixels, power: float | NDArray[Any] = 1.0) -> Probabilities:
    """Give class p % 5 most, where p is the first value of the image; ``power`` makes another model of it."""
    first = pixels[:, 0, 0, 0].astype(np.int64)
    scores = np.ones((len(pixels), OUTPUTS))
    scores[np.arange(len(pixels)), first % OUTPUTS] += 1 + first / 64
    scores = scores**power
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)


@dataclass
class Fakes:
    """What the fake models did: loads and images by model id; ``nan``: values of pixels that give NaN."""

    loads: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)
    nan: frozenset[int] = frozenset()
    error: Exception | None = None


class FakeModel(Backend):
    """Answers with ``probabilities_of`` and writes down what it was asked for; reads no file."""

    seen = Fakes()

    def load(self) -> Loaded:
        self.seen.loads[self.spec.id] += 1
        self.seen.open[self.spec.id] += 1
        return Loaded("fake 1", "CPU", "a CPU", "f32", "0" * 64, {"batch": 1}, ("a warning",))

    def _infer(self, pixels: Pixels) -> Probabilities:
        if self.seen.error:
            raise self.seen.error
        self.seen.images[self.spec.id] += len(pixels)
        found = probabilities_of(pixels, 1.0 if self.spec.id == "reference" else 1.01)
        found[np.isin(pixels[:, 0, 0, 0], list(self.seen.nan))] = np.nan
        return found

    def close(self) -> None:
        self.seen.open[self.spec.id] -= 1


@pytest.fixture
def fakes() -> Iterator[Fakes]:
    """Register the backend ``fake`` for one test."""
    FakeModel.seen = Fakes()
    register(dataclasses.replace(FACTS, runner="tests.engine.conftest:FakeModel"))
    yield FakeModel.seen
    unregister(FACTS.name)


def lane(model: str, cache: Any = None) -> Lane:
    spec = ModelSpec(model, "m", Input(color="BGR"), "o", SIDE, OUTPUTS)
    return Lane(spec, "fake", "reference" if model == "reference" else "candidate", cache)


@dataclass
class Memory:
    """An image set in memory: row i is a picture of the one value ``values[i]``; counts what is read."""

    values: Sequence[int]
    bad: dict[int, bytes | OSError] = field(default_factory=dict)
    reads: Counter[int] = field(default_factory=Counter)
    before_read: Callable[[int], None] = lambda _: None

    def set(self) -> ImageSet:
        labels = np.array([value % OUTPUTS for value in self.values], np.int32)
        manifest = Manifest(tuple(f"image-{row}" for row in range(len(self.values))), labels)
        return ImageSet("memory", "memory", manifest, self.read, lambda row: f"signature {row}")

    def read(self, row: int) -> bytes:
        self.before_read(row)
        self.reads[row] += 1
        instead = self.bad.get(row)
        if isinstance(instead, OSError):
            raise instead
        return picture(self.values[row]) if instead is None else instead


def picture(value: int) -> bytes:
    return cv2.imencode(".png", np.full((SIDE, SIDE, 3), value, np.uint8))[1].tobytes()


def outcome(rows: int, seed: int) -> Outcome:
    """Return an outcome of arbitrary numbers, with a bad image among them."""
    generator = np.random.default_rng(seed)

    def floats(*shape: int) -> NDArray[np.float32]:
        return generator.random(shape, np.float32)

    made = Outcome(
        top1=generator.integers(0, 5, rows, np.int32),
        top5=generator.integers(0, 5, (rows, 5), np.int32),
        top5_probabilities=floats(rows, 5),
        probability_of_label=floats(rows),
        top1_probability=floats(rows),
        rank_of_label=generator.integers(1, 6, rows, np.int32),
        max_abs_diff=floats(rows),
        mean_abs_diff=generator.random(rows),
    )
    made.top5[:, 0] = made.top1
    empty = {"top1": -1, "top5": -1, "rank_of_label": 0}
    for name, array in made.columns().items():
        array[0] = empty.get(name, np.nan)
    return made


def table(index: int, rows: range, *, seed: int = 0, models: Sequence[str] = ("reference", "ir")) -> ShardTable:
    return ShardTable(
        index=index,
        rows=rows,
        image_digests=tuple(hashlib.sha256(str(row).encode()).digest() for row in rows),
        signatures=tuple(f"{row}:1:2" for row in rows),
        bad={rows.start: 'a reason with "quotes"\nand ünicode'},
        outcomes={model: outcome(len(rows), seed + number) for number, model in enumerate(models)},
        seconds={"ir": 0.25},
        cached=frozenset({"reference"}),
    )
