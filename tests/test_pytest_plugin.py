"""The plug-in in pytest sessions of their own: with a stand-in for the harness, and once with the real one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from harness.record.store import to_json
from tests.conftest import PROJECT, Tiny, harness_environment, write_config, write_images
from tests.report import records

pytest_plugins = ["pytester"]

CONFTEST = """
import sys
from pathlib import Path
import harness.pytest_plugin as plugin
plugin._command = lambda arguments: [sys.executable, str(Path(__file__).with_name("stand_in.py")), *arguments]
"""
STAND_IN = """
import pathlib, shutil, sys
here = pathlib.Path(__file__).parent
(here / "arguments.txt").write_text("\\n".join(sys.argv[1:]), encoding="utf-8")
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
if (here / "run.json").exists():
    out.mkdir(parents=True)
    shutil.copy(here / "run.json", out)
print("the last words", file=sys.stderr)
sys.exit(int((here / "code.txt").read_text()))
"""
TEST = """
def test_conversion(accuracy):
    record = accuracy("configs/x.yml")
    print("went on with", record.name)
"""
PASSING = records.record()
FAILING = records.record(
    exit_code=1,
    gates=(
        records.PARITY_PASS,
        records.TARGET_OFF,
        records.gate("drop", "ir", "fail", reason="Top-1 fell by 9 pp"),
        records.gate("certify", "ir", "inconclusive", reason="about 4,000 images would decide"),
    ),
)


class Session:
    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        for name, value in harness_environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
        pytester.makepyfile(stand_in=STAND_IN)
        pytester.makeconftest(CONFTEST)

    def run(self, record: Any, code: int, *arguments: str, test: str = TEST) -> pytest.RunResult:
        if record is not None:
            (self.pytester.path / "run.json").write_text(to_json(record), encoding="utf-8")
        (self.pytester.path / "code.txt").write_text(str(code), encoding="utf-8")
        self.pytester.makepyfile(test_it=test)
        return self.pytester.runpytest_subprocess(
            "-p", "harness.pytest_plugin", "-p", "no:cacheprovider", "-W", "error", *arguments
        )


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Session:
    return Session(pytester, monkeypatch)


def test_a_passing_run_passes(session: Session) -> None:
    result = session.run(PASSING, 0, "-v")
    assert result.ret == 0
    text = result.stdout.str()
    assert "parity [ir]" in text
    assert "drop [ir]" in text
    assert "target [ir]" in text  # skipped: not applicable
    result.assert_outcomes(passed=1, skipped=1)
    given = (session.pytester.path / "arguments.txt").read_text(encoding="utf-8").split("\n")
    assert given[:2] == ["validate", str(session.pytester.path / "configs" / "x.yml")]


def test_every_gate_has_a_result_of_its_own(session: Session) -> None:
    result = session.run(FAILING, 1)
    assert result.ret == 1
    text = result.stdout.str()
    assert "drop failed for ir: Top-1 fell by 9 pp" in text
    assert "certify is inconclusive for ir: about 4,000 images would decide" in text
    assert "drop [ir]" in text
    assert "parity [ir]" not in text
    assert "pytest_plugin.py" not in text  # the reader's own line, not ours


def test_each_result_is_in_the_junit_file(session: Session) -> None:
    session.run(FAILING, 1, "--junitxml=junit.xml")
    text = (session.pytester.path / "junit.xml").read_text(encoding="utf-8")
    assert "Top-1 fell by 9 pp" in text
    assert "about 4,000 images would decide" in text


def test_no_gate_that_does_not_apply_makes_the_whole_test_skipped(session: Session) -> None:
    """A reader may show a test case with a `skipped` in it as skipped, though it has failures too."""
    for record, code in ((FAILING, 1), (PASSING, 0)):
        session.run(record, code, "--junitxml=junit.xml")
        text = (session.pytester.path / "junit.xml").read_text(encoding="utf-8")
        assert "<skipped" not in text
        assert ("<failure" in text) == (code == 1)


def test_without_subtests_one_failure_names_every_gate(session: Session) -> None:
    result = session.run(FAILING, 1, "-p", "no:subtests")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "FAIL (exit 1)" in text
    assert "drop failed for ir: Top-1 fell by 9 pp" in text
    assert "certify is inconclusive" in text
    session.run(PASSING, 0, "-p", "no:subtests").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("record", "code", "told"),
    [
        (None, 2, "exit code 2"),
        (records.failed_to_run(), 3, "did not complete: exit code 3"),
        (records.interrupted(), 130, "did not complete"),
        (PASSING, -11, "exit code -11"),  # crashed after the record was written
        (FAILING, 0, "exit code 0"),
    ],
)
def test_a_run_that_did_not_complete_fails_with_its_last_words(
    session: Session, record: Any, code: int, told: str
) -> None:
    if code < 0:
        session.pytester.makepyfile(stand_in=STAND_IN.replace("sys.exit", "import os; os.kill(os.getpid(), 11)\nint"))
    result = session.run(record, code)
    result.assert_outcomes(failed=1)
    assert told in result.stdout.str()
    assert "the last words" in result.stdout.str()


def test_nothing_decided_never_passes(session: Session) -> None:
    nothing = records.record(exit_code=5, gates=(records.TARGET_OFF,))
    result = session.run(nothing, 5)
    assert result.ret == 1
    assert "INCONCLUSIVE (exit 5)" in result.stdout.str()
    assert session.run(records.record(gates=()), 0).ret == 1  # a record that contradicts itself


def test_arguments_and_overrides_reach_the_harness(session: Session) -> None:
    test = """
