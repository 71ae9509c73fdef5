"""`harness bisect`: which release of a package, or which commit of a repository, changed what a capsule shows."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.commands.options import add_json, add_set, number, positive
from harness.commands.result import Result, Screen
from harness.errors import ConfigError
from harness.text import printable

if TYPE_CHECKING:
    from harness.bisecting.bisect import Bisection, Try
    from harness.bisecting.search import Found, History
    from harness.bisecting.trial import Trial
    from harness.config import Config

NAME = "bisect"
HELP = "find the package release or the commit that changed the verdict or the predictions of a capsule"
RESULT_FILE = "bisect.json"
_COMMITS_ONLY = ("convert", "model", "candidate", "repository")
_RELEASES_ONLY = ("good", "bad", "package", "find_links", "offline", "cache_gb")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness bisect`."""
    parser.epilog = (
        "Exit codes: 0 nothing changed from good to bad; 1 the first changed version was found; 2 usage; 3 the good or "
        "the bad version cannot be tried; 5 the first changed version is one of several that cannot be tried."
    )
    parser.add_argument(
        "capsule", metavar="CAPSULE", type=Path, help="the capsule that every version is validated with"
    )
    releases = parser.add_argument_group("search releases of a package")
    releases.add_argument("--good", metavar="VERSION", help="compare all other releases with this one (required)")
    releases.add_argument(
        "--bad", metavar="VERSION", help="search up to this release, which may be newer or older (required)"
    )
    releases.add_argument(
        "--package",
        metavar="NAME",
        help="vary the releases of this package (default: the framework that runs the candidates)",
    )
    releases.add_argument(
        "--find-links",
        metavar="DIR",
        type=Path,
        help="take wheels from this folder, too (default: the package index only)",
    )
    releases.add_argument("--offline", action="store_true", help="use no network: only --find-links and uv's cache")
    releases.add_argument(
        "--cache-gb", metavar="GB", type=number, help="keep at most GB gigabytes of environments (default: 10)"
    )
    commits = parser.add_argument_group("search commits of a repository")
    commits.add_argument(
        "--commits", metavar="A..B", help="search from the good commit A to the bad commit B (required)"
    )
    commits.add_argument(
        "--convert", metavar="CMD", help="run this shell command in each checkout to make the model (required)"
    )
    commits.add_argument(
        "--model",
        metavar="PATH",
        help="read the model that CMD writes from this path in the checkout (default: the last line that CMD prints)",
    )
    commits.add_argument(
        "--candidate", metavar="ID", action="append", help="run the model as this candidate (repeatable; default: all)"
    )
    commits.add_argument(
        "--repository",
        metavar="DIR",
        type=Path,
        help="use this git repository (default: the one of the current folder)",
    )
    add_set(parser, "override a configuration key, as for `harness validate CAPSULE` (repeatable)")
    parser.add_argument(
        "--tolerance",
        metavar="P",
        type=number,
        help="count predictions as changed if a probability moved by more than P, a fraction (default: 1e-4)",
    )
    parser.add_argument(
        "--all", action="store_true", help="try every version instead of only those that the search needs"
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=positive, help="stop a version after SECONDS seconds (default: no limit)"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="write the runs to this folder (default: reports/bisect-NAME/<UTC time>)",
    )
    add_json(parser)


class _Plan(NamedTuple):
    history: History
    try_one: Try
    facts: dict[str, Any]  # of the document, in addition to the findings


