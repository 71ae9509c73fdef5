"""`python -m harness.bench CONFIG`: all scenarios, each in a separate process; table, JSON and plot."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.bench.history import add_to_history, losses, read_history
from harness.bench.incumbent import measure
from harness.bench.marginal import marginal
from harness.bench.plot import svg
from harness.bench.quietness import QUIET, Others, in_words
from harness.bench.scenario import SCENARIOS, run_scenario
from harness.commands.options import positive
from harness.config import Config, load_config
from harness.dataset.image_set import open_image_set
from harness.disk.atomic import make_folder, write_atomically
from harness.errors import HarnessError
from harness.machine.environment import cpu_name, git_commit
from harness.machine.garbage import begin_own_process


def main() -> int:
    """Run the benchmark and return the exit code."""
    options = _parser().parse_args()
    try:
        if options.scenario:
            return _one(options)
        return _all(options)
    except HarnessError as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.bench", description=__doc__)
    parser.add_argument("config", metavar="CONFIG", type=Path)
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides")
    parser.add_argument(
        "--images", type=positive, default=5000, help="rows of the pipeline; the images are repeated to it"
    )
    parser.add_argument(
        "--repeat", type=positive, default=1, help="runs of each scenario; the median by ratio is shown"
    )
    parser.add_argument(
        "--rounds", type=positive, default=1, help="passes of the pipeline in one process, in turn with its stages"
    )
    parser.add_argument("--scenario", choices=SCENARIOS, help="only this one, in this process; prints JSON")
    parser.add_argument("--together", action="store_true", help="models at the same time instead of in turns")
    parser.add_argument("--memory-only", action="store_true", help="with --scenario: leave the stages out")
    parser.add_argument(
        "--candidates", type=positive, default=1, help="with `IR with cached reference`: number of copies of the IR"
    )
    parser.add_argument("--history", type=Path, help="earlier figures (default: history.jsonl in --out)")
    parser.add_argument(
        "--incumbent-images", type=positive, default=100, help="images that $ACCURACY_CHECKER gets, where it is set"
    )
    parser.add_argument("--out", type=Path, default=Path("reports/bench"), help="where bench.json and bench.svg go")
    return parser


def _one(options: argparse.Namespace) -> int:
    config = load_config(options.config, options.overrides)
    turns, stages = not options.together, not options.memory_only
    found = run_scenario(
        config,
        options.scenario,
        options.images,
        turns=turns,
        stages=stages,
        candidates=options.candidates,
        rounds=options.rounds,
    )
    print(json.dumps(found))
    return 0


def _all(options: argparse.Namespace) -> int:
    config = load_config(options.config, options.overrides)
    results = []
    for name in SCENARIOS:
        print(f"bench: {name}, {options.images} images", file=sys.stderr, flush=True)
        others = Others()
        runs = sorted((_in_process(options, name) for _ in range(options.repeat)), key=lambda run: run["ratio"])
        results.append({**runs[len(runs) // 2], "others_share": others.share()})
    further = marginal(results[2], results[0])
    make_folder(options.out)
    incumbent = _incumbent(options, config)
    document = {"scenarios": results, "incumbent": incumbent, "third_candidate_cost_over_inference_alone": further}
    write_atomically(options.out / "bench.json", (json.dumps(document, indent=2) + "\n").encode())
    write_atomically(options.out / "bench.svg", svg(results).encode())
    print(table(results, further))
    print(beside(results, incumbent))
    print(f"\n{options.out / 'bench.json'}  {options.out / 'bench.svg'}")
    return _against_history(options, config.name, results)


def _incumbent(options: argparse.Namespace, config: Config) -> list[dict[str, Any]]:
    """Return Accuracy Checker's figures on the first images of the same set, where it is installed."""
    command = os.environ.get("ACCURACY_CHECKER")
    if not command:
        return []
    images = open_image_set(config.dataset)
    print(f"bench: {command}, {options.incumbent_images} images", file=sys.stderr, flush=True)
    return measure(command, config, images, min(options.incumbent_images, len(images.manifest)))


