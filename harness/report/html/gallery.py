"""The flips that the gallery shows: of every candidate the largest losses, gains and changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.report.facts.per_image import BROKEN, CHANGED, FIXED, Columns, PerImage

KINDS = {BROKEN: "broken", FIXED: "fixed", CHANGED: "changed"}
_CARDS = 120  # of all candidates together
_FEWEST = 12  # of each candidate
_SHARES = {BROKEN: 0.5, FIXED: 0.25, CHANGED: 0.25}


def chosen_rows(images: PerImage, reference: str, candidate: str, count: int) -> list[int]:
    """Return up to ``count`` changed predictions, by lost probability of the label, largest loss first.

    Half of the places are for broken images, a quarter each for fixed and changed ones; what one kind leaves over goes
    to the others.
    """
    change, loss = images.change(reference, candidate), images.loss(reference, candidate)
    by_kind = {kind: _ordered(np.flatnonzero(change == kind), loss, kind) for kind in KINDS}
    take = {kind: min(len(rows), int(count * _SHARES[kind])) for kind, rows in by_kind.items()}
    for kind, rows in by_kind.items():
        take[kind] += min(len(rows) - take[kind], max(0, count - sum(take.values())))
    picked = np.concatenate([rows[: take[kind]] for kind, rows in by_kind.items()])
    keys = np.where(np.isfinite(loss[picked]), -loss[picked], np.inf)
    return [int(row) for row in picked[np.argsort(keys, kind="stable")]]


def _ordered(rows: NDArray[np.intp], loss: NDArray[np.float64], kind: int) -> NDArray[np.intp]:
    """Return rows, the largest loss first, or the largest gain where images were fixed."""
    change = -loss[rows] if kind == FIXED else loss[rows]
    return rows[np.argsort(np.where(np.isfinite(change), -change, np.inf), kind="stable")]


def cards(images: PerImage, pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return the gallery's cards, candidate by candidate; ``row`` is the image's row in the table."""
    each = max(_FEWEST, _CARDS // max(1, len(pairs)))
    return [card for pair in pairs for card in _cards(images, *pair, each)]


def _cards(images: PerImage, reference: str, candidate: str, count: int) -> Iterator[dict[str, Any]]:
    change, loss = images.change(reference, candidate), images.loss(reference, candidate)
    ties = images.near_ties(reference, candidate)
    for row in chosen_rows(images, reference, candidate, count):
        yield {
            "row": row,
            "id": images.image_ids[row],
            "label": int(images.labels[row]),
            "reference": reference,
            "candidate": candidate,
            "kind": KINDS[int(change[row])],
            "nearTie": bool(ties[row]),
            "loss": _rounded(loss[row]),
            "before": _guesses(images.models[reference], row),
            "after": _guesses(images.models[candidate], row),
        }


def by_importance(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the image ids of the cards, every candidate's first card before any one's second."""
    turns: dict[str, int] = {}
    keyed = []
    for card in found:
        turn = turns[card["candidate"]] = turns.get(card["candidate"], -1) + 1
        keyed.append((turn, card["id"]))
    return list(dict.fromkeys(image_id for _, image_id in sorted(keyed, key=lambda item: item[0])))


def _guesses(columns: Columns, row: int) -> list[list[float]]:
    """Return the best classes of a row with their probabilities, at most five; none without a prediction."""
    pairs = zip(columns.top5[row].tolist(), columns.top5_probabilities[row].tolist(), strict=True)
    return [[int(label), _rounded(value) or 0.0] for label, value in pairs if label >= 0]


def _rounded(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None
