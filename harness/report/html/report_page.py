"""`report.html`: one file that says what broke, by how much and on which images; a function of the record alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from harness.record.schema import RunRecord
from harness.report.facts import numbers
from harness.report.facts.class_changes import Confusion, class_changes, grown_confusions
from harness.report.facts.class_names import Namer
from harness.report.facts.compared_with import compared_with
from harness.report.facts.matrix import comparison_matrix
from harness.report.facts.per_image import PerImage, pairs, per_image
from harness.report.facts.provenance import facts, model_facts, resolved_config
from harness.report.facts.summary import ComparisonRow, Summary, summarise
from harness.report.html import assets, gallery, image_charts, model_charts, sections
from harness.report.html.chart_svg import draw
from harness.report.html.model_charts import calibrate
from harness.report.html.pixels import Picture, pictures
from harness.report.html.table_data import compact_table
from harness.text import visible, visible_lines

if TYPE_CHECKING:
    import pyarrow as pa

MOST_BYTES = 5_000_000
_TABLE_SHARE = 0.5  # of the bytes that the rest leaves; pictures get what remains
_SPARE = 4_000
_BAD_IMAGES = 50
_MISSES = 3  # pictures too large for what is left, after which no smaller one is looked for
_STYLES = ("base.css", "report.css")
_SCRIPTS = ("base.js", "gallery.js", "table.js", "report.js")


@dataclass(frozen=True)
class Chart:
    """A drawn chart with its heading and a caption of one sentence."""

    title: str
    svg: Markup
    caption: str


@dataclass(frozen=True)
class CandidatePart:
    """Everything that the page shows of one candidate; ``place`` is its number in the page."""

    place: int
    id: str
    charts: tuple[Chart, ...]
    confusions: tuple[tuple[str, str, int, int], ...]


def render(
    record: RunRecord,
    table: pa.Table | None = None,
    class_names: Sequence[str] | None = None,
    max_bytes: int = MOST_BYTES,
) -> str:
    """Return the report of a run as one HTML page of at most ``max_bytes``, as far as the pictures decide it.

    ``table``: the per-image table, without which the page has no images. ``class_names``: names by network label.
    Pictures are read from the data set that the record names; those that are gone are placeholders.
    """
    images, name = per_image(record, table), Namer(class_names)
    compared = sections.worst_first(record, pairs(record, images))
    found = gallery.cards(images, compared) if images else []
    shown, missing = pictures(record, gallery.by_importance(found))
    published = _published(record)
    summary = summarise(record)
    focus = _focus(record, summary)
    values = {
        "summary": summary,
        "focus": focus,
        "accuracies": sections.accuracies(summary, focus) if focus else [],
        "about": sections.about(record, compared[0][1] if compared else None),
        "step_parts": sections.step_parts,
        "flips_of_first": bool(compared) and any(card["candidate"] == compared[0][1] for card in found),
        "question": sections.question(record),
        "error_lines": visible_lines(record.error or "") if "\n" in (record.error or "").strip() else [],
        "matrix": sections.gate_matrix(record),
        "side_by_side": comparison_matrix(record, summary),
        "overview": list(_overview(record, published)),
        "candidates": [_candidate(record, images, pair, place, name) for place, pair in enumerate(compared)]
        if images
        else [],
        "bad_images": [(visible(bad.id), visible(bad.reason)) for bad in record.dataset.bad_images[:_BAD_IMAGES]],
        "bad_images_more": max(0, len(record.dataset.bad_images) - _BAD_IMAGES),
        "missing_pictures": missing,
        "flips": len(found),
        "facts": [(visible(key), visible(value)) for key, value in facts(record)],
        "model_facts": [
            [visible(cell) for cell in (*row[:2], part.model_sha256, *row[3:])]
            for row, part in zip(model_facts(record), record.models, strict=True)
        ],
        "config": "\n".join(visible_lines(resolved_config(record))),
        "timing": sections.timing(record),
        "has_images": images is not None,
        "published_known": published[0] is not None,
    }
    shared = _data(record, images, compared, found, name)
    size = len(_page(values, shared).encode()) + _SPARE
    left = max_bytes - size
    if images:
        models = [part.id for part in record.models if part.id in images.models]
        shared["table"] = compact_table(images, models, int(left * (_TABLE_SHARE if shown else 1)), compared)
        left -= len(assets.data(shared["table"]))
    shared["pictures"] = _carried(shown, gallery.by_importance(found), left)
    return _page(values, shared)


def _page(values: dict[str, Any], shared: dict[str, Any]) -> str:
    return assets.page("report.html", _STYLES, _SCRIPTS, data=assets.data(shared), **values)


def _focus(record: RunRecord, summary: Summary) -> ComparisonRow | None:
    """Return the comparison to look at first: the worst candidate's."""
    compared = [(part.reference, part.candidate) for part in record.comparisons]
    return summary.comparisons[compared.index(sections.worst_first(record, compared)[0])] if compared else None


def _published(record: RunRecord) -> tuple[float | None, float | None]:
    published = record.recorded_config.published
    return published.top1_percent, published.top5_percent


