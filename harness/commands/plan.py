"""`harness plan`: how many images settle which question, and how long they take here.

Needs no configuration, no model and no image: speeds are those of the last runs on this machine.
"""

from __future__ import annotations

import argparse
from typing import Any

from harness.commands.options import add_json, number, positive
from harness.commands.result import Result, Screen
from harness.errors import ConfigError
from harness.text import printable

NAME = "plan"
HELP = "calculate how many images each question needs"

_USUAL_DISCORDANT = (0.0, 0.1, 0.5, 1.0)  # percent of images whose Top-1 correctness flips
_LAST_RUNS = 4
_SHARES = (10.0, 5.0, 1.0)  # percent of images on which a fault shows


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness plan`."""
    parser.add_argument(
        "--drop",
        metavar="PP",
        type=number,
        default=0.1,
        help="plan for a Top-1 drop of at most PP percentage points (default: 0.1)",
    )
    parser.add_argument(
        "--confidence",
        metavar="SHARE",
        type=number,
        default=0.95,
        help="plan with this confidence, a fraction (default: 0.95)",
    )
    parser.add_argument(
        "--whole", metavar="N", type=positive, default=50_000, help="plan for a whole set of N images (default: 50000)"
    )
    parser.add_argument(
        "--images",
        metavar="N",
        type=positive,
        help="show what a subset of N images can and cannot prove (default: the table of all questions)",
    )
    parser.add_argument(
        "--discordant",
        metavar="PERCENT",
        type=number,
        help="expect Top-1 correctness to flip on PERCENT %% of the images (default: several rates)",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> Result:
    """Plan: a table, or one JSON document."""
    plan = _plan(options.drop, options.confidence, options.whole, options.discordant, options.images)
    return Result(document=plan) if options.json else Result(text=_as_text(plan))


def _plan(drop: float, confidence: float, whole: int, discordant: float | None, images: int | None) -> dict[str, Any]:
    from harness.metrics.planning import LARGEST, images_to_see, power

    if not 0 < drop <= 100:
        raise ConfigError(f"--drop {drop:g}: give a limit above 0 and up to 100 percentage points, such as 0.1")
    if not 0 < confidence < 1:
        raise ConfigError(f"--confidence {confidence:g}: give a fraction between 0 and 1, such as 0.95")
    if discordant is not None and not 0 <= discordant <= 100:
        raise ConfigError(f"--discordant {discordant:g}: give a percentage from 0 to 100, such as 0.5")
    if images is not None and images > whole:
        raise ConfigError(
            f"--images {images}: more than the whole set of {whole:,}; give the size of the whole set with --whole"
        )
    if whole > LARGEST:
        raise ConfigError(f"--whole {whole}: too large; give a size up to {LARGEST:,}")
    rates = _USUAL_DISCORDANT if discordant is None else (discordant,)
    plan: dict[str, Any] = {
        "drop_pp": drop,
        "confidence": confidence,
        "whole_set": whole,
        "parity": [
            {"share_percent": share, "images": min(whole, images_to_see(share / 100, confidence))} for share in _SHARES
        ],
        "drop_within_limit": [_drop_row(drop, confidence, whole, rate) for rate in rates],
        "target_images": whole,
        "one_image_pp": 100 / whole,
    }
    plan["cost"] = _cost(plan)
    if images is not None:
        found = power(images, drop, confidence, whole, None if discordant is None else discordant / 100)
        plan["subset"] = found._asdict() | {"is_whole_set": images == whole}
    return plan


def _cost(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what parity, a certification and the whole set take here, by the speed of the last runs like this."""
    from harness.machine.cache_place import default_cache_folder
    from harness.machine.environment import cores, cpu_name
    from harness.record.speeds import read_speeds

    here = [speed for speed in read_speeds(default_cache_folder()) if (speed.cpu, speed.cores) == (cpu_name(), cores())]
    certify = plan["drop_within_limit"][0]["certify_images"]
    return [
        {
            "name": speed.name,
            "candidates": speed.candidates,
            "reference_cached": speed.cached,
            "images_per_second": speed.images_per_second,
            "measured_utc": speed.started_utc,
            "certify_seconds": speed.seconds(certify),
            "whole_set_seconds": speed.seconds(plan["whole_set"]),
        }
        for speed in here[:_LAST_RUNS]
    ]


def _drop_row(drop: float, confidence: float, whole: int, rate: float) -> dict[str, Any]:
    from harness.metrics.planning import images_for_interval, images_to_certify

    certify = images_to_certify(drop, confidence, whole, broken=rate / 200, fixed=rate / 200, runs=41)
    return {
        "discordant_percent": rate,
        "certify_images": certify.typical,
        "certify_images_nine_of_ten": certify.nine_of_ten,
        "subset_images": images_for_interval(drop, confidence, whole, rate / 100),
    }


def _as_text(plan: dict[str, Any]) -> str:
    from rich.table import Table

    whole, percent = plan["whole_set"], f"{100 * plan['confidence']:g} %"
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("question", "images", "with"):
        table.add_column(name, overflow="fold", justify="right" if name == "images" else "left")
    for row in plan["parity"]:
        question = f"Detect a fault that changes {row['share_percent']:g} % of images"
        table.add_row(question, f"{row['images']:,}", f"gates.parity, seen with {percent} confidence")
    for row in plan["drop_within_limit"]:
        question = f"Prove a drop within {plan['drop_pp']:g} pp, {_flips(row['discordant_percent'])}"
        spread = row["certify_images_nine_of_ten"]
        beyond = "" if spread == row["certify_images"] else f"; 9 of 10 runs: at most {spread:,}"
        table.add_row(question, f"{row['certify_images']:,}", f"--certify {plan['drop_pp']:g}{beyond}")
        subset = row["subset_images"]
        table.add_row(
            "",
            "whole set" if subset is None else f"{subset:,}",
            "gates.drop on a random subset",
        )
    table.add_row("Measure the drop exactly", f"{whole:,}", "gates.drop on the whole set, by counts")
    table.add_row("Check the published accuracy", f"{whole:,}", "gates.target, on the whole set only")
    screen = Screen()
    console = screen.console(110)
    console.print(table)
    if plan["one_image_pp"] > plan["drop_pp"]:
        console.print(
            f"One image of {whole:,} weighs {plan['one_image_pp']:.3g} pp, more than the limit: counts decide only "
            f"where the configuration says `dataset.images: {whole}`.",
            soft_wrap=True,
        )
    for row in plan["cost"]:
        console.print(_cost_in_words(row, plan["drop_within_limit"][0]["certify_images"], whole), soft_wrap=True)
    if not plan["cost"]:
        console.print("After a first run, this also shows how long it would take here.")
    if "subset" in plan:
        for line in _subset(plan):
            console.print(line, soft_wrap=True)
    else:
        console.print(
            "Half of the flips are assumed broken, half fixed; set your own rate (flips / images) with "
            "--discordant PERCENT."
        )
        console.print(
            "--images N shows what a subset can prove. `validate --limit N` takes the first N images, which are "
            "a random "
            "subset only if the list is shuffled, like ImageNet's."
        )
    return screen.getvalue()


def _cost_in_words(row: dict[str, Any], certify: int, whole: int) -> str:
    others = f", {row['candidates']} candidates" if row["candidates"] > 1 else ""
    how = f"reference {'cached' if row['reference_cached'] else 'computed'}{others}"
    cost = f"{certify:,} images {_duration(row['certify_seconds'])}, {whole:,} images "
    cost += _duration(row["whole_set_seconds"])
    return f"Here, as {printable(row['name'])} ran last ({how}, {row['images_per_second']:.0f} images/s): {cost}."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _flips(percent: float) -> str:
    return f"if {percent:g} % of images flip" if percent else "if no image flips"


def _subset(plan: dict[str, Any]) -> list[str]:
    found, limit, whole = plan["subset"], plan["drop_pp"], plan["whole_set"]
    confidence = f"{100 * plan['confidence']:g} % confidence"
    lines = ["", f"What {found['images']:,} of {whole:,} images can show ({confidence}):"]
    lines.append(f"  can: a fault that alters at least {found['share_seen_percent']:.2g} % of images, by parity")
    if found["is_whole_set"]:
        return [*lines, "  can: everything else exactly, by counts: this is the whole set"]
    best = min(found["interval_pp"], found["sequential_pp"])
    word = "can" if best <= limit else "cannot"
    lines.append(
        f"  {word}: a drop within {limit:g} pp, if no image flips: then at most {found['interval_pp']:.3f} pp "
        f"by the paired interval, {found['sequential_pp']:.3f} pp by certification"
    )
    if found["with_flips_pp"] is not None:
        rate = plan["drop_within_limit"][0]["discordant_percent"]
        word = "can" if found["with_flips_pp"] <= limit else "cannot"
        lines.append(
            f"  {word}: a drop within {limit:g} pp, {_flips(rate)}: then at most {found['with_flips_pp']:.3f} pp"
        )
    fails = found["fails_from_pp"]
    lines.append(
        "  cannot: a drop over the limit, however large"
        if fails is None
        else f"  can: a drop over the limit, where it measures {fails:.2f} pp or more"
    )
    lines.append(
        f"  cannot: the published accuracy: an accuracy of 72 % is known to +-{found['accuracy_pp']:.2f} pp only, "
        "and the subset may be easier or harder than the whole"
    )
    return lines
