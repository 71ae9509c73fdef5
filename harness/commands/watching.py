"""`harness validate --watch FOLDER`: validate again whenever a file in a folder of models changed.

Polling, because it works on every file system, network shares and container mounts included. Every validation is a
separate process, so that neither a crash of a framework nor what it keeps in memory touches the watching.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from harness.commands.result import Result
from harness.errors import ConfigError
from harness.machine.processes import Terminated, interrupted_by_sigterm, own_variables
from harness.text import printable

POLL_SECONDS = 1.0
_LEAVE_SECONDS = 60  # what an interrupted validation has to write its record

State = tuple[int, int, int, int]  # size in bytes, time of change and of status change in ns, inode
Snapshot = Mapping[Path, State]


def watch_for(options: argparse.Namespace) -> Result:
    """Watch as `harness validate --watch FOLDER` asks for, with its other arguments for every validation."""
    from harness.capsule.configuration import load
    from harness.conversion import is_convertible

    for name in ("out", "resume", "json"):
        if getattr(options, name):
            raise ConfigError(f"--watch starts a new run for every change; leave out --{name}")
    config = load(options.config, options.overrides)
    own = {Path("reports").absolute()}
    for candidate in config.candidates:
        if is_convertible(config, candidate) and config.conversion_for(candidate).automatic:
            own |= {candidate.model.absolute().with_suffix("")}
    return watch(options.watch, _without_watch(options.given[1:]), frozenset(own))


def _without_watch(given: Sequence[str]) -> list[str]:
    """Return the arguments without the option and its value."""
    kept, after = [], False
    for word in given:
        if not after and word != "--watch" and not word.startswith("--watch="):
            kept.append(word)
        after = word == "--watch"
    return kept


def watch(folder: Path, arguments: Sequence[str], own: frozenset[Path] = frozenset()) -> Result:
    """Validate now and after every change in ``folder``, until Ctrl-C (KeyboardInterrupt).

    ``arguments``: those of `harness validate`, without the option. ``own``: what a validation writes itself: folders
    (reports), and files without their ending (converted models); what it changes there is no change. Raises ConfigError
    if the folder is none.
    """
    if not folder.is_dir():
        raise ConfigError(f"--watch {printable(str(folder))}: there is no such folder")
    with interrupted_by_sigterm():
        _watch(folder, arguments, own)


def _watch(folder: Path, arguments: Sequence[str], own: frozenset[Path]) -> NoReturn:
    before = snapshot(folder)
    while True:
        code = _validate(arguments)
        after = snapshot(folder)
        known = {path: state for path, state in before.items() if not _is_below(path, own)}
        known |= {path: state for path, state in after.items() if _is_below(path, own)}
        _say(f"exit code {code}; watching {folder}, Ctrl-C ends")
        before = settled(folder, known)
        changed = sorted({path for path in {*known, *before} if known.get(path) != before.get(path)})
        _say(f"changed: {', '.join(str(path) for path in changed[:3])}{' and more' if len(changed) > 3 else ''}")


def settled(folder: Path, known: Snapshot, poll_seconds: float = POLL_SECONDS) -> Snapshot:
    """Wait until the folder differs from ``known`` and then stays the same over a whole pause; return what is there.

    A file that is still written grows from look to look, and is waited for; so is a folder that is away meanwhile.
    """
    last = known
    while True:
        time.sleep(poll_seconds)
        now = snapshot(folder)
        if now == last and now != known and now and not any(state[0] == 0 for state in now.values()):
            return now
        last = now


def snapshot(folder: Path) -> Snapshot:
    """Return the state of every file below a folder; hidden ones are left out.

    Size and time of change alone miss a file of the same size that keeps its date, as `cp -p` and `mv` leave it: its
    inode or its time of status change differs.
    """
    return dict(_files(folder))


def _files(folder: Path) -> Iterator[tuple[Path, State]]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for path in entries:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if not path.is_symlink():  # a link could lead in a circle
                yield from _files(path)
            continue
        try:
            status = path.stat()
        except OSError:  # gone since it was listed
            continue
        yield path, (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _is_below(path: Path, own: frozenset[Path]) -> bool:
    whole = path.absolute()
    return whole.with_suffix("") in own or any(item in whole.parents for item in own)


def _validate(arguments: Sequence[str]) -> int:
    command = [sys.executable, "-m", "harness", "validate", *arguments]
    with subprocess.Popen(command, env=own_variables()) as process:
        try:
            return process.wait()
        except KeyboardInterrupt as error:  # a terminal tells both; the other one writes its record, and is waited for
            try:
                if isinstance(error, Terminated):
                    process.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
                process.wait(_LEAVE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def _say(message: str) -> None:
    print(f"harness: {printable(message)}", file=sys.stderr, flush=True)
