"""`harness compare RUN_A RUN_B` and `harness compare --all RUN...`: records, image by image, without any framework.

It judges nothing: exit 0.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.options import add_json
from harness.commands.result import Result, Screen
from harness.errors import ConfigError
from harness.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness.judging.comparing import Boards, ModelPair, RunPair
    from harness.judging.comparing.runs import FlippedImage
    from harness.judging.comparing.settings import Change
    from harness.report.facts.class_names import Namer

NAME = "compare"
HELP = "compare two runs image by image; needs no framework"

_CHANGES = 12  # shown of each kind; --json has all
_LONGEST = 72  # characters of a changed value
_MEANING = "* of the true label's probability; changed: wrong in both, but different classes"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness compare`."""
    parser.add_argument(
        "run_a", metavar="RUN_A", type=Path, nargs="?", help="the earlier run: its folder or its run.json"
    )
    parser.add_argument("run_b", metavar="RUN_B", type=Path, nargs="?", help="the later run, on the same images")
    parser.add_argument(
        "--all",
        metavar="RUN",
        type=Path,
        nargs="+",
        dest="runs",
        help="compare any number of runs of the same images and reference, one row per candidate (such as one "
        "capsule on many devices; default: RUN_A and RUN_B)",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> Result:
    """Compare two runs: agreement, flips, drop and what changed; or many, with one row per candidate."""
    from harness.judging.comparing import compare_boards, compare_runs

    pair = [run for run in (options.run_a, options.run_b) if run is not None]
    if options.runs:
        boards = compare_boards([*pair, *options.runs])
        return Result(document=boards_as_json(boards)) if options.json else Result(text=boards_as_text(boards))
    if len(pair) < 2:
        raise ConfigError("give two runs, RUN_A and RUN_B, or any number of runs after --all")
    found = compare_runs(*pair)
    if options.json:
        return Result(document=as_json(found))
    return Result(text=as_text(found, *map(str, pair)))


def as_json(pair: RunPair) -> dict[str, Any]:
    """Return the comparison as plain JSON values; a class without a known name is None."""
    from harness.report.facts.class_names import Namer, class_names

    runs = {
        name: {
            "folder": str(record.folder),
            "name": record.name,
            "started_utc": record.started_utc,
            "exit_code": record.exit_code,
        }
        for name, record in (("a", pair.a), ("b", pair.b))
    }
    name = Namer(class_names(pair.b) or class_names(pair.a))
    models = [
        asdict(model)
        | {
            "flipped": [asdict(image) | _names(image, name) for image in model.flipped],
            "top1_agreement": model.top1_agreement.model_dump(mode="json"),
            "flips": model.flips.model_dump(mode="json"),
            "drop": model.drop.model_dump(mode="json"),
        }
        for model in pair.models
    ]
    changed = {"models": pair.model_facts, "config": pair.config, "environment": pair.environment}
    return {
        "runs": runs,
        "images": pair.images,
        "warnings": list(pair.warnings),
        "models": models,
        "only_in_a": list(pair.only_in_a),
        "only_in_b": list(pair.only_in_b),
        "changed": {name: [change._asdict() for change in found] for name, found in changed.items()},
    }


def _names(image: FlippedImage, name: Namer) -> dict[str, str | None]:
    labels = {"label_name": image.label, "top1_a_name": image.top1_a, "top1_b_name": image.top1_b}
    known = name.known(labels.values())
    return {key: known.get(str(label)) for key, label in labels.items()}


def as_text(pair: RunPair, a: str, b: str) -> str:
    """Return the comparison as tables for the terminal; ``a`` and ``b``: the runs as they were given."""
    from harness.report.facts import numbers
    from harness.report.facts.class_names import Namer, class_names

    screen = Screen()
    console = screen.console(120)
    name = Namer(class_names(pair.b) or class_names(pair.a))
    background = pair.b.recorded_config.dataset.background_class
    for warning in pair.warnings:
        console.print(f"warning: {warning}", soft_wrap=True)
    console.print(f"A: {printable(a)}  {printable(pair.a.name)}, {printable(pair.a.started_utc)}", soft_wrap=True)
    console.print(f"B: {printable(b)}  {printable(pair.b.name)}, {printable(pair.b.started_utc)}", soft_wrap=True)
    console.print(f"{numbers.plural(pair.images, 'image')}, the same in both; drop: A minus B, a loss is positive\n")
    console.print(_models(pair.models, console))
    console.print(_MEANING, soft_wrap=True)
    for where, names in (("A", pair.only_in_a), ("B", pair.only_in_b)):
        if names:
            console.print(f"Only in {where}, not compared: {', '.join(map(printable, names))}", soft_wrap=True)
    for model in pair.models:
        if model.flipped:
            console.print(_flips(model, name, background=background), soft_wrap=True)
    for title, found in (
        ("Models", pair.model_facts),
        ("Configuration", pair.config),
        ("Environment", pair.environment),
    ):
        console.print(_changed(title, found), soft_wrap=True)
    return screen.getvalue()


def _models(models: tuple[ModelPair, ...], console: Console) -> Table:
    """Return the table of the models: one line per model where the console is wide enough, otherwise three."""
    from harness.report.terminal.layout import fits

    wide = _table(models, " ", "{} ({})", "/")
    return wide if fits(wide, console) else _table(models, "\n", "{}\n{}", "\n")


def _table(models: tuple[ModelPair, ...], together: str, counted: str, between: str) -> Table:
    """Return the table with the parts of a cell joined by ``together``, and kinds of flips by ``between``."""
    from harness.report.facts import numbers
    from harness.report.terminal.layout import plain_table

    flips_head = between.join(("broken", "fixed", "changed"))
    headers = ("model", "same\nTop-1", flips_head, f"Top-1 pp{together}[95 % of drop]", "p", "Top-5 pp", "max Δp*")
    table = plain_table(None, *headers, whole=tuple(range(1, len(headers))))
    for model in models:
        same, flips, drop = model.top1_agreement, model.flips, model.drop
        change, interval = numbers.change(drop.top1_pp, unit=""), numbers.interval(drop.top1_ci95_pp, numbers.signed_pp)
        kinds = (flips.broken, flips.fixed, flips.changed_wrong)
        table.add_row(
            printable(model.id),
            counted.format(f"{numbers.percent(same.percent)} %", f"{same.count}/{same.total}"),
            between.join(map(numbers.count, kinds)),
            f"{change}{together}{interval}",
            numbers.p_value(drop.top1_p_value),
            numbers.change(drop.top5_pp, unit=""),
            numbers.difference(model.max_label_probability_diff),
        )
    return table


def _flips(model: ModelPair, name: Namer, *, background: bool) -> str:
    from harness.report.facts.class_names import index_of

    def named(label: int) -> str:
        """Return "12/11 (goldfinch)", or the numbers alone where no name is known."""
        found, number = name(label), index_of(label, background=background)
        return f"{number} ({printable(found)})" if label >= 0 and found != f"class {label}" else number

    total = model.flips.broken + model.flips.fixed
    about = " (classes: network/data set)" if background else ""
    lines = [f"\nFlips of {printable(model.id)}, {min(total, len(model.flipped))} of {total}{about}:"]
    for image in model.flipped:
        word = "broken" if image.broken else "fixed"
        lines.append(
            f"  {word}: {printable(image.image_id)}, {named(image.label)}:"
            f" {named(image.top1_a)} in A, {named(image.top1_b)} in B"
        )
    return "\n".join(lines)


def _changed(title: str, found: tuple[Change, ...]) -> str:
    if not found:
        return f"\n{title}: unchanged"
    lines = [f"\n{title} changed, A -> B:"]
    lines += [f"  {printable(key)}: {_shortly(a)} -> {_shortly(b)}" for key, a, b in found[:_CHANGES]]
    more = len(found) - _CHANGES
    return "\n".join([*lines, f"  and {more} more, see --json"] if more > 0 else lines)


def _shortly(value: object) -> str:
    """Return a value for the terminal; `--json` has all of it."""
    text = printable(str(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def boards_as_json(boards: Boards) -> dict[str, Any]:
    """Return runs brought together as plain JSON values."""
    first = boards.runs[0][1].dataset
    return {
        "images": boards.images,
        "fingerprint": first.fingerprint,
        "content_fingerprint": first.content_fingerprint,
        "capsule": next((record.dataset.capsule for _, record in boards.runs if record.dataset.capsule), None),
        "reference": boards.reference and boards.reference.model_dump(mode="json"),
        "runs": [
            {
                "folder": name,
                "name": record.name,
                "started_utc": record.started_utc,
                "status": record.status,
                "exit_code": record.exit_code,
                "environment": record.environment,
            }
            for name, record in boards.runs
        ],
        "rows": [
            {
                "run": row.run,
                "model": row.model.model_dump(mode="json"),
                "comparison": row.comparison and row.comparison.model_dump(mode="json"),
                "gates": row.gates,
                "standing": row.standing,
                "deciding_gates": list(row.deciding),
            }
            for row in boards.rows
        ],
        "unfinished": [{"folder": name, "status": status, "error": why} for name, status, why in boards.unfinished],
        "warnings": list(boards.warnings),
    }


def boards_as_text(boards: Boards) -> str:
    """Return many runs as one table for the terminal, with one row per candidate."""
    from harness.report.facts import numbers
    from harness.report.terminal.boards import boards_table

    screen = Screen()
    console = screen.console(160)
    reference = boards.reference
    against = f" against {reference.id} ({reference.backend}, {reference.device_name})" if reference else ""
    runs = numbers.plural(len(boards.runs), "run")
    images = numbers.plural(boards.images, "image")
    console.print(printable(f"{runs} on the same {images}{against}\n".rstrip()), soft_wrap=True)
    console.print()
    console.print(boards_table(boards, console))
    for name, status, why in boards.unfinished:
        console.print(printable(f"{name}: {status}: {why.splitlines()[0]}"), soft_wrap=True)
    for warning in boards.warnings:
        console.print(printable(f"warning: {warning}"), soft_wrap=True)
    return screen.getvalue()
