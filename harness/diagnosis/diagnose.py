"""Saying which step of a conversion is wrong: candidate by candidate, from what is cheap to what takes longer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from harness.config import Candidate, Config
from harness.dataset.image_set import open_image_set
from harness.diagnosis.answer import Diagnosis, number
from harness.diagnosis.answering import answer, evidence, nothing_explains
from harness.diagnosis.bench import IMAGES, Bench, Tamper
from harness.diagnosis.casts import search_cast, search_cast_and_another, search_cast_otherwise
from harness.diagnosis.explanations import Tried
from harness.diagnosis.forward import search_forward
from harness.diagnosis.inside import is_certain, search_inside
from harness.diagnosis.readings import Rows
from harness.diagnosis.reference import check_reference, suspect_labels, wrong_reference
from harness.diagnosis.running import open_for_trials, search_batch, search_outputs
from harness.diagnosis.search import Search
from harness.diagnosis.whole_input import of_whole_input
from harness.diagnosis.widths import of_another_width
from harness.engine.fetched import fetched
from harness.engine.identity import plan_models
from harness.errors import CannotHoldError, ConfigError, DatasetError, WrongWidthError, nearest

Progress = Callable[[str], None]
_Step = Callable[[Search], Tried | None]
_STEPS: tuple[_Step, ...] = (
    Search.search,
    search_batch,
    search_outputs,
    Search.search_mixtures,
    search_cast,
)
_LATE_STEPS: tuple[_Step, ...] = (
    search_cast_and_another,
    Search.search_pairs,
    search_forward,
    search_cast_otherwise,
)


def chosen(config: Config, wanted: str | None) -> tuple[Candidate, ...]:
    """Return the candidates to diagnose: the wanted one, or all. Raises ConfigError for an unknown id."""
    if wanted is None:
        return config.candidates
    found = tuple(item for item in config.candidates if item.id == wanted)
    if not found:
        ids = [item.id for item in config.candidates]
        close = nearest(wanted, ids)
        near = f"; did you mean '{close[0]}'?" if close else f"; available: {', '.join(ids)}"
        raise ConfigError(f"there is no candidate '{wanted}'{near}")
    return found


def diagnose(
    config: Config,
    candidate_id: str | None = None,
    *,
    count: int = IMAGES,
    tamper: Tamper | None = None,
    use_cache: bool = True,
    known: dict[tuple[bytes, ...], Rows] | None = None,
    progress: Progress = lambda _: None,
) -> tuple[Diagnosis, ...]:
    """Diagnose one candidate (None: each) on the first images.

    ``tamper``: a fault that is planted around its file; ``known``: the reference's predictions by the images' digests,
    as far as the caller has them, added to here.

    Raises ConfigError without a reference or for an unknown id, HarnessError if a model cannot be run at all.
    """
    _ = config.original  # raises ConfigError if there is none
    config = fetched(config)
    candidates = chosen(config, candidate_id)
    planned = {item.model.id: item for item in plan_models(config)}
    images = open_image_set(config.dataset)
    if len(images.manifest) == 0:
        raise DatasetError(f"{images.source}: lists no image, so nothing can be compared")
    known = {} if known is None else known
    found = []
    for candidate in candidates:

        def said(text: str, name: str = candidate.id) -> None:
            progress(f"{name}: {text}")

        said("as configured")
        with Bench(config, candidate, planned, images, count=count, tamper=tamper, use_cache=use_cache) as bench:
            bench.run_reference(known)
            found.append(diagnose_bench(Search(bench, said)))
    return tuple(found)


def diagnose_bench(search: Search) -> Diagnosis:
    """Return the diagnosis of a candidate whose reference has run."""
    bench = search.bench
    try:
        is_parity = search.begin()
    except WrongWidthError as error:
        return of_another_width(search, error) or _searched(search)
    except CannotHoldError as error:
        return of_whole_input(search, error)
    labels = suspect_labels(bench)
    if labels is not None and is_parity:
        return labels
    open_for_trials(search)
    if labels is not None:
        return _with_labels(labels, _searched(search))
    if is_parity:
        search.around = []
        return check_reference(search, None) or _clean(search)
    return _searched(search)


def _with_labels(labels: Diagnosis, other: Diagnosis) -> Diagnosis:
    """Return what is wrong with the labels and with the candidate; the labels alone where the other is not known."""
    if other.verdict != "found":
        return dataclasses.replace(labels, sentence=f"{labels.sentence} {other.sentence}")
    return dataclasses.replace(
        other,
        cause=f"{labels.cause} + {other.cause}",
        sentence=f"{labels.sentence} {other.sentence}",
        evidence={**labels.evidence, **other.evidence},
        mend=f"{labels.mend} {other.mend or ''}".strip(),
    )


def diagnose_quickly(search: Search) -> Diagnosis | None:
    """Return what one change of feeding or reading explains, as far as the search's time goes; None: nothing yet."""
    try:
        is_parity = search.begin()
    except WrongWidthError:
        return None
    if is_parity:
        return suspect_labels(search.bench)
    open_for_trials(search)
    found = search.search() or search.search_mixtures()
    return _explained(search, found) if found is not None else None


def _searched(search: Search) -> Diagnosis:
    for step in _STEPS:
        found = step(search)
        if found is not None:
            return _explained(search, found)
    inside = search_inside(search)
    if inside is not None and is_certain(inside):
        return inside
    for step in _LATE_STEPS:
        found = step(search)
        if found is not None:
            return _explained(search, found)
    return inside or nothing_explains(search)


def _explained(search: Search, found: Tried) -> Diagnosis:
    return wrong_reference(search, found) or answer(search, found)


def _clean(search: Search) -> Diagnosis:
    bench = search.bench
    largest = search.before.largest
    assert math.isfinite(largest)
    sentence = (
        f"The candidate {bench.candidate.id} matches {bench.reference.id}: the largest probability difference on "
        f"{bench.count} images is {number(largest)}, {number(bench.limit)} is allowed."
    )
    return Diagnosis(bench.candidate.id, bench.reference.id, "clean", None, sentence, evidence(search, None))
