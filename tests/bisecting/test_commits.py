"""Commits of a small repository: which may be the first changed one, checkouts, and the command in them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.bisecting.commits import Commits, Convert, Repository, checked_out, commits, open_repository
from harness.bisecting.environments import CannotBuildError
from harness.bisecting.search import first_changed
from harness.errors import ConfigError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout.strip()


def commit(folder: Path, text: str) -> str:
    (folder / "model.txt").write_text(text)
    git(folder, "add", "model.txt")
    git(folder, "commit", "-q", "--allow-empty", "-m", f"Model {text}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return open_repository(folder)


@pytest.fixture
def line(repository: Repository) -> list[str]:
    return [commit(repository.top, str(number)) for number in range(6)]


def test_a_line(repository: Repository, line: list[str]) -> None:
    history = commits(repository, f"{line[0]}..main")
    assert list(history.versions()) == line
    assert history.between({line[0]}, line[5])[0] in (line[2], line[3])
    for broken in range(1, 6):
        found = first_changed(history, set(line[broken:]).__contains__)
        assert (found.first, found.suspects) == (line[broken], ())


def test_a_change_that_came_by_a_merge_is_named_on_its_branch(repository: Repository) -> None:
    """Git's own bisection of the same graph names the same commit."""
    top = repository.top
    good = commit(top, "good")
    git(top, "checkout", "-q", "-b", "side")
    (top / "side.txt").write_text("1")
    git(top, "add", "side.txt")
    git(top, "commit", "-q", "-m", "side 1")
    (top / "broken").write_text("")
    git(top, "add", "broken")
    git(top, "commit", "-q", "-m", "side 2")
    wrong = git(top, "rev-parse", "HEAD")
    git(top, "checkout", "-q", "main")
    commit(top, "on main")
    git(top, "merge", "-q", "--no-edit", "side")
    commit(top, "after")
    history = commits(repository, f"{good}..main")

    def is_changed(version: str) -> bool:
        return "broken" in git(top, "ls-tree", "--name-only", version).splitlines()

    assert first_changed(history, is_changed).first == wrong
    git(top, "bisect", "start", "main", good)
    said = git(top, "bisect", "run", "sh", "-c", "! test -e broken")
    assert f"{wrong} is the first bad commit" in said


@pytest.mark.parametrize(
    "wanted",
    [
        "main",
        "..main",
        "main..",
        "a...main",
        "--output=/tmp/x..main",
        "main..--upload-pack=touch x",
        "main..-x",
        "$(touch x)..main",
        "main;touch x..main",
        "main..:/text",
        "main..a b",
        "main..\nx",
        "main..nowhere",
        "main..main",
        "main..ma\u202ein",
    ],
)
def test_hostile_or_senseless_references_are_refused(repository: Repository, line: list[str], wanted: str) -> None:
    with pytest.raises(ConfigError, match="--commits"):
        commits(repository, wanted)


def test_a_good_one_that_is_no_ancestor_is_refused(repository: Repository, line: list[str]) -> None:
    with pytest.raises(ConfigError, match="is not an ancestor of"):
        commits(repository, f"main..{line[0]}")


def test_outside_of_a_repository(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not in a git repository"):
        open_repository(tmp_path)


def test_a_checkout_is_removed_and_no_hook_runs(repository: Repository, line: list[str], tmp_path: Path) -> None:
    hook = repository.top / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    hook.chmod(0o755)
    cache = tmp_path / "cache"
    with checked_out(repository, line[2], cache) as tree:
        assert (tree / "model.txt").read_text() == "2"
        assert tree.is_relative_to(cache)
    assert not list(cache.iterdir())
    assert not (tmp_path / "hook-ran").exists()
    assert (repository.top / "model.txt").read_text() == "5"
    assert len(git(repository.top, "worktree", "list").splitlines()) == 1


def test_the_command_names_the_model(repository: Repository, line: list[str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with checked_out(repository, line[1], tmp_path / "cache") as tree:
        printed = Convert("cp model.txt made.x && echo noise && echo made.x").run(tree, line[1], log)
        named = Convert("cp model.txt made.y", model="made.y").run(tree, line[1], log)
        assert printed.read_text() == named.read_text() == "1"
        for command, said in (
            ("exit 125", "exit code 125"),
            ("echo made.z", r"did not write made\.z"),
            ("true", "printed no path"),
            ("kill -9 $$", "signal 9"),
        ):
            with pytest.raises(CannotBuildError, match=said):
                Convert(command).run(tree, line[1], log)
        with pytest.raises(CannotBuildError, match="did not end in time"):
            Convert("sleep 60", timeout=0.2).run(tree, line[1], log)


def test_a_commit_that_is_gone_cannot_be_checked_out(repository: Repository, line: list[str], tmp_path: Path) -> None:
    with pytest.raises(CannotBuildError, match="cannot be checked out"), checked_out(repository, "0" * 40, tmp_path):
        pass


def test_both_ends_are_kept_apart(repository: Repository, line: list[str]) -> None:
    assert commits(repository, f"{line[0]}..{line[5]}") == Commits(repository, line[0], line[5])
