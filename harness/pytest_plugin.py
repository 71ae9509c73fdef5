"""A pytest plug-in: one test validates a conversion, and every gate is its own test result.

    def test_conversion(accuracy):
        accuracy("configs/x.yml")

Each gate is a subtest (pytest 9 has them built in; with pytest 7 and 8, the plug-in pytest-subtests). Without either
the test fails once, naming every gate. A gate that does not apply is skipped. The validation runs in a separate
process, so that neither its frameworks nor a crash of a device's plug-in touch the test session.

This module is imported by every pytest session of an environment with the harness installed: it imports nothing
but pytest and the standard library until the fixture is used.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.machine.processes import Ended
    from harness.record.schema import GatePart, RunRecord

_LAST_LINES = 30  # of stderr, in a failure


@dataclass(frozen=True)
class Accuracy:
    """The fixture's value: call it with a configuration."""

    root: Path
    folder: Path
    subtests: Any | None
    writes_junit: bool = False

    def __call__(
        self,
        config: str | os.PathLike[str],
        *args: str,
        overrides: Mapping[str, object] | None = None,
        out: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
    ) -> RunRecord:
        """Validate a configuration (its path relative to pytest's root folder) and report every gate.

        ``args``: more arguments of `harness validate`, such as ``"--certify=0.1"``; ``overrides``: keys as after
        `--set`; ``out``: where to keep record and reports (else pytest's temporary folder); ``timeout``: seconds.
        Returns the record. The test fails where a gate failed, could not be judged or was inconclusive, and wherever
        the run's exit code is not 0.
        """
        __tracebackhide__ = True
        from harness.machine.processes import own_variables, run_to_end

        folder = self.root / out if out is not None else self._unused_folder()
        settings = [f"--set={key}={_plain(value)}" for key, value in (overrides or {}).items()]
        arguments = ["validate", str(self.root / config), "--out", str(folder), *settings, *args]
        finished = run_to_end(
            _command(arguments),
            folder=self.root,
            environment={**own_variables(), "PYTHONIOENCODING": "utf-8"},
            timeout=timeout,
        )
        if finished.code is None:
            pytest.fail(f"harness validate {config}: no verdict after {timeout:g} s", pytrace=False)
        sys.stdout.write(finished.out)  # shown by pytest with a failure
        sys.stderr.write(finished.err)
        record = self._record(folder, finished)
        self._judge(record)
        return record

    def _unused_folder(self) -> Path:
        numbers = (self.folder / f"run-{number}" for number in range(1, 10_000))
        return next(path for path in numbers if not path.exists())

    def _record(self, folder: Path, finished: Ended) -> RunRecord:
        __tracebackhide__ = True
        from harness.errors import HarnessError
        from harness.record import read_record

        output = "\n".join(finished.err.splitlines()[-_LAST_LINES:]) or finished.out
        record = None
        with contextlib.suppress(HarnessError):
            record = read_record(folder)
        if record is None:
            pytest.fail(f"harness validate ended with exit code {finished.code}\n{output}", pytrace=False)
        if record.exit_code != finished.code or record.status != "complete":
            pytest.fail(f"harness validate did not complete: exit code {finished.code}\n{output}", pytrace=False)
        return record

    def _judge(self, record: RunRecord) -> None:
        __tracebackhide__ = True
        from harness.report.facts.verdict import judge
        from harness.text import printable

        if self.subtests is not None:
            for gate in record.gates:
                # pytest's JUnit file puts all subtests into the one test case, and a reader may show a case with a
                # `skipped` in it as skipped, regardless of its other content.
                if self.writes_junit and gate.verdict == "not_applicable":
                    print(f"{gate.gate} [{gate.model}] does not apply: {printable(gate.reason)}")
                    continue
                with self.subtests.test(msg=f"{gate.gate} [{gate.model}]"):
                    _report(gate)
        verdict = judge(record)
        if verdict.kind == "pass":
            return
        red = [gate for gate in record.gates if gate.verdict in ("fail", "error", "inconclusive")]
        listed = "".join(f"\n  {_sentence(gate)}" for gate in red)
        if self.subtests is None or not red:
            pytest.fail(f"{verdict.line}{listed}", pytrace=False)


def _report(gate: GatePart) -> None:
    # Without __tracebackhide__: pytest places a skip at its last visible line, and needs one.
    if gate.verdict == "not_applicable":
        pytest.skip(gate.reason)
    if gate.verdict != "pass":
        pytest.fail(_sentence(gate), pytrace=False)


def _sentence(gate: GatePart) -> str:
    from harness.text import printable

    words = {"fail": "failed", "error": "could not be judged", "inconclusive": "is inconclusive"}
    word = words.get(gate.verdict, gate.verdict)
    return f"{printable(gate.gate)} {word} for {printable(gate.model)}: {printable(gate.reason)}"


def _plain(value: object) -> str:
    """Return a value as YAML reads it; text and paths stay as they are."""
    return os.fspath(value) if isinstance(value, (str, os.PathLike)) else json.dumps(value)


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "harness", *arguments]


@pytest.fixture
def accuracy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Accuracy:
    """Validate a model conversion: `accuracy("configs/x.yml")`; every gate is a separate test result."""
    subtests = None
    with contextlib.suppress(pytest.FixtureLookupError):  # neither pytest 9 nor pytest-subtests
        subtests = request.getfixturevalue("subtests")
    junit = bool(request.config.getoption("xmlpath", None))
    return Accuracy(request.config.rootpath, tmp_path_factory.mktemp("accuracy"), subtests, junit)