def run(options: argparse.Namespace) -> Result:
    """Bisect; the runs of all versions are kept."""
    from harness.bisecting.bisect import TOLERANCE, Bisecting
    from harness.bisecting.trial import Trying
    from harness.capsule.configuration import load_capsule
    from harness.capsule.opened import open_capsule
    from harness.config.secrets import redact_all
    from harness.disk.atomic import write_atomically
    from harness.engine.run_folder import new_run_folder
    from harness.machine.processes import interrupted_by_sigterm

    _refuse_mixed(options)
    tolerance = TOLERANCE if options.tolerance is None else options.tolerance
    if not 0 <= tolerance <= 1:
        raise ConfigError(f"--tolerance {tolerance:g}: give a difference of probabilities from 0 to 1, such as 1e-4")
    capsule = open_capsule(options.capsule)
    config = load_capsule(options.capsule, options.overrides)
    trying = Trying(capsule.path.absolute(), tuple(options.overrides), options.timeout)
    plan = _commits(options, config, trying) if options.commits else _releases(options, config, trying)
    folder = _folder(options.out) if options.out else new_run_folder(Path("reports"), f"bisect-{config.name}")
    bisecting = Bisecting(plan.history, plan.try_one, folder.absolute(), tolerance, options.all, _progress)
    with interrupted_by_sigterm():
        found = bisecting.run()
    document = {"capsule": {"file": str(options.capsule), "sha256": capsule.sha256}, **plan.facts, **as_json(found)}
    write_atomically(folder / RESULT_FILE, json.dumps(redact_all(document), indent=2, allow_nan=False).encode())
    if options.json:
        return Result(found.exit_code, document=document)
    return Result(found.exit_code, as_text(found, plan.facts.get("subjects", {}), folder))


def _refuse_mixed(options: argparse.Namespace) -> None:
    """Raise ConfigError if options of releases and of commits are mixed, or one is missing."""
    own, other = (_COMMITS_ONLY, _RELEASES_ONLY) if options.commits else (_RELEASES_ONLY, _COMMITS_ONLY)
    for name in other:
        if getattr(options, name):
            where = "needs --good and --bad" if options.commits else "needs --commits"
            raise ConfigError(f"--{name.replace('_', '-')} {where}; leave it out")
    needed = ("convert",) if options.commits else ("good", "bad")
    missing = [f"--{name}" for name in own if name in needed and not getattr(options, name)]
    if missing:
        kinds = "--good VERSION --bad VERSION, or --commits A..B --convert CMD"
        raise ConfigError(f"{' and '.join(missing)} missing; give {kinds}")


def _releases(options: argparse.Namespace, config: Config, trying: Any) -> _Plan:
    from harness.bisecting.bisect import CACHE, OfReleases, package_of
    from harness.bisecting.environments import MOST_BYTES, Environments
    from harness.bisecting.search import Releases
    from harness.bisecting.uv import Source, releases
    from harness.engine.identity import cache_folder

    if options.cache_gb is not None and options.cache_gb <= 0:
        raise ConfigError(f"--cache-gb {options.cache_gb:g}: give a number above 0, such as 10")
    most = MOST_BYTES if options.cache_gb is None else int(options.cache_gb * 1e9)
    package = options.package or package_of(config)
    source = Source(options.find_links.absolute() if options.find_links else None, options.offline)
    line = releases(package, options.good, options.bad, source)
    environments = Environments(cache_folder(config).absolute() / CACHE, package, source, most, _progress)
    return _Plan(Releases(line), OfReleases(trying, environments), {"kind": "releases", "package": package})


def _commits(options: argparse.Namespace, config: Config, trying: Any) -> _Plan:
    from harness.bisecting.bisect import CACHE, OfCommits, running_model_of
    from harness.bisecting.commits import Convert, commits, open_repository
    from harness.engine.identity import cache_folder

    candidates = running_model_of(config, options.candidate or ())
    repository = open_repository((options.repository or Path()).absolute())
    line = commits(repository, options.commits)
    convert = Convert(options.convert, options.model, options.timeout)
    cache = cache_folder(config).absolute() / CACHE
    subjects = repository.subjects(line.good, line.bad)
    facts = {"kind": "commits", "repository": str(repository.top), "convert": options.convert, "subjects": subjects}
    return _Plan(line, OfCommits(trying, line, convert, cache, candidates), facts)


def _folder(out: Path) -> Path:
    from harness.disk.atomic import make_folder

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{printable(str(out))}: already exists; choose another --out")
    make_folder(out)
    return out


