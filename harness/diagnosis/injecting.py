"""A faithful candidate with one fault at a time: how it is injected, what it gives, and which gate fails."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.backends.base import CannotEditError, ModelSpec
from harness.backends.opening import open_backend
from harness.backends.registry import facts_of, load_target
from harness.capsule.opened import capsule_at
from harness.config import Candidate, Config, Preprocess
from harness.config.gates import PRECISIONS
from harness.dataset.image_set import ImageSet
from harness.diagnosis.affine import Affine
from harness.diagnosis.changes import Change
from harness.diagnosis.faults import Fault
from harness.diagnosis.feedings import Cast
from harness.diagnosis.preprocessing import with_fault
from harness.disk.leftovers import temporary_folder
from harness.engine.answers import Classes, settled
from harness.engine.identity import PlannedModel, task_for
from harness.engine.yardstick import Compared, rounding_errors
from harness.errors import DatasetError, DeviceError, ModelError
from harness.feeding.contract import DECODED, fed_instead
from harness.feeding.decode import pixels_of_first
from harness.feeding.other_filters import other_filters
from harness.feeding.pipeline import Prepared
from harness.judging.gates import judge_model
from harness.judging.judged import Judged
from harness.judging.ratio_gate import Yardstick
from harness.metrics.outcome import Outcome, absolute_difference, as_decimal
from harness.record.schema import GatePart

_MOST_IMAGES = 4096
_SHARD = 256


@dataclass(frozen=True)
class Finding:
    """The result of one fault.

    ``caught``: None if it cannot be injected on this machine (``reason`` says why); ``gate``: which one caught it,
    `refused` where the model was not even accepted; ``images``: after how many; ``measured``: by the gate's own units.
    """

    name: str
    caught: bool | None
    gate: str | None
    images: int
    measured: dict[str, Any] | None
    reason: str


class FaultBench:
    """Reference and faithful candidate on all images, and the means to run the candidate with a fault."""

    def __init__(
        self, config: Config, candidate: Candidate, images: ImageSet, planned: dict[str, PlannedModel]
    ) -> None:
        self._config, self._candidate, self._images, self._planned = config, candidate, images, planned
        self.count = min(len(images.manifest), _MOST_IMAGES)
        self._labels = images.manifest.labels[: self.count]
        both = [planned[model].spec.background for model in (config.original.id, candidate.id)]
        self._classes = Classes.common(config.dataset.background_class, both)
        self._whole = config.dataset.images or len(images.manifest)
        self._gates = config.gates_for(candidate)
        parity = self._gates.parity
        self._first = min(parity.images, self.count) if parity else self.count
        self._editor = facts_of(candidate.backend).editor
        self._other: NDArray[np.float64] | None = None
        self._filtered: dict[tuple[object, int], Prepared] = {}

    def evaluate_faithful(self) -> None:
        """Run reference and candidate as configured."""
        self._preprocess = self._config.preprocess_for(self._candidate)
        reference_preprocess = self._config.preprocess_for(self._config.original)
        pixels = self._pixels(reference_preprocess, self.count)
        carried = self._images.carried
        digests = tuple((carried.digest if carried else _no_digest)(row) for row in range(self.count))
        lane = task_for(self._config, self._planned[self._config.original.id], use_cache=False).lane()
        try:
            reference = np.concatenate(
                [
                    lane.answer(pixels[start : start + _SHARD], digests[start : start + _SHARD]).raw
                    for start in range(0, self.count, _SHARD)
                ]
            )
        finally:
            lane.close()
        if reference_preprocess.pixels_key != self._preprocess.pixels_key:
            pixels = self._pixels(self._preprocess, self.count)
        first, second = self._planned[self._config.original.id].spec, self._planned[self._candidate.id].spec
        faithful = self._raw(second, pixels)
        raw = {first.id: reference[:_SHARD], second.id: faithful[:_SHARD]}
        self._applied = settled([first, second], raw, {}, first.id)
        self._reference = self._classes.of(first, reference, self._applied.get(first.id))
        self._faithful = self._classes.of(second, faithful, self._applied.get(second.id))
        self._pixels_as_configured = pixels
        self._yardstick = self._beside(second, pixels, self._preprocess)

    def judge_faithful(self) -> list[GatePart]:
        """Return the verdicts on the faithful candidate and on the reference."""
        outcome = self._classes.scored(self._faithful, self._labels, self._reference)
        reference = self._classes.scored(self._reference, self._labels)
        return [
            *self._judge(outcome, reference, self._yardstick),
            *judge_model(
                self._judged(self._config.original.id, reference, None), self._config.gates, self._config.published
            ),
        ]

    def try_fault(self, fault: Fault) -> Finding:
        """Inject one fault: first on the images of the parity gate, then, if it hides there, on all of them."""
        yardstick = self._gates.parity.yardstick if self._gates.parity else None
        if yardstick in fault.within:
            return Finding(fault.name, None, None, 0, None, f"no fault by the yardstick {yardstick}")
        steps = (self._first, self.count) if self._first < self.count else (self.count,)
        finding = Finding(fault.name, None, None, 0, None, "not tried")
        for count in steps:
            try:
                probabilities, beside = self._with_fault(fault, count)
            except (DeviceError, CannotEditError) as error:
                return Finding(fault.name, None, None, 0, None, str(error))
            except ModelError as error:
                if fault.normalisation or fault.cast:  # an input of whole numbers holds no others
                    return Finding(fault.name, None, None, 0, None, str(error))
                if not fault.refusable:
                    raise
                return Finding(fault.name, True, "refused", 0, None, str(error))
            finding = self._finding(fault, probabilities, beside)
            if finding.caught:
                return finding
        return finding

    def _finding(self, fault: Fault, probabilities: NDArray[np.float32], beside: Yardstick | None) -> Finding:
        count = len(probabilities)
        labels = self._labels[:count]
        if fault.label_shift:
            shifted = (labels - self._classes.offset + fault.label_shift) % probabilities.shape[1]
            labels = (shifted + self._classes.offset).astype(np.int32)
        outcome = self._classes.scored(probabilities, labels, self._reference[:count])
        reference = self._classes.scored(self._reference[:count], labels)
        gates = self._judge(outcome, reference, beside)
        for gate in gates:
            if gate.verdict in ("fail", "error"):
                return Finding(
                    fault.name, True, gate.gate, self._images_until(gate, outcome), gate.measured, gate.reason
                )
        return Finding(
            fault.name,
            False,
            None,
            count,
            {"max_abs_diff": float(outcome.max_abs_diff.max())},
            "; ".join(f"{gate.gate}: {gate.verdict}" for gate in gates),
        )

    def _images_until(self, gate: GatePart, outcome: Outcome) -> int:
        """Return after how many images the gate would have failed: parity at the first one beyond its limit.

        A ratio to a yardstick needs all images of the gate.
        """
        if gate.gate == "parity" and self._gates.parity:
            if self._gates.parity.yardstick is not None:
                return min(self._gates.parity.images, len(outcome))
            limit = self._gates.parity.max_abs_diff
            beyond = (row for row, value in enumerate(outcome.max_abs_diff) if not as_decimal(value) <= limit)
            return next(beyond) + 1
        return len(outcome)

    def _judge(self, outcome: Outcome, reference: Outcome, beside: Yardstick | None) -> list[GatePart]:
        judged = self._judged(self._candidate.id, outcome, reference)
        return judge_model(judged, self._gates, self._config.published, yardstick=beside)

    def _judged(self, model: str, outcome: Outcome, reference: Outcome | None) -> Judged:
        declared = self._config.dataset.images is not None
        return Judged(model, outcome, reference, self._candidate.precision, self._whole, declared=declared)

    def _beside(self, spec: ModelSpec, pixels: Prepared, preprocess: Preprocess) -> Yardstick | None:
        """Return what the gate `parity` divides by, as a run of the candidate as it stands would measure it."""
        gate = self._gates.parity
        if gate is None or gate.yardstick is None:
            return None
        if gate.yardstick not in PRECISIONS:
            return self._of_candidate(gate.yardstick, gate.images)
        try:
            first = pixels[: gate.images]
            compared = Compared(self._reference[: len(first)], self._by_other_filters(preprocess, len(first)))
            applied = self._applied.get(spec.id)
            found = rounding_errors(spec, applied, self._classes, first, gate.yardstick, compared)
            return Yardstick(found.errors, changes=found.changes)
        except (ModelError, DeviceError) as error:
            return Yardstick(None, str(error), "inconclusive")  # no fault is caught by a yardstick that is missing

    def _by_other_filters(self, preprocess: Preprocess, count: int) -> dict[str, Prepared]:
        """Return the first images as a run would decode them with each other filter; none that a capsule lacks."""
        found = {}
        for name, other in other_filters(preprocess).items():
            key = (other.pixels_key, count)
            if key not in self._filtered:
                with contextlib.suppress(CannotEditError, DatasetError):
                    self._refuse_missing(other, name)
                    self._filtered[key] = self._pixels(other, count)
            if key in self._filtered:
                found[name] = self._filtered[key]
        return found

    def _of_candidate(self, name: str, images: int) -> Yardstick:
        """Return the errors of another candidate, which has no fault."""
        if self._other is None:
            other = next(item for item in self._config.candidates if item.id == name)
            spec = dataclasses.replace(self._planned[name].spec, cache_dir=None)
            count = min(images, self.count)
            with open_backend(other.backend, spec) as backend:
                raw = backend.infer(self._pixels(self._config.preprocess_for(other), count))
            first = self._planned[self._config.original.id].spec
            applied = settled([first, spec], {spec.id: raw}, self._applied, first.id)
            values = self._classes.of(spec, raw, applied.get(spec.id))
            self._other = absolute_difference(values, self._reference[:count])[1]
        return Yardstick(self._other)

    def _with_fault(self, fault: Fault, count: int) -> tuple[NDArray[np.float32], Yardstick | None]:
        """Return the probabilities, float32 (count, classes), that the candidate gives with the fault, and a yardstick.

        The yardstick is measured with the fault, too, as it would be in a run.
        """
        if fault.label_shift:
            return self._faithful[:count], self._yardstick
        pixels, preprocess = self._pixels_as_configured[:count], self._preprocess
        if fault.preprocess:
            preprocess = with_fault(self._preprocess, fault.preprocess)
            self._refuse_missing(preprocess, fault.preprocess)
            pixels = self._pixels(preprocess, count)
        if fault.pixels:
            pixels = fault.pixels(pixels)
        spec = dataclasses.replace(self._planned[self._candidate.id].spec, cache_dir=None)
        if fault.normalisation:
            true = self._config.original.input
            mean, scale = fault.normalisation(true.mean_per_channel, true.scale_per_channel)
            spec = dataclasses.replace(spec, input=fed_instead(spec.input, true, mean, scale))
        if fault.cast:
            pixels = self._cast(pixels, fault.cast)
            spec = dataclasses.replace(spec, floating=True)
        if fault.precision:
            if fault.precision == self._candidate.precision:
                raise CannotEditError(f"the configuration already requests {fault.precision}")
            spec = dataclasses.replace(spec, precision=fault.precision)
        if fault.edit and not self._editor:
            title = facts_of(self._candidate.backend).title
            raise CannotEditError(f"the graph of a model of {title} is not edited; give an IR of it as a candidate")
        if fault.edit is None:
            probabilities, beside = self._infer(spec, pixels), self._beside(spec, pixels, preprocess)
        else:
            with temporary_folder("selftest") as folder:
                model, output = load_target(self._editor or "")(spec.model, spec.output or "", fault.edit, folder)
                spec = dataclasses.replace(spec, model=model, output=output or None, model_sha256=None)
                probabilities, beside = self._infer(spec, pixels), self._beside(spec, pixels, preprocess)
        return fault.probabilities(probabilities) if fault.probabilities else probabilities, beside

    def _refuse_missing(self, preprocess: Preprocess, wrong: object) -> None:
        """Raise CannotEditError if a capsule has no pixels that were made so."""
        capsule = capsule_at(self._config.dataset.path)
        if capsule is not None and not capsule.contents.encoded and not capsule.has_pixels(preprocess):
            raise CannotEditError(f"{capsule.path} has no pixels with {wrong}; make the capsule with --encoded")

    def _cast(self, pixels: Prepared, change: Change) -> Prepared:
        """Return float32 pixels for which the candidate's network sees values that are cast after mean and scale."""
        true = self._config.original.input
        seen = Affine(true.mean_per_channel, true.scale_per_channel).ordered(true.color, DECODED)
        return Cast(change, seen, seen).of(pixels).astype(np.float32)

    def _infer(self, spec: ModelSpec, pixels: Prepared) -> NDArray[np.float32]:
        return self._classes.of(spec, self._raw(spec, pixels), self._applied.get(spec.id))

    def _raw(self, spec: ModelSpec, pixels: Prepared) -> NDArray[np.float32]:
        with open_backend(self._candidate.backend, spec) as backend:
            return backend.infer(pixels)

    def _pixels(self, preprocess: Preprocess, count: int) -> Prepared:
        """Return (count, height, width, 3) BGR of the first images. Raises DatasetError if one is bad."""
        return pixels_of_first(self._images, preprocess, count, "the self-test")


def _no_digest(row: int) -> bytes:
    return str(row).encode()
