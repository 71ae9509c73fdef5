"""A mean and scale that are in no list, but in the constants of the candidate's file.

A search over free numbers would always find some. These are read from the first layer, which says what the network sees
of the pixels, and count only where the candidate, fed so that they are taken back, agrees with the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.config.color import Triple
from harness.diagnosis.affine import Affine
from harness.diagnosis.changes import COLOR_ORDER, NORMALISATION_CHANGES, Change
from harness.diagnosis.explanations import Tried
from harness.diagnosis.feedings import swapped_color
from harness.diagnosis.mixtures import change_of
from harness.diagnosis.search import Search
from harness.diagnosis.trials import Trial, sees
from harness.feeding.contract import DECODED

_NEAR = 1e-4
_DECIMALS, _DIGITS = 3, 5  # of a mean, and significant ones of a scale: what constants in f32 tell


def search_constants(search: Search, figures: Mapping[str, Any]) -> Tried | None:
    """Return the mean, scale and colour order that constants tell, where taking them back restores parity.

    ``figures``: `order`, `factor` and `offset` of what the candidate sees instead of decoded pixels x, BGR:
    ``factor * x[order] + offset``, each (3,).
    """
    order, factor = tuple(figures["order"]), figures["factor"]
    is_swapped = order == (2, 1, 0)
    if not (is_swapped or order == (0, 1, 2)) or 0 in factor:
        return None
    bench = search.bench
    pairs = list(zip(factor, figures["offset"], strict=True))
    given = Affine(_triple([-d / a for a, d in pairs]), _triple([1 / a for a, _ in pairs]))
    wanted = bench.wanted.affine.ordered(bench.wanted.color, DECODED)
    own, seen = wanted.ordered(DECODED, "RGB").rounded(), given.then(wanted).ordered(DECODED, "RGB")
    changes: list[Change] = [COLOR_ORDER] if is_swapped else []
    if _is_near(own, seen):
        seen = own
    else:
        change, seen = _known(own, seen) or (change_of(own, _rounded(seen)), _rounded(seen))
        changes.append(change)
    start = swapped_color(bench.own) if is_swapped else bench.own
    feeding = sees(start, bench.wanted, seen.ordered("RGB", bench.wanted.color))
    return search.best(search.look([Trial(tuple(changes), feeding)]))


def _known(own: Affine, seen: Affine) -> tuple[Change, Affine] | None:
    """Return the change that has an identifier of its own, with its exact mean and scale; None: there is none."""
    for change in NORMALISATION_CHANGES:
        assert change.normalisation is not None
        exact = Affine(*change.normalisation(own.mean, own.scale))
        if _is_near(exact, seen):
            return change, exact
    return None


def _is_near(one: Affine, other: Affine) -> bool:
    """Return whether both give the same values for pixels, but for what constants in f32 lose."""
    return all(
        abs(s - t) <= _NEAR * abs(s) and abs(m - n) <= _NEAR * max(1.0, abs(m))
        for m, n, s, t in zip(one.mean, other.mean, one.scale, other.scale, strict=True)
    )


def _rounded(affine: Affine) -> Affine:
    scale = [float(f"{value:.{_DIGITS}g}") for value in affine.scale]
    return Affine(_triple([round(value, _DECIMALS) + 0.0 for value in affine.mean]), _triple(scale))


def _triple(values: list[float]) -> Triple:
    return values[0], values[1], values[2]
