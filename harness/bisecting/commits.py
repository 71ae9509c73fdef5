"""Commits of a model's repository: listed and halved by git, each checked out alone, and its model made by a command.

Nothing of the repository runs but the command: hooks are off, and names of commits are resolved before they are used.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.bisecting.environments import CannotBuildError
from harness.config.secrets import redact
from harness.disk.leftovers import work_folder
from harness.disk.private import foreign, make_private
from harness.errors import ConfigError, ToolError
from harness.machine.processes import Ended, run_to_end
from harness.text import printable

_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@{}^~+-]{0,249}")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MOST = 100_000
_SECONDS = 600
_QUIET = ("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")


@dataclass(frozen=True)
class Repository:
    """A git repository. ``top``: the folder of its working tree, or of a bare one itself."""

    top: Path

    def git(self, *arguments: str) -> Ended:
        """Run git in it; it asks for nothing. Raises ToolError if git is not installed."""
        program = shutil.which("git")
        if program is None:
            raise ToolError("the program git, which lists the commits, is not installed; install it")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment = {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        return run_to_end(
            [program, *_QUIET, "-C", str(self.top), *arguments], environment=environment, timeout=_SECONDS
        )

    def commit(self, reference: str) -> str:
        """Return the commit that a branch, tag or digest stands for. Raises ConfigError if it stands for none."""
        if not _REFERENCE.fullmatch(reference) or ".." in reference:
            raise ConfigError(
                f"--commits: {printable(reference)[:100]!r} is not the name of a commit; give a branch, tag or hash"
            )
        asked = self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
        found = asked.out.strip()
        if asked.code != 0 or not _COMMIT.fullmatch(found):
            raise ConfigError(
                f"--commits: {printable(str(self.top))} has no commit {reference}; run `git fetch`, or give another"
            )
        return found

    def subjects(self, good: str, bad: str) -> dict[str, str]:
        """Return the first line of the message of each commit from one to the other, both included."""
        found = {}
        for revisions in (["--max-count=1", good], [f"{good}..{bad}"]):
            for line in self.git("log", "--format=%H %s", *revisions, "--").out.splitlines():
                commit, _, subject = line.partition(" ")
                found[commit] = printable(subject)[:100]
        return found


def open_repository(folder: Path) -> Repository:
    """Return the repository around a folder. Raises ConfigError if there is none."""
    inside = Repository(folder).git("rev-parse", "--show-toplevel")
    if inside.code == 0 and inside.out.strip():
        return Repository(Path(inside.out.rstrip("\n")))
    bare = Repository(folder).git("rev-parse", "--absolute-git-dir")
    if bare.code == 0 and bare.out.strip():
        return Repository(Path(bare.out.rstrip("\n")))
    raise ConfigError(
        f"{printable(str(folder))}: is not in a git repository; give the model's repository with --repository"
    )


@dataclass(frozen=True)
class Commits:
    """The commits from a good one to a bad one; the good one is an ancestor of the bad one."""

    repository: Repository
    good: str
    bad: str

    def versions(self) -> Sequence[str]:
        """Return all of them, the good one first, each after its ancestors."""
        return [self.good, *self._listed("--topo-order", "--reverse", self.bad, f"^{self.good}")]

    def between(self, unchanged: Collection[str], changed: str) -> Sequence[str]:
        """Return the ancestors of ``changed`` that are none of an unchanged one; what halves them comes first."""
        known = [f"^{commit}" for commit in sorted(unchanged)]
        return [commit for commit in self._listed("--bisect-all", changed, *known) if commit != changed]

    def _listed(self, *arguments: str) -> list[str]:
        listed = self.repository.git("rev-list", f"--max-count={_MOST}", *arguments, "--")
        commits = [line.split()[0] for line in listed.out.splitlines() if line.strip()]
        if listed.code != 0 or not all(map(_COMMIT.fullmatch, commits)):
            raise ToolError(
                f"git cannot list the commits of {printable(str(self.repository.top))}: {printable(listed.last_words)}"
            )
        return commits


def commits(repository: Repository, wanted: str) -> Commits:
    """Return the commits of ``A..B``. Raises ConfigError if it is not such a range, or if A is not an ancestor of B."""
    good, dots, bad = wanted.partition("..")
    if not dots or not good or not bad or bad.startswith("."):
        raise ConfigError(f"--commits {printable(wanted)[:200]}: write GOOD..BAD, such as v1.0..main")
    first, last = repository.commit(good), repository.commit(bad)
    if first == last:
        raise ConfigError(f"--commits {wanted}: both are the commit {first[:12]}; give two different ones")
    if repository.git("merge-base", "--is-ancestor", first, last).code != 0:
        raise ConfigError(
            f"--commits {wanted}: {good} is not an ancestor of {bad}; start at the output of `git merge-base "
            f"{good} {bad}`"
        )
    return Commits(repository, first, last)


@contextlib.contextmanager
def checked_out(repository: Repository, commit: str, cache: Path) -> Iterator[Path]:
    """Check a commit out into a new folder below ``cache``, and remove it afterwards.

    Raises ToolError if none can be kept there, CannotBuildError if git cannot check it out.
    """
    fault = foreign(cache)
    if fault:
        raise ToolError(f"no commit can be checked out: {fault}; or set HARNESS_CACHE to your own folder")
    try:
        make_private(cache)
        with work_folder(cache, "worktree") as folder:
            repository.git("worktree", "prune")  # those of killed processes, whose folders are gone by now
            place = folder / "tree"
            added = repository.git("worktree", "add", "--quiet", "--detach", "--force", str(place), commit)
            if added.code != 0:
                raise CannotBuildError(f"{commit[:12]}: cannot be checked out: {printable(added.last_words)[:200]}")
            try:
                yield place
            finally:
                repository.git("worktree", "remove", "--force", "--force", str(place))
    except OSError as error:
        raise ToolError(f"{cache}: cannot be written: {error.strerror or error}; set HARNESS_CACHE") from None


@dataclass(frozen=True)
class Convert:
    """How the model is made from a checked-out commit.

    ``command``: for the shell, run in the checkout; ``model``: the file that it leaves, relative to that; without it,
    the last line that the command prints names the file. ``timeout``: seconds.
    """

    command: str
    model: str | None = None
    timeout: float | None = None

    def run(self, tree: Path, commit: str, log: Path) -> Path:
        """Make the model and return its file or folder. Raises CannotBuildError if the command makes none."""
        left_out = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
        environment = {name: value for name, value in os.environ.items() if name not in left_out}
        shell = ["cmd", "/c", self.command] if os.name == "nt" else ["/bin/sh", "-c", self.command]
        ended = run_to_end(shell, folder=tree, environment=environment, timeout=self.timeout)
        log.write_text(redact(f"{self.command}\n\n{ended.out}\n{ended.err}"), encoding="utf-8")
        if ended.code != 0:
            raise CannotBuildError(f"{commit[:12]}: the command {ended.how}: {printable(ended.last_words)[:200]}")
        printed = [line.strip() for line in ended.out.splitlines() if line.strip()]
        named = self.model or (printed[-1] if printed else None)
        if named is None:
            raise CannotBuildError(
                f"{commit[:12]}: the command printed no path; let it print the path of the model, or give --model"
            )
        model = tree / named
        try:
            there = model.exists()
        except (OSError, ValueError):
            there = False
        if not there:
            raise CannotBuildError(f"{commit[:12]}: the command did not write {printable(named)[:200]}")
        return model
