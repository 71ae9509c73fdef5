"""The search for the layer in which a candidate departs from its reference: constants first, then what flows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from harness.backends.base import ModelSpec, Pixels
from harness.backends.observing import Observer
from harness.backends.opening import open_backend
from harness.backends.registry import backends, facts_of, load_target
from harness.diagnosis.layers.activations import Profile, observe
from harness.diagnosis.layers.finding import LayerFinding, rows_of
from harness.diagnosis.layers.layer import layers_of
from harness.diagnosis.layers.matching import match
from harness.diagnosis.layers.remembered import Remembered
from harness.diagnosis.layers.verdicts import nothing_matched, verdict
from harness.diagnosis.layers.weights import WeightsComparison, compare
from harness.errors import ModelError

IMAGES = 4


@dataclass(frozen=True)
class Side:
    """A model as it would be run: its backend's name, what that needs to load it, and decoded pixels for it.

    ``pixels``: as ``Backend.infer`` takes them; the first few are looked at.
    """

    backend: str
    spec: ModelSpec
    pixels: Pixels


def compare_weights(reference: Side, candidate: Side) -> WeightsComparison:
    """Compare all constants of two models; nothing is run. Raises ModelError if one cannot be looked into."""
    with _opened(reference) as (one, _), _opened(candidate) as (other, _):
        return _compared(reference, candidate, one, other)


def find_layer(reference: Side, candidate: Side, *, images: int = IMAGES) -> LayerFinding:
    """Return which layer of the candidate is not the reference's.

    A model that cannot be looked into gives the verdict `unknown` with the reason. Raises ModelError or DeviceError if
    one cannot be loaded or run at all.
    """
    if reason := unobservable(reference):
        return LayerFinding("unknown", reason)
    with LayerSearch(reference, images=images) as search:
        return search.find(candidate)


class LayerSearch:
    """A reference that is loaded once and remembers what it gave, for several candidates; use as a context manager."""

    def __init__(self, reference: Side, *, images: int = IMAGES) -> None:
        self._reference, self._images = reference, images
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        observer, _ = self._stack.enter_context(_opened(self._reference))
        self._observer = Remembered(observer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def find(self, candidate: Side) -> LayerFinding:
        """Return which layer of a candidate is not the reference's. As ``find_layer``."""
        if reason := unobservable(candidate):
            return LayerFinding("unknown", reason)
        one, count = self._observer, self._images
        with _opened(candidate) as (other, precision):
            weights = _compared(self._reference, candidate, one, other)
            if not weights.layers:
                return nothing_matched(weights)
            pixels = self._reference.pixels[:count], candidate.pixels[:count]
            matches = [layer.match for layer in weights.layers]
            profile = observe(matches, one, other, pixels) if len(pixels[0]) else None
        rows = rows_of(weights, profile)
        finding = verdict(weights, profile, rows, precision)
        evidence = {**_looked_at(weights, profile), **finding.evidence}
        return replace(finding, rows=rows, rounding=weights.rounding, evidence=evidence)


def _looked_at(weights: WeightsComparison, profile: Profile | None) -> dict[str, Any]:
    looked: dict[str, Any] = {
        "layers_compared": len(weights.layers),
        "layers_of_reference_only": [layer.name for layer in weights.matching.only_reference],
        "layers_of_candidate_only": [layer.name for layer in weights.matching.only_candidate],
        "matched_by": {how: sum(1 for item in weights.layers if item.match.by == how) for how in _HOW},
    }
    if profile is None:
        return looked
    return {
        **looked,
        "images": profile.images,
        "answers_differ_by": profile.answers,
        "observing_changes_answers_by": profile.disturbed,
    }


_HOW = ("name", "weights", "order")


def unobservable(side: Side) -> str | None:
    """Return why a model's layers cannot be inspected; None if they can."""
    facts = facts_of(side.backend)
    if facts.observer is None:
        able = ", ".join(name for name, other in backends().items() if other.observer)
        return f"{side.spec.id}: the layers of a {facts.title} model cannot be inspected; those of {able} can."
    if side.spec.isolate:
        return f"{side.spec.id}: has loops, so it runs in a separate process, where its layers cannot be inspected."
    return None


@contextmanager
def _opened(side: Side) -> Iterator[tuple[Observer, str]]:
    if reason := unobservable(side):
        raise ModelError(reason)
    with (
        open_backend(side.backend, side.spec) as backend,
        load_target(facts_of(side.backend).observer or "")(backend) as observer,
    ):
        yield observer, backend.loaded.effective_precision


def _compared(reference: Side, candidate: Side, one: Observer, other: Observer) -> WeightsComparison:
    ours = layers_of(one.network, reference.spec.input)
    theirs = layers_of(other.network, candidate.spec.input)
    return compare(match(ours, theirs))