def _overview(record: RunRecord, published: tuple[float | None, float | None]) -> Iterator[Chart]:
    whole = record.dataset.evaluated >= record.dataset.images
    for k, value in zip((1, 5), published, strict=True):
        spec = model_charts.accuracy(record, k, value)
        if spec:
            of = (
                ""
                if whole
                else f" Published on {numbers.count(record.dataset.images)} images, so no match is expected."
            )
            caption = f"Dot: share correct; bar: its 95 % interval.{'' if value is None else of}"
            yield Chart(f"Top-{k} of every model", draw(spec, f"Top-{k} of every model", f"top{k}"), caption)


def _candidate(record: RunRecord, images: PerImage, pair: tuple[str, str], place: int, name: Namer) -> CandidatePart:
    reference, candidate = pair
    drawn = []
    for number, (title, spec, caption) in enumerate(_specs(record, images, reference, candidate, name)):
        if spec:
            label = f"{title}, {visible(candidate)} against {visible(reference)}. {caption}"
            drawn.append(Chart(title, draw(spec, label, f"c{place}-{number}"), caption))
    grown = grown_confusions(images, reference, candidate)
    return CandidatePart(place, visible(candidate), tuple(drawn), tuple(_confusion(item, name) for item in grown))


def _specs(
    record: RunRecord, images: PerImage, reference: str, candidate: str, name: Namer
) -> Iterator[tuple[str, Any, str]]:
    base = compared_with(record)
    limit, first = _parity(record, candidate)
    difference = images.models[candidate].max_abs_diff
    beyond = 0 if limit is None else int((difference > limit).sum())
    caption = ""
    if limit is not None:
        caption = f"{numbers.count(beyond)} of {numbers.plural(len(images), 'image')} exceed the limit"
        caption += f"; the gate parity judges the first {numbers.count(first)}." if first else "."
    yield "Change of probabilities", image_charts.differences(difference, limit), caption
    published = _published(record)[0]
    spec = model_charts.running(images, [(reference, "reference"), (candidate, "candidate")], published)
    yield (
        "Top-1 over the run",
        spec,
        "If the two lines separate permanently, a fault began there.",
    )
    spec = image_charts.scatter(images, reference, candidate, base)
    yield (
        "Probability of the true label",
        spec,
        "Squares: all images; dots: changed predictions. Below the line: the label lost probability.",
    )
    rated = [
        (model, role, calibrate(images.models[model].top1_probability, images.correct(model)))
        for model, role in ((reference, "reference"), (candidate, "candidate"))
    ]
    errors = "; ".join(f"{visible(model)} {_percent(item.error)}" for model, _, item in rated)
    yield "Reliability", model_charts.reliability(rated), f"Expected calibration error: {errors}."
    worst, best, single = class_changes(images, reference, candidate)
    caption = f"Largest losses: {numbers.plural(len(worst), 'class', 'classes')}; largest gains: {len(best)}."
    caption += f" Not shown: {numbers.plural(single, 'class', 'classes')} with one changed image." if single else ""
    yield "Change by class", image_charts.classes([*worst, *reversed(best)], name, base), caption


def _parity(record: RunRecord, candidate: str) -> tuple[float | None, int]:
    """Return the parity limit that was judged on a candidate, and on how many images."""
    for part in record.gates:
        value = (part.limit or {}).get("max_abs_diff")
        if part.gate == "parity" and part.model == candidate and isinstance(value, (int, float)) and value > 0:
            count = (part.measured or part.limit or {}).get("images")
            return float(value), count if isinstance(count, int) else 0
    return None, 0


def _percent(share: float | None) -> str:
    return numbers.MISSING if share is None else f"{numbers.percent(100 * share)} %"


def _confusion(item: Confusion, name: Namer) -> tuple[str, str, int, int]:
    return name(item.label), name(item.taken_for), item.before, item.after


def _data(
    record: RunRecord,
    images: PerImage | None,
    compared: Sequence[tuple[str, str]],
    found: list[dict[str, Any]],
    name: Namer,
) -> dict[str, Any]:
    """Return what the page's script works on, without the table and the pictures."""
    if images is None:
        return {
            "name": record.name,
            "models": [],
            "pairs": [],
            "cards": [],
            "names": {},
            "contracts": {},
            "background": False,
        }
    models = [part.id for part in record.models if part.id in images.models]
    labels = {int(label) for label in images.labels}
    for model in images.models.values():
        labels.update(int(label) for label in set(model.top1.tolist()))
    labels.update(int(label) for card in found for label, _ in [*card["before"], *card["after"]])
    return {
        "name": record.name,
        "models": models,
        "pairs": [[models.index(reference), models.index(candidate)] for reference, candidate in compared],
        "cards": found,
        "names": name.known(labels),
        "contracts": sections.input_contracts(record),
        "background": record.recorded_config.dataset.background_class,
    }


def _carried(shown: dict[str, Picture], order: Sequence[str], left: int) -> dict[str, list[str]]:
    """Return [thumbnail] or [thumbnail, exact pixels] by image id: all thumbnails that fit first, then exact pixels."""
    carried: dict[str, list[str]] = {}
    for image_id in order:
        cost = len(shown[image_id].thumbnail) + len(assets.data(image_id)) + 12 if image_id in shown else 0
        if cost and cost <= left:
            carried[image_id] = [shown[image_id].thumbnail]
            left -= cost
    misses = 0
    for image_id, pictures_of in carried.items():
        exact = shown[image_id].exact() if misses < _MISSES else None
        if exact and len(exact) + 3 <= left:
            pictures_of.append(exact)
            left -= len(exact) + 3
        else:
            misses += 1
    return carried
