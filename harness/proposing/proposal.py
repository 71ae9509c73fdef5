"""What is proposed for each model and for the image set, each with where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.backends.description import Stated
from harness.config.color import Color, Triple, in_order
from harness.dataset.imagenet import CLASSES
from harness.errors import ConfigError
from harness.proposing.contracts import FAMILIES, Contract
from harness.proposing.measuring import SAMPLE, Decision, Measured, measure
from harness.proposing.models import FoundModel
from harness.proposing.naming import ClassNames, find_class_names
from harness.proposing.protocols import Protocol, first_protocol
from harness.proposing.sample import Sample, open_sample

T = TypeVar("T")
ASK = "measure it with --images"


@dataclass(frozen=True)
class Fed:
    """What a model is fed. Each part has its source; ``protocol``: how the pixels are made."""

    color: Stated[Color]
    mean: Stated[Triple]
    scale: Stated[Triple]
    protocol: Protocol
    crop_source: str
    filter_source: str


@dataclass(frozen=True)
class ImagesFound:
    """The image set as it was given, and what was found there."""

    path: Path
    labels: str | None
    source: str
    images: int


@dataclass(frozen=True)
class Proposal:
    """All models, the reference first where there is one, with what was measured of them, by their ids."""

    models: tuple[FoundModel, ...]
    measured: Mapping[str, Measured]
    images: ImagesFound | None = None
    class_names: ClassNames | None = None

    @property
    def reference(self) -> FoundModel | None:
        """The first model, where its backend runs references and there is anything else, or it can be converted."""
        first = self.models[0]
        return first if first.may_be_reference and (len(self.models) > 1 or first.is_convertible) else None

    def background(self, model: FoundModel) -> Stated[bool]:
        """Return whether a model's class 0 is background."""
        found, width = self.measured.get(model.id), model.width
        shown = f"{width} values per image"
        if self.class_names is not None:
            known = f"{shown}, {len(self.class_names.names)} class names"
            return Stated(self.class_names.leaves_background(width), known)
        if found is not None and found.shift_is_clear and found.reached:
            return Stated(found.shift == 1, f"measured: {_SHIFTS[found.shift]}")
        if width == CLASSES + 1:
            return Stated(True, f"{shown}: ImageNet's {CLASSES} classes and background")
        return Stated(False, shown)

    @property
    def classes(self) -> int:
        """Number of classes without background. Raises ConfigError if the models have different numbers of them."""
        counts = {model.id: model.width - int(self.background(model).value) for model in self.models}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ConfigError(
                f"the models have different numbers of classes ({listed}); run `harness init` for one at a time"
            )
        return counts[self.models[0].id]

    def fed(self, model: FoundModel) -> Fed:
        """Return what a model is fed: measured, else as its file says, else the usual, which is said."""
        found = self.measured.get(model.id)
        return _as_measured(found) if found is not None and found.reached else _as_stated(model, found)


_SHIFTS = {
    1: "classes of the labels + 1, so class 0 is background",
    0: "classes of the labels as they are, so no background",
    -1: "classes of the labels - 1: the list counts from 1; subtract 1 from every class",
}


def propose(
    models: Sequence[FoundModel],
    images: Path | None,
    labels: str | None,
    say: Callable[[str, str], None],
    class_names: Path | None = None,
) -> Proposal:
    """Return a proposal; with ``images`` each model is measured on them.

    ``class_names``: a file that names the data set's own classes; without it one is looked for next to images and
    model. A candidate of the first model's size gets the first model's pixels. ``say(id, text)`` tells how far it is.
    Raises DatasetError if images or labels cannot be used, ModelError if a model cannot be run.
    """
    if images is None:
        return Proposal(tuple(models), {})
    classes = CLASSES if models[0].width in (CLASSES, CLASSES + 1) else models[0].width
    named = find_class_names(images, models, class_names)
    names = named.names if named else None
    sample = open_sample(images, labels or "auto", SAMPLE, len(names) if names else classes, names)
    try:
        measured = _measured(models, sample, say)
    finally:
        sample.close()
    opened = sample.image_set
    found = ImagesFound(images, labels, opened.label_source, len(opened.pairs))
    return Proposal(tuple(models), measured, found, named)


