"""Limits of gates that no accuracy can exceed: such a gate always passes."""

from __future__ import annotations

from collections.abc import Iterator

from harness.config.gates import Gates, Published
from harness.config.schema import Config

_LOST = "no accuracy can fall by more than 100 pp"


def never_failing(config: Config) -> list[str]:
    """Return a warning for each limit in percentage points that can never fail; `null` turns a whole gate off.

    A limit that even guessing does not fail is one, too.
    """
    found = []
    guess = 100 / config.dataset.classes
    for key, limit, most, why in _limits(config):
        if limit >= most:
            found.append(f"{config.where(key)}: {limit:g} pp can never fail, because {why}")
        elif key.endswith("target.top1_tolerance_pp") and limit >= most - guess:
            guessing = f"guessing among {config.dataset.classes:,} classes, right on {guess:g} %"
            found.append(f"{config.where(key)}: {limit:g} pp cannot tell a model from {guessing}")
    return found


def _limits(config: Config) -> Iterator[tuple[str, float, float, str]]:
    """Yield the key of each limit, the limit, the least that never fails (both pp), and the reason."""
    yield from _limits_of("gates", config.gates, config.published)
    for index, candidate in enumerate(config.candidates):
        if candidate.gates is not None:
            stated = {name: part for name, part in candidate.gates if name in candidate.gates.model_fields_set}
            own = Gates.model_construct(**{**dict.fromkeys(Gates.model_fields), **stated})
            yield from _limits_of(f"candidates[{index}].gates", own, config.published)
    if config.certify is not None:
        yield "certify.top1_max_drop_pp", config.certify.top1_max_drop_pp, 100, _LOST


def _limits_of(key: str, gates: Gates, published: Published | None) -> Iterator[tuple[str, float, float, str]]:
    if gates.drop is not None:
        yield f"{key}.drop.top1_max_pp", gates.drop.top1_max_pp, 100, _LOST
        yield f"{key}.drop.top5_max_pp", gates.drop.top5_max_pp, 100, _LOST
    if gates.baseline is not None:
        yield f"{key}.baseline.top1_max_drop_pp", gates.baseline.top1_max_drop_pp, 100, _LOST
        yield f"{key}.baseline.top5_max_drop_pp", gates.baseline.top5_max_drop_pp, 100, _LOST
    if gates.target is not None and published is not None:
        of_top1, of_top5 = published.top1_percent, published.top5_percent
        why = "that is all of the published accuracy"
        yield f"{key}.target.top1_tolerance_pp", gates.target.top1_tolerance_pp, of_top1, why
        yield f"{key}.target.top5_tolerance_pp", gates.target.top5_tolerance_pp, of_top5, why
