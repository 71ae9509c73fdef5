"""Certification inside a run: images in random order, and an end as soon as every candidate is decided."""

from __future__ import annotations

from collections.abc import Iterable

from harness.config import Config
from harness.config.schema import Certify
from harness.dataset.image_set import ImageSet
from harness.judging.certification import Certifier
from harness.judging.rules import Rules
from harness.metrics.compare import correct_at
from harness.metrics.outcome import as_decimal
from harness.metrics.sequential import random_order
from harness.record.figures import gate_part, unmeasured
from harness.record.schema import GatePart
from harness.record.shard_table import ShardTable

STRATIFIED = (
    "certify: dataset.subset is stratified, so its images are not a random sample of the whole set, and the "
    "result may not hold for the whole set; leave dataset.subset out, or set dataset.subset.stratified: false"
)


def other_limits(config: Config, wanted: Certify) -> list[str]:
    """Return a sentence for each candidate whose own drop limit is another than the one that is certified for all."""
    drops = {item.id: config.gates_for(item).drop for item in config.candidates}
    return [
        f"{name}: certified to {wanted.top1_max_drop_pp:g} pp of Top-1, like every candidate, although its own "
        f"gates.drop.top1_max_pp is {drop.top1_max_pp:g}"
        for name, drop in drops.items()
        if drop and drop.top1_max_pp != wanted.top1_max_drop_pp
    ]


def in_random_order(images: ImageSet, wanted: Certify) -> ImageSet:
    """Return the same images in the seeded order in which a certification draws them."""
    return images.rows([int(row) for row in random_order(len(images.manifest), wanted.seed)])


class Certifying:
    """Feeds finished shards, in order, to a certifier of each candidate.

    ``population``: size of the whole set. A candidate is decided when its drop is proven within or beyond the limit, or
    when its parity gate has failed; it is abandoned when its lane failed.
    """

    def __init__(self, rules: Rules, wanted: Certify, population: int) -> None:
        self._reference = rules.compared_with
        self._parity = {name: rules.gates[name].parity for name in rules.candidates}
        bad = rules.bad_images
        left_out = bad.tolerated(population) if bad.policy == "skip" else 0
        size = max(1, population)  # of an empty set nothing is ever taken, so nothing is decided
        self._certifiers = {
            name: Certifier(wanted.top1_max_drop_pp, wanted.confidence, size, left_out) for name in rules.candidates
        }
        self._parity_failed: set[str] = set()
        self._waiting: dict[int, ShardTable] = {}
        self._next = 0

    def take(self, table: ShardTable) -> bool:
        """Take a finished shard, in any order; return whether every candidate in it is decided."""
        self._waiting[table.index] = table
        while self._next in self._waiting:
            self._add(self._waiting.pop(self._next))
            self._next += 1
        return all(self._decided(model) for model in table.outcomes if model in self._certifiers)

    def _add(self, table: ShardTable) -> None:
        reference = correct_at(table.outcomes[self._reference], 1)
        for model, certifier in self._certifiers.items():
            outcome = table.outcomes.get(model)
            if outcome is None:
                continue
            certifier.add(reference, correct_at(outcome, 1), bad=len(table.bad))
            gate = self._parity[model]
            if gate and gate.images > table.rows.start:
                judged = outcome.max_abs_diff[: gate.images - table.rows.start]
                if any(as_decimal(value) > gate.max_abs_diff for value in judged):
                    self._parity_failed.add(model)

    def _decided(self, model: str) -> bool:
        return model in self._parity_failed or self._certifiers[model].decision.is_final

    def gates(self, models: Iterable[str]) -> dict[str, GatePart]:
        """Return the verdict of the gate `certify` on each of these models that is a candidate, by id."""
        return {model: self._gate(model) for model in models if model in self._certifiers}

    def _gate(self, model: str) -> GatePart:
        part = self._certifiers[model].result().gate(model)
        if model in self._parity_failed and part.verdict == "inconclusive":
            reason = f"stopped, because the parity gate has failed; {part.reason}"
            return part.model_copy(update={"verdict": "not_applicable", "reason": reason})
        return part


def answered(drop: GatePart) -> GatePart:
    """Return the drop gate of a run that may stop early: its interval is for a number of images fixed beforehand."""
    reason = (
        "the gate certify decides Top-1, because this interval holds only for a number of images fixed beforehand; "
        "Top-5 is judged on the whole set only"
    )
    return gate_part(drop.gate, drop.model, "not_applicable", reason, unmeasured(drop.figures))


def limited(wanted: Certify | None, limit_pp: float | None) -> Certify | None:
    """Return what is to be certified: the configuration's, with the command line's limit over it."""
    if limit_pp is None:
        return wanted
    return Certify.model_validate({**(wanted or Certify()).model_dump(), "top1_max_drop_pp": limit_pp})
