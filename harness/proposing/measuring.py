"""The search for a model's contract on labelled images: label shift, then colour with mean and scale, crop, filter."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from harness.feeding.outputs import Applied
from harness.metrics.statistics import above_share
from harness.proposing.contracts import Contract, contracts_to_try
from harness.proposing.margin import Standing, paired_p_value, race
from harness.proposing.models import FoundModel
from harness.proposing.probe import Probe
from harness.proposing.protocols import Protocol, crops_of, filters_of, first_protocol
from harness.proposing.sample import Sample
from harness.proposing.trials import SHIFTS, Trials, Way

SAMPLE = 256  # images
_FIRST = 32  # images after which the hopeless contracts leave
_CHANCE = 1e-6  # p-value below which correct predictions are no luck
_SHIFT = 1e-3  # p-value below which a label shift is clear

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Decision(Generic[T]):
    """How one part was decided: what is written, and the best of what differs from it, None if nothing did.

    ``right`` and ``runner_up_right``: Top-1 predictions that were right, of the same ``images``; ``p_value``: of the
    mean difference of both scores on them, two-sided; ``is_clear``: whether everything else is clearly worse.
    """

    chosen: T
    runner_up: T | None
    is_clear: bool
    images: int
    right: int
    runner_up_right: int
    p_value: float


@dataclass(frozen=True)
class Measured:
    """What was measured of a model.

    ``crop`` and ``filter`` are None if the protocol was given. ``shift``: what is added to a class of the image set;
    ``shift_is_clear``: whether the images decide it. ``right``: how many Top-1 predictions to ``images`` were right,
    fed as is written; ``reached``: whether that is better than guessing. ``answers``: how often the model answered to
    an image; ``loads``: how often it was loaded; ``seconds``: the whole search.
    """

    contract: Contract
    protocol: Protocol
    color: Decision[Contract]
    normalisation: Decision[Contract]
    crop: Decision[Protocol] | None
    filter: Decision[Protocol] | None
    shift: int
    shift_is_clear: bool
    activation: Applied
    right: int
    images: int
    reached: bool
    answers: int
    loads: int
    seconds: float

    @property
    def is_found(self) -> bool:
        """Whether the images decide on label shift, colour, mean and scale."""
        return self.reached and self.shift_is_clear and self.color.is_clear and self.normalisation.is_clear


def measure(model: FoundModel, sample: Sample, say: Say, protocol: Protocol | None = None) -> Measured:
    """Measure how a model wants to be fed.

    ``protocol``: how the pixels are made, where that is known already; then it is not searched. Raises ModelError if
    the model cannot be run.
    """
    begin = time.perf_counter()
    with Probe(model, model.size, model.width) as probe:
        trials = Trials(probe, sample)
        search = _Search(model, trials, len(sample), protocol or first_protocol(*model.size), say)
        contracts = search.contracts()
        contract = contracts.chosen
        reached = search.is_reached(contract)
        chosen, crop, by_filter = search.protocol, None, None
        if protocol is None and reached:
            crop, by_filter = search.crops(contract), search.filters(contract)
            chosen = by_filter.chosen
        way = Way(contract, chosen)
        trials.scores(way, range(len(sample)))
        _, right = trials.seen(way, search.shift)
        return Measured(
            contract=contract,
            protocol=chosen,
            color=search.decided(contracts, lambda each: each.color != contract.color),
            normalisation=search.decided(contracts, lambda each: each.name != contract.name),
            crop=crop,
            filter=by_filter,
            shift=search.shift,
            shift_is_clear=search.shift_is_clear,
            activation=trials.activation or "none",
            right=int(right.sum()),
            images=len(right),
            reached=reached,
            answers=trials.images,
            loads=probe.loads,
            seconds=time.perf_counter() - begin,
        )


class _Search:
    """The steps of a search; each leaves what the next one needs."""

    def __init__(self, model: FoundModel, trials: Trials, sample: int, protocol: Protocol, say: Say) -> None:
        self._model, self._trials, self._sample, self._say = model, trials, sample, say
        self.protocol = self._start = protocol
        self.shift, self.shift_is_clear = 0, False
        self._blocks: list[range] = []

    def contracts(self) -> Standing[Contract]:
        """Find label shift, colour order, mean and scale."""
        tried = contracts_to_try(self._model.description, self._model.input)
        self._say(f"{len(tried)} ways of colour, mean and scale")
        first = range(min(_FIRST, self._sample))
        self.shift, self.shift_is_clear = _find_shift(self._trials, [Way(each, self.protocol) for each in tried], first)
        self._blocks = _blocks(first.stop, self._sample)
        return self._race([Way(each, self.protocol) for each in tried], tried)

    def crops(self, contract: Contract) -> Decision[Protocol]:
        """Find the crop; the protocol has it afterwards."""
        self._say("crops")
        return self._protocols(contract, crops_of(self.protocol))

    def filters(self, contract: Contract) -> Decision[Protocol]:
        """Find the filter; the protocol has it afterwards."""
        self._say("filters")
        return self._protocols(contract, filters_of(self.protocol))

    def is_reached(self, contract: Contract) -> bool:
        """Return whether the model is better than guessing."""
        _, right = self._trials.seen(Way(contract, self.protocol), self.shift)
        return above_share(int(right.sum()), len(right), 1 / self._model.width) < _CHANCE

    def decided(self, standing: Standing[Contract], differs: Callable[[Contract], bool]) -> Decision[Contract]:
        """Return how one part of the contract was decided: colour, or mean and scale."""
        return self._decision(standing, lambda each: Way(each, self._start), differs)

    def _protocols(self, contract: Contract, tried: list[Protocol]) -> Decision[Protocol]:
        standing = self._race([Way(contract, each) for each in tried], tried)
        self.protocol = standing.chosen
        return self._decision(standing, lambda each: Way(contract, each), lambda _: True)

    def _race(self, ways: Sequence[Way], tried: Sequence[T]) -> Standing[T]:
        at, by_contender = SHIFTS.index(self.shift), dict(zip(tried, ways, strict=True))
        return race(tried, self._blocks, lambda each, rows: self._trials.scores(by_contender[each], rows)[:, at])

    def _decision(self, standing: Standing[T], way: Callable[[T], Way], differs: Callable[[T], bool]) -> Decision[T]:
        scores, right = self._trials.seen(way(standing.chosen), self.shift)
        other = standing.runner_up(differs)
        if other is None:
            return Decision(standing.chosen, None, True, len(right), int(right.sum()), 0, 1.0)
        other_scores, other_right = self._trials.seen(way(other), self.shift)
        count = min(len(scores), len(other_scores))
        return Decision(
            standing.chosen,
            other,
            standing.is_clear(differs),
            count,
            int(right[:count].sum()),
            int(other_right[:count].sum()),
            paired_p_value(scores[:count] - other_scores[:count]),
        )


def _find_shift(trials: Trials, ways: Sequence[Way], rows: range) -> tuple[int, bool]:
    """Return the label shift with the best score of any way, and whether it is clearly better than the others."""
    scores = {way: trials.scores(way, rows) for way in ways}
    best = max(ways, key=lambda way: float(scores[way].mean(axis=0).max()))
    means = scores[best].mean(axis=0)
    at = int(np.argmax(means))
    others = [other for other in range(len(SHIFTS)) if other != at]
    clear = all(paired_p_value(scores[best][:, at] - scores[best][:, other]) < _SHIFT for other in others)
    return SHIFTS[at], clear


def _blocks(first: int, images: int) -> list[range]:
    """Return the blocks of a race: the first images, some more, and all."""
    ends = sorted({first, min(images, max(first, images // 3)), images})
    return [range(start, stop) for start, stop in zip([0, *ends], ends, strict=False)]
