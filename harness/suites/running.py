"""Running a suite: one run after the other, each in a separate process, so that none affects another."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness import __version__
from harness.config.suite import LoadedSuite
from harness.disk.lock import try_lock
from harness.errors import (
    EXIT_BASELINE,
    EXIT_BUG,
    EXIT_GATE_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NOT_COMPLETED,
    EXIT_NOTHING_DECIDED,
    EXIT_OK,
    EXIT_USAGE,
    HarnessError,
    RecordError,
)
from harness.machine.processes import own_variables
from harness.record.schema import RunRecord
from harness.record.store import RECORD_FILE, read_record
from harness.record.suite import SuiteRecord, SuiteRunPart, write_suite
from harness.suites.sharing import CheckedRun, checked, groups, pixels_folder

_LAST_LINES = 12  # of what a process wrote, where it left no record
_PATIENCE = 60  # seconds that an interrupted run may take to end by itself
# What could not be done at all, or not be finished, says more than a gate that failed: something was not looked at.
SEVERITY = (
    EXIT_INTERRUPTED,
    EXIT_BUG,
    EXIT_NOT_COMPLETED,
    EXIT_USAGE,
    EXIT_GATE_FAILED,
    EXIT_BASELINE,
    EXIT_NOTHING_DECIDED,
    EXIT_OK,
)


def most_serious(codes: Sequence[int]) -> int:
    """Return the exit code of a suite, the most serious of its runs'; an unknown one counts as not completed."""
    known = [code if code in SEVERITY else EXIT_NOT_COMPLETED for code in codes]
    return min(known, key=SEVERITY.index, default=EXIT_NOTHING_DECIDED)