def _against_history(options: argparse.Namespace, name: str, results: list[dict[str, Any]]) -> int:
    """Print what became slower, add this benchmark to the history, and return 1 if a quiet one lost more than 5 %."""
    path = options.history or options.out / "history.jsonl"
    new = [
        {
            "utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "name": name,
            "scenario": item["scenario"],
            "images": item["images"],
            "cpu": cpu_name(),
            "cores": item["cores"],
            "commit": git_commit(Path.cwd()),
            "images_per_second": item["achieved_images_per_second"],
            "bound": item["bound_images_per_second"],
            "quiet": None if item["others_share"] is None else item["others_share"] < QUIET,
        }
        for item in results
    ]
    lost = losses(read_history(path), new)
    for line in lost:
        print(f"bench: slower: {line}", file=sys.stderr)
    add_to_history(path, new)
    return int(bool(lost) and all(item["quiet"] for item in new))


def _in_process(options: argparse.Namespace, name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "harness.bench", str(options.config), "--images", str(options.images)]
    command += ["--scenario", name, "--rounds", str(options.rounds), *(["--together"] if options.together else [])]
    for override in options.overrides:
        command += ["--set", override]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def table(results: list[dict[str, Any]], further: float | None) -> str:
    """Return the figures as text."""
    lines = []
    for item in results:
        lines.append(f"{item['scenario']} ({item['images']} images, {item['cores']} cores)")
        stages = ", ".join(f"{name} {1000 * cost:.2f}" for name, cost in item["core_seconds_per_image"].items())
        lines.append(f"  core-milliseconds per image, each stage alone: {stages}")
        achieved, limit = item["achieved_images_per_second"], item["bound_images_per_second"]
        memory = f"peak memory {item['peak_memory_bytes'] / 1e6:.0f} MB"
        lines.append(f"  achieved {achieved:.1f} images/s, bound {limit:.1f}, ratio {item['ratio']:.3f}; {memory}")
        usual = item["usual_bound_images_per_second"]
        lines.append(f"  bound by the stages' medians {usual:.1f}, ratio {item['usual_ratio']:.3f}")
        if len(item["rounds"]) > 1:
            lines.append(f"  of {len(item['rounds'])} rounds: {_spreads(item['rounds'])}")
        startup = ", ".join(f"{name.removesuffix('_seconds')} {value:.2f} s" for name, value in item["startup"].items())
        lines.append(f"  start-up: {startup}")
        if "others_share" in item:
            lines.append(f"  {in_words(item['others_share'])}")
    if further is not None:
        lines.append(f"a further candidate's cost / its inference alone: {further:.2f}")
    return "\n".join(lines)


def _spreads(rounds: list[dict[str, Any]]) -> str:
    """Return the least and the most of each figure."""
    shown = {"achieved_images_per_second": ("achieved", 1), "ratio": ("ratio", 3), "usual_ratio": ("by medians", 3)}
    parts = []
    for key, (name, digits) in shown.items():
        values = [each[key] for each in rounds]
        parts.append(f"{name} {min(values):.{digits}f} to {max(values):.{digits}f}")
    return ", ".join(parts)


def beside(results: list[dict[str, Any]], incumbent: list[dict[str, Any]]) -> str:
    """Return one table of the harness and Accuracy Checker: images/s, each model's leg and both together."""
    if not incumbent:
        return "Accuracy Checker was not measured; set ACCURACY_CHECKER to its command to compare with it"
    rates = [item["images_per_second"] for item in incumbent]
    lines = [
        "                          images/s",
        "harness, both models    " + _rate(results[0]["achieved_images_per_second"]),
    ]
    lines.append("harness, reference cached" + _rate(results[1]["achieved_images_per_second"], 9))
    for item in incumbent:
        start = f"  (start-up {item['start_seconds']:.1f} s, {item['images']} images)"
        lines.append(f"Accuracy Checker, {item['model']:<6}" + _rate(item["images_per_second"]) + start)
    if len(incumbent) > 1 and None not in rates:
        lines.append("Accuracy Checker, all   " + _rate(1 / sum(1 / rate for rate in rates)))
    if None in rates:
        lines.append("?: lost in the start-up; give more images with --incumbent-images")
    return "\n".join(lines)


def _rate(value: float | None, width: int = 10) -> str:
    return f"{value:{width}.1f}" if value is not None else "?".rjust(width)


if __name__ == "__main__":
    begin_own_process()  # as the command line does, which the benchmark stands for
    sys.exit(main())