def _measured(models: Sequence[FoundModel], sample: Sample, say: Callable[[str, str], None]) -> dict[str, Measured]:
    measured: dict[str, Measured] = {}
    for model in models:
        known = next((measured[other.id].protocol for other in models if _gives_pixels(other, model, measured)), None)

        def tell(text: str, name: str = model.id) -> None:
            say(name, text)

        measured[model.id] = measure(model, sample, tell, known)
    return measured


def _gives_pixels(other: FoundModel, model: FoundModel, measured: Mapping[str, Measured]) -> bool:
    return other.id in measured and measured[other.id].reached and other.size == model.size


def _as_measured(found: Measured) -> Fed:
    contract = found.contract
    color = _source(found.color, lambda each: each.color)
    normalisation = _source(found.normalisation, contract_words)
    if contract.twins:
        normalisation += f"; images do not distinguish it from {contract.twins}"
    given = "as the first model's"
    crop = _source(found.crop, lambda each: each.crop_name) if found.crop else given
    by_filter = _source(found.filter, lambda each: each.filter_name) if found.filter else given
    return Fed(
        Stated(contract.color, color),
        Stated(contract.mean, normalisation),
        Stated(contract.scale, normalisation),
        found.protocol,
        crop,
        by_filter,
    )


def _as_stated(model: FoundModel, found: Measured | None) -> Fed:
    said = model.description
    ask = ASK if found is None else "the model is no better than guessing with any of those tried"
    color = said.color or Stated("RGB", f"not in the file; most networks take RGB; {ask}")
    usual = FAMILIES[0]
    guess = f"not in the file; the usual, {usual.name}; {ask}"
    if said.mean is not None and said.scale is not None:
        own = said.color.value if said.color else color.value
        mean = Stated(in_order(said.mean.value, own, color.value), said.mean.source)
        scale = Stated(in_order(said.scale.value, own, color.value), said.scale.source)
    else:
        mean, scale = Stated(usual.mean, guess), Stated(usual.scale, guess)
    return Fed(color, mean, scale, first_protocol(*model.size), f"the usual; {ask}", f"the usual; {ask}")


def _source(decision: Decision[T], words: Callable[[T], str]) -> str:
    """Return how something was decided, as a comment: the counts of both, and whether the margin is clear."""
    if decision.runner_up is None:
        return "the only one that the input can take"
    counts = f"{decision.right} of {decision.images} right, {decision.runner_up_right} with {words(decision.runner_up)}"
    return f"{'measured' if decision.is_clear else 'no clear margin'}: {counts} (p {decision.p_value:.2g})"


def contract_words(contract: Contract) -> str:
    """Return a description of mean and scale."""
    return f"mean {_numbers(contract.mean)} and scale {_numbers(contract.scale)}"


def _numbers(values: Triple) -> str:
    shown = [f"{value:g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"


def summary(proposal: Proposal) -> list[str]:
    """Return one line per model on what was measured, and lines on what the images did not decide."""
    lines = []
    for model in proposal.models:
        found = proposal.measured.get(model.id)
        if found is None:
            continue
        answers = (
            f"{found.answers} inferences, {found.loads} load{'s' if found.loads != 1 else ''}, {found.seconds:.1f} s"
        )
        fed = f"{found.contract.color}, {contract_words(found.contract)}"
        if not found.reached:
            lines.append(
                f"{model.id}: contract not found: at best {found.right} of {found.images} images right, with {fed} "
                f"({answers}); the labels or the preprocessing may be of another kind"
            )
            continue
        state = "contract found" if found.is_found else "no clear contract"
        lines.append(f"{model.id}: {state}: {found.right} of {found.images} images right with {fed} ({answers})")
        lines += [f"  {name}: {text}" for name, text in _open_questions(found)]
        if found.shift == -1 and found.shift_is_clear:
            lines.append("  labels: they count from 1; subtract 1 from every class of the list")
    return lines


def _open_questions(found: Measured) -> list[tuple[str, str]]:
    """Return a description of what the images did not decide."""
    open_ones = []
    if not found.color.is_clear:
        open_ones.append(("colour", _source(found.color, lambda each: each.color)))
    if not found.normalisation.is_clear:
        open_ones.append(("mean and scale", _source(found.normalisation, contract_words)))
    if not found.shift_is_clear:
        open_ones.append(("background", "no clear margin"))
    if found.crop and not found.crop.is_clear:
        open_ones.append(("crop", _source(found.crop, lambda each: each.crop_name)))
    if found.filter and not found.filter.is_clear:
        open_ones.append(("filter", _source(found.filter, lambda each: each.filter_name)))
    return open_ones
