"""A suite's course, with processes that only pretend to validate: what one run does leaves the others alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.config.suite import load_suite
from harness.errors import ConfigError, RecordError
from harness.machine.processes import interrupted_by_sigterm, run_to_end
from harness.record.store import write_record
from harness.record.suite import SuiteRecord, read_suite
from harness.suites.folder import suite_folder
from harness.suites.running import SEVERITY, RunningSuite, most_serious
from tests.conftest import PROJECT, harness_environment
from tests.report import records

PLAIN: dict[str, Any] = {
    "version": 1,
    "name": "plain",
    "dataset": {"path": "images", "preprocess": {"size": 8}},
    "reference": {"id": "tf", "model": "a.pb", "output": "o", "input": {"color": "RGB"}},
    "candidates": [{"id": "ir", "model": "a.xml", "output": "o", "input": {"color": "BGR"}}],
}


@dataclass
class Pretending(RunningSuite):
    """Instead of a process: ``ends`` says by run what it leaves; None as an exit code: interrupted."""

    ends: dict[str, Callable[[Path], tuple[int | None, str]]] = field(default_factory=dict)
    seen: list[list[str]] = field(default_factory=list)

    def _process(self, command: Sequence[str]) -> tuple[int, str]:
        self.seen.append(list(command))
        folder = Path(command[command.index("--out") + 1])
        code, last = self.ends.get(folder.name, passed)(folder)
        if code is None:
            raise KeyboardInterrupt
        return code, last


def passed(folder: Path) -> tuple[int, str]:
    folder.mkdir(exist_ok=True)
    write_record(folder, records.record())
    return 0, ""


def failed(folder: Path) -> tuple[int, str]:
    folder.mkdir(exist_ok=True)
    record = records.bf16()
    write_record(folder, record)
    return record.exit_code, ""


def suite(tmp_path: Path, *names: str, sizes: dict[str, int] | None = None, **more: Any) -> Path:
    for name in names:
        size = (sizes or {}).get(name, 8)
        plain = {**PLAIN, "dataset": {**PLAIN["dataset"], "preprocess": {"size": size}}}
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(plain))
    path = tmp_path / "suite.yml"
    path.write_text(yaml.safe_dump({"version": 1, "name": "s", "runs": [f"{name}.yml" for name in names], **more}))
    return path


def pretending(tmp_path: Path, path: Path, **more: Any) -> Pretending:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return Pretending(load_suite(path), out, **more)


def states(record: SuiteRecord) -> dict[str, tuple[str, int | None]]:
    return {part.id: (part.state, part.exit_code) for part in record.runs}


def test_it_goes_on_after_every_kind_of_end(tmp_path: Path) -> None:
    path = suite(tmp_path, "good", "fails", "dies", "vanishes", "refuses", "lies", "broken", "last")
    (tmp_path / "broken.yml").write_text("version: 1\nnme: x\n")
    running = pretending(
        tmp_path,
        path,
        ends={
            "fails": failed,
            "dies": lambda _: (-11, "Fatal Python error\n"),
            "vanishes": lambda _: (3, "noise\nharness: images: no such folder\n  details\n"),
            "refuses": lambda folder: (passed(folder) and 2, "harness: cannot be resumed\n"),
            "lies": lambda folder: (passed(folder) and 1, ""),
        },
    )
    record = running.run()
    assert states(record) == {
        "good": ("done", 0),
        "fails": ("done", 1),
        "dies": ("died", 3),
        "vanishes": ("refused", 3),
        "refuses": ("refused", 2),
        "lies": ("died", 1),
        "broken": ("refused", 2),
        "last": ("done", 0),
    }
    errors = {part.id: part.error for part in record.runs}
    assert errors["dies"] == "its process ended by signal 11: Fatal Python error"
    assert errors["vanishes"] == "images: no such folder\n  details"
    assert "did you mean `name`?" in (errors["broken"] or "")
    assert (record.status, record.exit_code) == ("complete", 3)
    assert read_suite(tmp_path / "out") == record
    assert "broken" not in {Path(command[command.index("--out") + 1]).name for command in running.seen}


def test_the_more_serious_wins() -> None:
    assert list(SEVERITY) == [130, 70, 3, 2, 1, 4, 5, 0]
    for number, serious in enumerate(SEVERITY):
        assert most_serious([*reversed(SEVERITY[number:])]) == serious
    assert most_serious([0, -9]) == 3
    assert most_serious([]) == 5  # nothing was decided


@pytest.mark.parametrize("engine", [None, "ray"])
def test_only_runs_of_the_same_pixels_share_and_they_run_together(tmp_path: Path, engine: str | None) -> None:
    path = suite(tmp_path, "a", "b", "c", "d", sizes={"b": 9, "d": 10}, pixels={"max_gb": 2})
    running = pretending(tmp_path, path, engine=engine)
    record = running.run()
    order = [Path(command[command.index("--out") + 1]).name for command in running.seen]
    assert order == ["a", "c", "b", "d"]
    assert [part.id for part in record.runs] == ["a", "b", "c", "d"]
    assert {part.id: part.shares_pixels_with for part in record.runs} == {"a": ("c",), "b": (), "c": ("a",), "d": ()}
    shared = [command for command in running.seen if "--pixels" in command]
    assert len(shared) == 2
    assert all(command[command.index("--pixels-gb") + 1] == "2" for command in shared)
    assert not (tmp_path / "out" / ".pixels").exists()


def test_sharing_can_be_switched_off(tmp_path: Path) -> None:
    running = pretending(tmp_path, suite(tmp_path, "a", "b", pixels={"share": False}))
    running.run()
    assert not any("--pixels" in command for command in running.seen)


def test_an_interrupted_one_is_resumed(tmp_path: Path) -> None:
    path = suite(tmp_path, "a", "b", "c")
    first = pretending(
        tmp_path, path, ends={"b": lambda folder: ((folder / "shards").mkdir(parents=True), (None, ""))[1]}
    )
    with pytest.raises(KeyboardInterrupt):
        first.run()
    kept = read_suite(tmp_path / "out")
    assert (kept.status, kept.exit_code) == ("incomplete", 130)
    assert states(kept) == {"a": ("done", 0), "b": ("not_run", None), "c": ("not_run", None)}
    again = pretending(tmp_path, path, resume=True)
    record = again.run()
    assert states(record) == {"a": ("done", 0), "b": ("done", 0), "c": ("done", 0)}
    resumed = {Path(command[command.index("--out") + 1]).name: "--resume" in command for command in again.seen}
    assert resumed == {"a": True, "b": True, "c": False}  # a is verified, b goes on, c begins


def test_an_interrupted_process_interrupts_the_suite(tmp_path: Path) -> None:
    running = pretending(tmp_path, suite(tmp_path, "a", "b"), ends={"a": lambda _: (130, "")})
    with pytest.raises(KeyboardInterrupt):
        running.run()
    assert len(running.seen) == 1


def test_what_a_run_is_asked_for(tmp_path: Path) -> None:
    path = suite(tmp_path, "a")
    data = yaml.safe_load(path.read_text())
    data["runs"] = [{"config": "a.yml", "limit": 3, "certify": 0.25, "set": {"name": "other"}}]
    path.write_text(yaml.safe_dump(data))
    running = pretending(tmp_path, path, use_cache=False, engine="local")
    running.run()
    (command,) = running.seen
    for option in (["--limit", "3"], ["--engine", "local"], ['--set=name="other"'], ["--certify=0.25"], ["--no-cache"]):
        assert " ".join(option) in " ".join(command)


def test_a_real_process_is_heard(tmp_path: Path) -> None:
    """What a run writes to stderr is passed on line by line, and the last lines are kept."""
    heard: list[str] = []
    running = RunningSuite(load_suite(suite(tmp_path, "a")), tmp_path, echo=heard.append)
    code, last = running._process(["/bin/sh", "-c", "echo one >&2; pwd >&2; exit 7"])
    assert (code, heard) == (7, ["one", str(tmp_path)])
    assert last == f"one\n{tmp_path}\n"


@pytest.mark.skipif(os.name != "posix", reason="this system has no SIGTERM")
def test_sigterm_interrupts_the_run_too(tmp_path: Path) -> None:
    """The run's own process is told, and waited for until it has written its record.

    In a process of its own: with OpenVINO loaded, a signal to this one may end it by a fault.
    """
    code = "import sys; from tests.suites import test_running as here; here.sigterm_interrupts(sys.argv[1])"
    done = run_to_end([sys.executable, "-c", code, str(tmp_path)], folder=PROJECT, environment=harness_environment())
    assert done.code == 0, done.err
    assert (tmp_path / "told").exists()


def sigterm_interrupts(folder: str) -> None:
    tmp_path = Path(folder)
    running = RunningSuite(load_suite(suite(tmp_path, "a")), tmp_path, echo=lambda _: os.kill(os.getpid(), 15))
    script = (
        "import signal, sys, time\n"
        f"signal.signal(signal.SIGINT, lambda *_: sys.exit(open({str(tmp_path / 'told')!r}, 'w').write('')))\n"
        "print('begun', file=sys.stderr, flush=True)\n"
        "time.sleep(50)"
    )
    with pytest.raises(KeyboardInterrupt), interrupted_by_sigterm():
        running._process([sys.executable, "-c", script])


class TestFolder:
    def test_a_new_one_under_the_suites_name(self, tmp_path: Path) -> None:
        loaded = load_suite(suite(tmp_path, "a"))
        folder = suite_folder(loaded, None, resume=False, reports=tmp_path / "reports")
        assert folder.parent == tmp_path / "reports" / "s"
        assert (tmp_path / "reports" / "s" / "latest").resolve() == folder.resolve()

    def test_resume_takes_the_latest_that_is_a_suite(self, tmp_path: Path) -> None:
        loaded = load_suite(suite(tmp_path, "a"))
        for name, file in (("1", "suite.json"), ("2", "suite.json"), ("3", "run.json")):
            (tmp_path / "reports" / "s" / name).mkdir(parents=True)
            (tmp_path / "reports" / "s" / name / file).write_text(json.dumps({}))
        found = suite_folder(loaded, None, resume=True, reports=tmp_path / "reports")
        assert found == tmp_path / "reports" / "s" / "2"

    def test_refused(self, tmp_path: Path) -> None:
        loaded = load_suite(suite(tmp_path, "a"))
        with pytest.raises(ConfigError, match="no suite to resume"):
            suite_folder(loaded, None, resume=True, reports=tmp_path / "reports")
        with pytest.raises(ConfigError, match="no suite to resume"):
            suite_folder(loaded, tmp_path, resume=True)
        (tmp_path / "suite.json").write_text("{}")
        with pytest.raises(RecordError, match="already contains a suite"):
            suite_folder(loaded, tmp_path, resume=False)
