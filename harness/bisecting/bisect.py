"""A whole bisection: every version that has to be tried, the two searches over them, and what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.backends.registry import facts_of
from harness.bisecting.commits import Commits, Convert, checked_out
from harness.bisecting.environments import CannotBuildError, Environments, environment_variables
from harness.bisecting.search import Found, History, first_changed
from harness.bisecting.trial import Trial, Trying, held_against
from harness.config import Config
from harness.config.deployment import SUFFIX
from harness.errors import (
    EXIT_GATE_FAILED,
    EXIT_NOTHING_DECIDED,
    EXIT_OK,
    EXIT_USAGE,
    ConfigError,
    ToolError,
    nearest,
)
from harness.machine.processes import own_variables
from harness.text import printable

CACHE = "bisect"  # folder in the cache: environments, and checkouts while they are tried
TOLERANCE = 1e-4  # probability; f32 on other kernels moves one by some 1e-6, another precision by 1e-2 and more

Try = Callable[[str, Path], Trial]


@dataclass(frozen=True)
class OfReleases:
    """Tries a release in its environment."""

    trying: Trying
    environments: Environments

    def __call__(self, version: str, folder: Path) -> Trial:
        """Try one. What cannot be installed is skipped."""
        try:
            environment = self.environments.of(version)
        except CannotBuildError as error:
            return Trial(version, note=str(error))
        with environment.in_use():
            trial = self.trying.run(version, folder, environment.python, environment=environment_variables())
        notes = [note for note in (trial.note, environment.note) if note]
        return replace(trial, note="; ".join(notes) or None)


@dataclass(frozen=True)
class OfCommits:
    """Tries a commit: its model, made in a checkout of its own. ``candidates``: the ids that run this model."""

    trying: Trying
    commits: Commits
    convert: Convert
    cache: Path
    candidates: tuple[str, ...]

    def __call__(self, version: str, folder: Path) -> Trial:
        """Try one. What cannot be built is skipped."""
        try:
            with checked_out(self.commits.repository, version, self.cache) as tree:
                log = folder.with_name(f"{folder.name}.convert.log")
                model = self.convert.run(tree, version, log)
                settings = [f"candidates.{name}.model={model}" for name in self.candidates]
                return self.trying.run(version, folder, Path(sys.executable), settings, own_variables())
        except CannotBuildError as error:
            return Trial(version, note=str(error))


def package_of(config: Config) -> str:
    """Return the package that runs all candidates. Raises ConfigError if there are several."""
    found = dict.fromkeys(facts_of(candidate.backend).distributions[0] for candidate in config.candidates)
    if len(found) > 1:
        raise ConfigError(f"the candidates run on {', '.join(found)}; choose one with --package")
    return next(iter(found))


def running_model_of(config: Config, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the candidates whose model a commit makes: the wanted ones, or all, where they run one model.

    A row at the device's own hints follows its candidate. Raises ConfigError.
    """
    made = {f"{item.id}{SUFFIX}" for item in config.candidates if item.deployment}
    own = {item.id: item.model for item in config.candidates if item.id not in made}
    for name in wanted:
        if name not in own:
            close = nearest(name, own)
            near = f"did you mean {close[0]}?" if close else f"available: {', '.join(own)}"
            raise ConfigError(f"--candidate {printable(name)}: the capsule has no such candidate; {near}")
    chosen = tuple(wanted) or tuple(own)
    if not wanted and len(set(own.values())) > 1:
        raise ConfigError(
            f"the candidates {', '.join(own)} run different models; choose the one that the commits make with "
            "--candidate, and give the others' files with --set candidates.ID.model=FILE"
        )
    return chosen


@dataclass(frozen=True)
class Bisection:
    """What came of it. ``trials``: those versions that were tried or skipped, the good one first."""

    good: str
    bad: str
    versions: tuple[str, ...]
    trials: tuple[Trial, ...]
    verdict: Found
    answers: Found
    tolerance: float

    @property
    def exit_code(self) -> int:
        """0: nothing changed; 1: the first changed version is named; 5: one of several, which could not be tried."""
        found = [search for search in (self.verdict, self.answers) if search.first is not None]
        if not found:
            return EXIT_OK
        return EXIT_GATE_FAILED if any(not search.suspects for search in found) else EXIT_NOTHING_DECIDED


@dataclass
class Bisecting:
    """A bisection while it runs. ``folder``: of all runs; ``progress``: is called with each version.

    ``every``: try every version, and not only those that the searches need.
    """

    history: History
    try_one: Try
    folder: Path
    tolerance: float = TOLERANCE
    every: bool = False
    progress: Callable[[str], None] = lambda _: None
    _trials: dict[str, Trial] = field(default_factory=dict)

    def run(self) -> Bisection:
        """Bisect. Raises ConfigError or ToolError if the good or the bad version cannot be tried."""
        versions = tuple(self.history.versions())
        good = self._end(self.history.good)
        if not good.has_answers:
            raise ToolError(
                f"the good version {good.version} gives no predictions to compare with: {good.note or good.verdict}"
            )
        self._end(self.history.bad)
        verdict = first_changed(self.history, self._verdict_changed)
        answers = first_changed(self.history, self._answers_changed)
        if self.every:
            for version in versions:
                self._trial(version)
        trials = tuple(self._trials[version] for version in versions if version in self._trials)
        return Bisection(self.history.good, self.history.bad, versions, trials, verdict, answers, self.tolerance)

    def _end(self, version: str) -> Trial:
        trial = self._trial(version)
        if not trial.is_tried:
            kind = ConfigError if trial.exit_code == EXIT_USAGE else ToolError
            raise kind(f"{version} cannot be tried, but both ends must be: {trial.note}")
        return trial

    def _trial(self, version: str) -> Trial:
        if version not in self._trials:
            self.progress(f"{version} ...")
            trial = self.try_one(version, self.folder / version)
            good = self._trials.get(self.history.good, trial)
            self._trials[version] = held_against(good, trial)
            note = f": {trial.note}" if trial.note else ""
            self.progress(f"{version}: {trial.verdict}{note}")
        return self._trials[version]

    def _verdict_changed(self, version: str) -> bool | None:
        trial = self._trial(version)
        return None if not trial.is_tried else not trial.same_verdict(self._trials[self.history.good])

    def _answers_changed(self, version: str) -> bool | None:
        same = self._trial(version).same_answers(self.tolerance)
        return None if same is None else not same