def test_conversion(accuracy):
    overrides = {"dataset.path": "val", "gates.drop": None, "gates.parity.images": 8, "conversion.automatic": True}
    accuracy("x.yml", "--certify=0.1", overrides=overrides, out="kept")
"""
    assert session.run(PASSING, 0, test=test).ret == 0
    given = (session.pytester.path / "arguments.txt").read_text(encoding="utf-8").split("\n")
    assert given[2:] == [
        "--out",
        str(session.pytester.path / "kept"),
        "--set=dataset.path=val",
        "--set=gates.drop=null",
        "--set=gates.parity.images=8",
        "--set=conversion.automatic=true",
        "--certify=0.1",
    ]
    assert (session.pytester.path / "kept" / "run.json").exists()


def test_two_runs_in_one_test_get_folders_of_their_own(session: Session) -> None:
    test = """
def test_conversion(accuracy):
    assert accuracy("x.yml").folder != accuracy("x.yml").folder
"""
    assert session.run(PASSING, 0, test=test).ret == 0


def test_a_run_without_end_is_stopped(session: Session) -> None:
    session.pytester.makepyfile(stand_in="import time; time.sleep(60)")
    test = """
def test_conversion(accuracy):
    accuracy("x.yml", timeout=0.5)
"""
    result = session.run(None, 0, test=test)
    result.assert_outcomes(failed=1)
    assert "no verdict after 0.5 s" in result.stdout.str()


def test_a_child_that_hangs_is_stopped_with_it(session: Session) -> None:
    """Like the process of an isolated device; it holds a lock for as long as it lives."""
    child = "import fcntl, time; held = open('lock', 'w'); fcntl.flock(held, fcntl.LOCK_EX); time.sleep(300)"
    session.pytester.makepyfile(stand_in=f'import subprocess, sys; subprocess.run([sys.executable, "-c", "{child}"])')
    test = """
def test_conversion(accuracy):
    accuracy("x.yml", timeout=2)
"""
    session.pytester.makepyfile(test_it=test)
    session.pytester.runpytest_subprocess("-p", "harness.pytest_plugin").assert_outcomes(failed=1)
    with (session.pytester.path / "lock").open() as lock:
        for attempt in range(1200):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # a killed process needs a moment
                assert attempt < 1199, "the child is still alive"
                time.sleep(0.05)
            else:
                break


def test_a_run_without_record_shows_no_chain_of_exceptions(session: Session) -> None:
    text = session.run(None, 2).stdout.str()
    assert "exit code 2" in text
    assert "During handling of the above exception" not in text


@pytest.mark.parametrize("arguments", [(), ("-p", "harness.pytest_plugin")])
def test_an_installed_package_brings_it(session: Session, arguments: tuple[str, ...]) -> None:
    info = session.pytester.path / "site" / "example-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 1.0\n", encoding="utf-8")
    (info / "RECORD").write_text("", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[pytest11]\nharness.pytest_plugin = harness.pytest_plugin\n", encoding="utf-8"
    )
    (session.pytester.path / "run.json").write_text(to_json(PASSING), encoding="utf-8")
    (session.pytester.path / "code.txt").write_text("0", encoding="utf-8")
    session.pytester.makepyfile(test_it=TEST)
    path = os.pathsep.join([str(session.pytester.path / "site"), os.environ["PYTHONPATH"]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        result = session.pytester.runpytest_subprocess(*arguments, "-p", "no:cacheprovider", "-W", "error")
        assert result.ret == 0
        off = session.pytester.runpytest_subprocess("-p", "no:harness.pytest_plugin", "-p", "no:cacheprovider")
        assert off.ret != 0


def test_it_costs_other_test_suites_nothing() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import harness.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    listed = subprocess.run(
        [sys.executable, "-c", code],
        env=harness_environment(),
        capture_output=True,
        encoding="utf-8",
        check=True,
        cwd=PROJECT,
    ).stdout.split()
    foreign = {name.partition(".")[0] for name in listed} - set(sys.stdlib_module_names) - {"harness"}
    assert not foreign, foreign
    assert {name for name in listed if name.startswith("harness")} == {"harness", "harness.pytest_plugin"}


def test_the_package_declares_it() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # Called by its module's name: `-p harness.pytest_plugin` then means the same plug-in and not a second one.
    assert project["entry-points"]["pytest11"] == {"harness.pytest_plugin": "harness.pytest_plugin"}
    assert not any("pytest" in wanted for wanted in project["dependencies"])


def test_the_real_harness(pytester: pytest.Pytester, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in harness_environment().items():
        monkeypatch.setenv(name, value)
    folder: Path = pytester.path
    write_images(folder / "images", 12)
    write_config(folder, tiny)
    pytester.makepyfile("def test_conversion(accuracy):\n    accuracy('config.yml')\n")
    result = pytester.runpytest_subprocess("-p", "harness.pytest_plugin", "-W", "error", "-v")
    result.assert_outcomes(passed=1, skipped=2)  # `target` applies to neither model: nothing was published
    assert result.ret == 0