@dataclass
class RunningSuite:
    """A suite while it runs.

    ``folder``: of all runs, each in one called as its id; ``resume``: continue with the existing ones. ``engine``: what
    evaluates the shards of all runs; None: as each configures it. ``progress``: is called with each run; ``echo``: with
    each line that a run writes to stderr.
    """

    suite: LoadedSuite
    folder: Path
    engine: str | None = None
    resume: bool = False
    use_cache: bool = True
    progress: Callable[[str], None] = lambda _: None
    echo: Callable[[str], None] = lambda _: None
    _parts: dict[str, SuiteRunPart] = field(default_factory=dict)
    _started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    _start: float = field(default_factory=time.perf_counter)

    def run(self) -> SuiteRecord:
        """Run everything that can be run and write the record of the suite; it is written after each run, too.

        Raises RecordError if the folder cannot be used. A KeyboardInterrupt ends it: what did not run says so.
        """
        runs = checked(self.suite)
        self._parts = {run.planned.id: _not_run(run) for run in runs}
        with try_lock(self.folder / ".lock", 0.0) as fault:
            if fault and "another process" in fault:
                raise RecordError(f"{self.folder}: another suite is running in this folder; choose another --out")
            for run in runs:
                if run.error is not None:
                    self._refused(run, run.error)
            sound = groups([run for run in runs if run.error is None])
            for group in sound:
                self._run_group(group)
            return self._write("complete")

    def _run_group(self, group: Sequence[CheckedRun]) -> None:
        pixels = pixels_folder(self.folder, group, share=self.suite.pixels.share)
        if pixels is not None:
            ids = [run.planned.id for run in group]
            for name in ids:
                others = tuple(other for other in ids if other != name)
                self._parts[name] = self._parts[name].model_copy(update={"shares_pixels_with": others})
        try:
            for run in group:
                self._write("incomplete")
                self._one(run, pixels)
        finally:
            if pixels is not None:
                shutil.rmtree(pixels, ignore_errors=True)

    def _one(self, run: CheckedRun, pixels: Path | None) -> None:
        name, place = run.planned.id, list(self._parts).index(run.planned.id) + 1
        self.progress(f"{place} of {len(self._parts)}: {name}")
        start = time.perf_counter()
        if self.resume and _began(self.folder / name):  # of a suite that was killed, its last run may still be ending
            with try_lock(self.folder / name / ".lock", _PATIENCE):
                pass
        try:
            code, last = self._process(self._command(run, pixels))
        except KeyboardInterrupt:
            self._write("incomplete")
            raise
        seconds = time.perf_counter() - start
        if code == EXIT_INTERRUPTED:
            self._write("incomplete")
            raise KeyboardInterrupt
        changed = {**self._outcome(self.folder / name, code, last), "seconds": round(seconds, 3)}
        self._parts[name] = self._parts[name].model_copy(update=changed)

    def _outcome(self, folder: Path, code: int, last: str) -> dict[str, Any]:
        """Return what a run's process left, as fields of its part in the suite's record."""
        known = code if code in SEVERITY else EXIT_NOT_COMPLETED
        said = last.partition("harness: ")[2].strip() or last.strip() or "it printed nothing"
        record = _record_of(folder)
        if code == EXIT_USAGE or (record is None and code in (EXIT_NOT_COMPLETED, EXIT_BASELINE)):
            return {"state": "refused", "exit_code": known, "error": said}
        if record is None:
            return {"state": "died", "exit_code": known, "error": f"its process {_how(code)}: {said}"}
        if record.exit_code != code:
            return {"state": "died", "exit_code": known, "error": f"its process {_how(code)}"}
        taken = record.timing.get("images_not_decoded") or 0.0
        return {"state": "done", "exit_code": known, "error": record.error, "images_not_decoded": int(taken)}

    def _refused(self, run: CheckedRun, error: HarnessError) -> None:
        update = {"state": "refused", "exit_code": error.exit_code, "error": str(error)}
        self._parts[run.planned.id] = self._parts[run.planned.id].model_copy(update=update)
        self.progress(f"{run.planned.id}: refused")

    def _command(self, run: CheckedRun, pixels: Path | None) -> list[str]:
        planned, folder = run.planned, self.folder / run.planned.id
        options = ["--out", str(folder), *(["--engine", self.engine] if self.engine else [])]
        options += [f"--set={override}" for override in planned.overrides]
        options += ["--limit", str(planned.limit)] if planned.limit is not None else []
        options += [f"--certify={planned.certify:g}"] if planned.certify is not None else []
        options += [] if self.use_cache else ["--no-cache"]
        if pixels is not None:
            options += ["--pixels", str(pixels), "--pixels-gb", f"{self.suite.pixels.max_gb:g}"]
        options += ["--resume"] if self.resume and _began(folder) else []
        return [sys.executable, "-P", "-m", "harness", "validate", str(planned.config), *options]

    def _process(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command; return its exit code and the last lines that it wrote to stderr."""
        last: deque[str] = deque(maxlen=_LAST_LINES)
        child = subprocess.Popen(
            command,
            cwd=self.suite.folder,
            env=own_variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        reader = threading.Thread(target=self._read, args=(child, last), daemon=True)
        try:
            reader.start()
            child.wait()
        except BaseException:
            with contextlib.suppress(OSError):
                child.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_PATIENCE)
            child.kill()
            raise
        finally:
            child.wait()
            reader.join(5)
        return child.returncode, "".join(last)

    def _read(self, child: subprocess.Popen[str], last: deque[str]) -> None:
        assert child.stderr is not None
        with child.stderr:
            for line in child.stderr:
                last.append(line)
                self.echo(line.rstrip("\n"))

    def _write(self, status: str) -> SuiteRecord:
        codes = [part.exit_code for part in self._parts.values() if part.exit_code is not None]
        record = SuiteRecord(
            harness_version=__version__,
            name=self.suite.name,
            suite_file=str(self.suite.file),
            started_utc=self._started,
            engine=self.engine,
            status="complete" if status == "complete" else "incomplete",
            exit_code=most_serious(codes) if status == "complete" else EXIT_INTERRUPTED,
            seconds=round(time.perf_counter() - self._start, 3),
            runs=tuple(self._parts.values()),
        )
        write_suite(self.folder, record)
        return record


def _not_run(run: CheckedRun) -> SuiteRunPart:
    planned = run.planned
    return SuiteRunPart(id=planned.id, config=str(planned.config), overrides=planned.overrides)


def _how(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _began(folder: Path) -> bool:
    return (folder / RECORD_FILE).exists() or (folder / "shards").is_dir()


def _record_of(folder: Path) -> RunRecord | None:
    try:
        return read_record(folder)
    except RecordError:
        return None