def _progress(text: str) -> None:
    print(f"bisect: {printable(text)}", file=sys.stderr)


def as_json(found: Bisection) -> dict[str, Any]:
    """Return the findings as plain JSON values."""
    return {
        "good": found.good,
        "bad": found.bad,
        "versions": list(found.versions),
        "tolerance": found.tolerance,
        "first_changed": {"verdict": found.verdict.first, "answers": found.answers.first},
        "suspects": {"verdict": list(found.verdict.suspects), "answers": list(found.answers.suspects)},
        "trials": [_trial_as_json(trial) for trial in found.trials],
        "exit_code": found.exit_code,
    }


def _trial_as_json(trial: Trial) -> dict[str, Any]:
    return {
        "version": trial.version,
        "tried": trial.is_tried,
        "verdict": trial.verdict,
        "exit_code": trial.exit_code,
        "gates": [{"gate": gate, "model": model, "verdict": word} for (gate, model), word in trial.gates.items()],
        "candidates": [
            {
                "id": item.id,
                "max_abs_diff": item.max_abs_diff,
                "top1_percent": item.top1_percent,
                "moved_from_good": item.moved if item.moved is not None and math.isfinite(item.moved) else None,
                "other_top1_than_good": item.other_top1,
            }
            for item in trial.candidates
        ],
        "folder": None if trial.folder is None else str(trial.folder),
        "note": trial.note,
    }


def as_text(found: Bisection, subjects: dict[str, str], folder: Path) -> str:
    """Return the findings as a table and sentences for the terminal. ``subjects``: of commits, by their hash."""
    from rich.table import Table

    from harness.report.facts import numbers

    screen = Screen()
    console = screen.console(140)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    headers = ("version", "verdict", "candidate", "|Δp| max", "Top-1 %", "from good", "other Top-1", "note")
    for name in headers:
        table.add_column(name, overflow="fold", no_wrap=name != "note")
    for trial in found.trials:
        name = _name(trial.version, subjects, 40)
        note = printable(trial.note or "")
        verdict = trial.verdict if trial.exit_code is None else f"{trial.verdict} ({trial.exit_code})"
        if not trial.candidates:
            table.add_row(name, verdict, "", "", "", "", "", note)
        for item in trial.candidates:
            other = numbers.MISSING if item.other_top1 is None else numbers.count(item.other_top1)
            figures = (numbers.difference(item.max_abs_diff), numbers.percent(item.top1_percent))
            table.add_row(name, verdict, printable(item.id), *figures, numbers.difference(item.moved), other, note)
            name = verdict = note = ""
    console.print(table)
    count = f"{len(found.trials)} of {len(found.versions)} versions tried"
    console.print(f"{count}; from good: how far a probability moved from {_name(found.good, subjects, 60)}\n")
    for what, search in (
        ("verdict", found.verdict),
        (f"predictions (a probability moved by more than {found.tolerance:g})", found.answers),
    ):
        console.print(_sentence(what, search, found, subjects), soft_wrap=True)
    screen.write(f"Runs: {printable(str(folder))}\n")
    return screen.getvalue()


def _sentence(what: str, search: Found, found: Bisection, subjects: dict[str, str]) -> str:
    if search.first is None:
        if not search.comparable:
            return f"Not compared: the {what}, because the bad version gave none."
        return f"Unchanged: the {what}, from {_name(found.good, subjects)} to {_name(found.bad, subjects)}."
    if search.suspects:
        names = ", ".join(_name(version, subjects) for version in (*search.suspects, search.first))
        return f"Changed: the {what}, first by one of these versions, of which only the last could be tried: {names}."
    return f"Changed: the {what}, first by {_name(search.first, subjects)}."


def _name(version: str, subjects: dict[str, str], width: int = 80) -> str:
    """Return a release, or a commit's short hash with the beginning of its message."""
    if version not in subjects:
        return printable(version)
    return printable(f"{version[:12]} {subjects[version]}"[:width])
