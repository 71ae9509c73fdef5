"""Processes of the harness that start in a fraction of a second: forked from one that has imported the frameworks.

They are processes of their own as much as `python -m harness` is: they have their own session, run the same `main`, and
a signal ends them anywhere. Only the import of the frameworks, most of a short run's time, is not repeated.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

PRELOADED = ["tensorflow", "openvino", "harness.cli", "harness.engine.session"]


def context() -> ForkServerContext:
    """Return the context whose server imports the frameworks once; no thread or session of theirs is started in it."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(PRELOADED)
    return made


def start(arguments: Sequence[object], *, cwd: Path, stderr: Path) -> ForkServerProcess:
    """Start `harness ARGUMENTS` in ``cwd``, its stderr in a file; ``exitcode`` is -SIGNAL where a signal ended it."""
    process = context().Process(target=_run, args=([str(each) for each in arguments], str(cwd), str(stderr)))
    process.start()
    return process


def _run(arguments: list[str], cwd: str, stderr: str) -> None:
    os.setsid()
    os.chdir(cwd)
    handle = os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from harness.cli import main

    sys.exit(main(arguments))
