"""A conversion in a separate process, with a time limit: the check runs the model, whose loop may never end."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from harness import errors
from harness.backends.registry import load_target
from harness.config import Candidate, Config
from harness.conversion.converted import Converted
from harness.disk.leftovers import remove_leftovers
from harness.errors import HarnessError, ModelError
from harness.machine.parent import end_with


def convert_apart(config: Config, candidate: Candidate, *, overwrite: bool, seconds: float) -> Converted:
    """Convert as ``harness.conversion.convert.convert`` does. Raises ModelError if it takes longer."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(there, config, candidate, overwrite, os.getpid()), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(seconds):
            raise ModelError(
                f"{config.original.model}: has loops, and its conversion took more than {seconds:g} s; freeze it "
                "without loops, or raise `reference.timeout_seconds`"
            )
        answer = here.recv()
    except EOFError:
        process.join()
        raise ModelError(f"{config.original.model}: its conversion died (exit code {process.exitcode})") from None
    finally:
        process.kill()
        process.join()
        for place in (candidate.model.parent, Path(tempfile.gettempdir())):  # it could not remove them itself
            remove_leftovers(place, "convert")
    if isinstance(answer, Converted):
        return answer
    kind, message = answer
    raise getattr(errors, kind, ModelError)(message)


def _work(pipe: Connection, config: Config, candidate: Candidate, overwrite: bool, parent: int) -> None:
    end_with(parent)
    try:
        pipe.send(
            load_target("harness.conversion.convert:convert_here")(config, candidate, overwrite=overwrite, images=None)
        )
    except HarnessError as error:
        pipe.send((type(error).__name__, str(error)))
