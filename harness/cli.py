"""The command line: `harness COMMAND ...`. The shell finds the command, prints its result, maps errors to exit codes.

Only the standard library is imported before a command runs. A command is a module of ``harness.commands`` with NAME,
HELP, ``add`` and ``run`` (``commands/result.py``); it is found by being there.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import gc
import importlib
import io
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

import harness.commands
from harness.commands.options import UNKNOWN, Parser, add_named
from harness.commands.result import Command, Result
from harness.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_NOT_COMPLETED,
    EXIT_OK,
    HarnessError,
    lacks_memory,
    lacks_temporary_folder,
)
from harness.machine.garbage import begin_own_process
from harness.text import printable_message, printable_quoted, without_commands

_REFUSED = (errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENAMETOOLONG)
_FIRST = ("validate", "convert", "fetch")  # in `harness --help`; the others follow by name


def commands() -> list[Command]:
    """Return every command, in the order of `harness --help`."""
    modules = [
        importlib.import_module(f"harness.commands.{module.name}")
        for module in pkgutil.iter_modules(harness.commands.__path__)
    ]
    found = [cast("Command", module) for module in modules if hasattr(module, "NAME")]
    return sorted(found, key=lambda item: (_FIRST.index(item.NAME) if item.NAME in _FIRST else len(_FIRST), item.NAME))


def build_parser(given: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command line; of the options only those of commands in ``given``, if that is."""
    parser = Parser(
        prog="harness",
        description="Check that a converted model keeps the accuracy of the original, image by image.",
        epilog="Exit codes: 0 every gate that applies passed; 1 a gate failed; 2 usage or configuration error; 3 could "
        "not be completed; 4 baseline missing or not comparable; 5 inconclusive; 70 a bug; 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"harness {harness.__version__}")
    chosen = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for command in commands():
        own = add_named(chosen, command.NAME, command.HELP)
        own.set_defaults(run=command.run)
        if given is None or command.NAME in given:
            command.add(own)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; usage errors and `--help` raise SystemExit, as argparse does."""
    _open_closed_streams()
    _let_stderr_fail()
    _end_at_once()
    if "HARNESS_PARENT_PROCESS" in os.environ:
        from harness.machine.parent import end_with_parent

        end_with_parent()
    if arguments is None:
        begin_own_process()
    given = list(sys.argv[1:] if arguments is None else arguments)
    _remember_secrets(given)
    options, unknown = _parsed(given)
    if unknown:
        options.parser.error(UNKNOWN + " ".join(unknown))
    options.given = given
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end a run
    code = _code_of(options)
    if "harness.machine.giving_up" in sys.modules:
        _leave_what_is_held(code)
    return code


def _remember_secrets(given: Sequence[str]) -> None:
    """Keep what is secret in URLs of the command line out of everything that is printed or written."""
    urls = [text for text in given if ":/" in text]
    if urls:
        from harness.config.secrets import remember_urls

        for text in urls:
            remember_urls(text)


def _leave_what_is_held(code: int) -> None:
    """Let the process end in the middle of a call that never returns: Python would wait for it."""
    from harness.disk.leftovers import remove_work_folders
    from harness.machine.giving_up import any_held, end_at_once

    if any_held():
        atexit.register(end_at_once, code)
        atexit.register(remove_work_folders)  # the last one registered runs first


def _parsed(given: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options; `--help` that cannot be written is an error, as is every other output."""
    try:
        try:
            return build_parser(given).parse_known_args(given)
        except SystemExit:
            sys.stdout.flush()
            raise
    except BrokenPipeError:
        _drop_stdout()
        raise SystemExit(EXIT_OK) from None
    except OSError as error:
        _drop_stdout()
        _say(f"output cannot be written: {error.strerror}; free some space")
        raise SystemExit(EXIT_NOT_COMPLETED) from None


def _code_of(options: argparse.Namespace) -> int:
    """Run a command, print its result or what went wrong, and return the exit code."""
    try:
        return _run(options.run, options)
    except HarnessError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the command was not completed
        _drop_stdout()
        return EXIT_NOT_COMPLETED
    except Exception as error:  # noqa: BLE001  (any other error is a bug, and its traceback is kept)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _say(f"output cannot be written: {error.strerror}; free some space")
            _drop_stdout()
            return EXIT_NOT_COMPLETED
        if refusal := _refusal(error):
            _say(refusal)
            return EXIT_NOT_COMPLETED
        return _bug()
    except (SystemExit, GeneratorExit):
        raise
    except BaseException:  # noqa: BLE001  (a panic of a library in Rust, which would end as a failed gate does)
        return _bug()


def _refusal(error: Exception) -> str | None:
    """Return what the system refused and how to fix it; None for a bug of the harness."""
    if lacks_memory(error):
        return "not enough memory; allow the process more, or set a smaller `batch`"
    if lacks_temporary_folder(error):
        return "no writable folder for temporary files; set TMPDIR to one"
    if isinstance(error, FileNotFoundError) and _current_folder_is_gone():
        return "the current folder no longer exists; change to another folder"
    if isinstance(error, OSError) and error.errno in _REFUSED:
        where = f": {error.filename}" if error.filename else ""
        return f"the system refused the operation: {error.strerror}{where}"
    return None


def _current_folder_is_gone() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  (before pathlib is needed)
    except OSError:
        return True
    return False


def _run(run: Callable[[argparse.Namespace], Result], options: argparse.Namespace) -> int:
    from harness.config.secrets import redact, redact_all

    result = run(options)
    try:
        if result.document is not None:
            import json

            text = json.dumps(redact_all(result.document), indent=2, ensure_ascii=False, allow_nan=False)
            sys.stdout.write(f"{printable_quoted(text)}\n")
        else:
            sys.stdout.write(without_commands(redact(result.text)))
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()  # a reader of stdout that left early (`| head`) does not change the verdict
    if result.error:
        _say(result.error)
    return result.exit_code


def _say(message: str) -> None:
    """Print a message to stderr, without secrets and anything that a terminal or GitHub's runner acts on."""
    from harness.config.secrets import redact

    with contextlib.suppress(BrokenPipeError):
        print(f"harness: {printable_message(redact(message))}", file=sys.stderr)


def _bug() -> int:
    import traceback

    from harness.config.secrets import redact

    sys.stderr.write(redact(traceback.format_exc()))
    _say("this is a bug in the harness; please report it with the lines above")
    return EXIT_BUG


def _open_closed_streams() -> None:
    """Open what the caller closed (`>&-`) onto nothing: the next file that is opened would take its place."""
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                os.fstat(number)
                continue
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _end_at_once() -> None:
    """Skip the final garbage collection, which takes half a second after TensorFlow."""
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


class _Lossy(io.RawIOBase):
    """A file descriptor whose write errors (full, its reader gone) are ignored."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._number)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any, /) -> int:
        """Write what can be written, and take the rest as written."""
        with contextlib.suppress(OSError):
            return os.write(self._number, data)
        return memoryview(data).nbytes


def _let_stderr_fail() -> None:
    """Progress and warnings that cannot be written change no verdict: without this, a full stderr ended with code 1."""
    stream = sys.stderr
    if stream is sys.__stderr__ and isinstance(stream, io.TextIOWrapper):
        with contextlib.suppress(OSError):
            stream.flush()
        buffer = io.BufferedWriter(_Lossy(stream.fileno()))
        sys.stderr = io.TextIOWrapper(buffer, stream.encoding, "backslashreplace", line_buffering=True)


def _drop_stdout() -> None:
    """Discard the interpreter's last flush: the reader of the output is gone."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
