"""The command line: `harness COMMAND ...`. Only the standard library is imported before a command is chosen."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_NOT_COMPLETED,
    EXIT_OK,
    EXIT_USAGE,
    HarnessError,
    nearest,
)

Command = Callable[[argparse.Namespace], int]
_UNKNOWN = "unrecognized arguments: "


class _Parser(argparse.ArgumentParser):
    """Takes no abbreviations, and answers a misspelt command or option with the nearest one."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False, **settings})
        self.set_defaults(parser=self)  # the innermost one that was used ends up in the options

    def error(self, message: str) -> NoReturn:
        """Print the message with a near-miss and leave with the exit code of a usage error."""
        choice = re.search(r"invalid choice: (['\"])(.*?)\1", message)
        if choice:
            close = nearest(choice[2], [str(name) for action in self._actions for name in (action.choices or ())])
        else:
            unknown = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
            own = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
            close = nearest(unknown[0], own) if unknown and message.startswith(_UNKNOWN) else []
        near = f"\nDid you mean `{close[0]}`?" if close else ""
        self.print_usage(sys.stderr)
        self.exit(EXIT_USAGE, f"{self.prog}: {message}{near}\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="harness",
        description="Did the conversion keep the accuracy? The original TensorFlow graph against its OpenVINO IR, "
        "image by image.",
        epilog="Exit codes: 0 every gate that applies passed; 1 a gate failed; 2 usage or configuration; 3 could not "
        "be completed; 4 baseline missing or not comparable; 5 nothing was decided; 70 a bug; 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_validate(commands)
    _add_models(commands)
    _add_selftest(commands)
    _add_records(commands)
    _add_held_against(commands)
    _add_questions(commands)
    _add_dataset(commands)
    return parser


def _version() -> str:
    from harness import __version__

    return f"harness {__version__}"


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return value


def _number_between(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}")
    return value


def _pp(text: str) -> float:
    return _number_between(text, 0, 100, "number of percentage points from 0 to 100")


def _megabytes(text: str) -> float:
    return _number_between(text, 0.1, 1000, "size in megabytes from 0.1")


def _with_config(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("config", metavar="CONFIG", type=Path, help="the configuration, a YAML file")
    command.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="override a key, such as dataset.path=/data/val or candidates.ir.device=GPU (repeatable)",
    )
    return command


def _add_validate(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = _with_config(
        commands.add_parser("validate", help="evaluate all models, compare, judge; exit code = verdict")
    )
    command.add_argument(
        "--limit", metavar="N", type=_positive, help="only the first N images (a subset; gates know it)"
    )
    command.add_argument(
        "--out", metavar="DIR", type=Path, help="the run's own folder (default: reports/NAME/<UTC time>)"
    )
    command.add_argument("--resume", action="store_true", help="go on with an interrupted run (--out, or the latest)")
    command.add_argument("--no-cache", action="store_true", help="neither read nor write caches")
    command.add_argument(
        "--certify",
        metavar="PP",
        type=_pp,
        help="images in random order, until the Top-1 drop is proven within PP percentage points, or beyond",
    )
    command.add_argument("--engine", choices=["local"], default="local", help="what runs the shards")
    command.add_argument("--json", action="store_true", help="print run.json to stdout, and nothing else")
    command.set_defaults(run="harness.commands.validate:run", verdict=EXIT_NOT_COMPLETED)


def _add_models(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = _with_config(
        commands.add_parser("convert", help="original -> IR with the configured contract, then checked")
    )
    command.add_argument("--candidate", metavar="ID", help="only this candidate")
    command.add_argument(
        "--weights",
        choices=["f32", "f16", "int8"],
        help="only candidates with these weights; where there is none, an IR beside the first one's (int8: by NNCF)",
    )
    command.add_argument("--if-needed", action="store_true", help="only where the IR is missing or stale")
    command.add_argument("--overwrite", action="store_true", help="replace an IR that another tool made")
    command.set_defaults(run="harness.commands.convert:run")
    command = _with_config(commands.add_parser("fetch", help="download the model archive, verify, unpack"))
    command.add_argument(
        "--if-needed", action="store_true", help="do nothing where the model is there or no archive named"
    )
    command.set_defaults(run="harness.commands.fetch:run")


def _add_selftest(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = _with_config(
        commands.add_parser("selftest", help="inject known conversion faults, prove that each is caught")
    )
    command.add_argument(
        "--candidate", metavar="ID", help="inject into this candidate (default: the first on OpenVINO)"
    )
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document to stdout, and nothing else")
    form.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    command.set_defaults(run="harness.commands.selftest:run", verdict=EXIT_NOT_COMPLETED)


def _add_records(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser("report", help="render a run's record again, or a page over all runs")
    command.add_argument("folder", metavar="RUN", type=Path, nargs="?", help="the folder of a run, or its run.json")
    command.add_argument(
        "--format", default="html,md,junit", help="comma-separated: html, md, junit, csv (default: html,md,junit)"
    )
    command.add_argument(
        "--max-mb",
        metavar="N",
        type=_megabytes,
        default=5.0,
        help="size of the HTML page with its pictures (default: 5)",
    )
    command.add_argument(
        "--index",
        metavar="DIR",
        type=Path,
        nargs="?",
        const=Path("reports"),
        help="instead of a run: DIR/index.html over all runs below it (default: reports)",
    )
    command.set_defaults(run="harness.commands.report:run")
    command = commands.add_parser("config", help="check a configuration, or print its schema")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    check = _with_config(actions.add_parser("check", help="read and check a configuration and the files that it names"))
    check.set_defaults(run="harness.commands.config:check")
    schema = actions.add_parser("schema", help="print the JSON Schema, for editors")
    schema.set_defaults(run="harness.commands.config:schema")


def _add_dataset(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser("dataset", help="look at an image set before anything is measured")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    inspect = actions.add_parser("inspect", help="show what is recognised: form, labels, sizes, modes, oddities")
    index = actions.add_parser("index", help="write the manifest, a list of image ids and classes")
    for action in (inspect, index):
        action.add_argument("path", metavar="PATH", type=Path, help="the image set, in any form")
        action.add_argument("--form", metavar="FORM", help="force a form (docs/datasets.md)")
        action.add_argument("--labels", metavar="PATH", type=Path, help="a list, devkit or solution file to use")
        action.add_argument("--class-names", metavar="FILE", type=Path, help="one class name a line")
        action.add_argument("--classes", metavar="N", type=_positive, help="number of classes (default: 1000)")
    inspect.add_argument("--images", metavar="N", type=_positive, help="read only the first N images")
    inspect.add_argument("--json", action="store_true", help="print one JSON document to stdout, and nothing else")
    inspect.set_defaults(run="harness.commands.dataset:inspect")
    index.add_argument("file", metavar="FILE", type=Path, help="the list to write (.csv)")
    index.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    index.add_argument("--trust", action="store_true", help="even where labels contradict the built-in ones")
    index.set_defaults(run="harness.commands.dataset:index")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return value


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document to stdout, and nothing else")


def _add_held_against(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser("compare", help="two records, image by image; no framework needed")
    command.add_argument("run_a", metavar="RUN_A", type=Path, help="the run before, a folder or its run.json")
    command.add_argument("run_b", metavar="RUN_B", type=Path, help="the run after, on the same images")
    _add_json(command)
    command.set_defaults(run="harness.commands.compare:run", verdict=EXIT_NOT_COMPLETED)
    command = commands.add_parser("baseline", help="accept a run's counts, or hold a run against accepted ones")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=_Parser)
    update = actions.add_parser("update", help="write a finished run's counts to a file, to be reviewed")
    check = actions.add_parser("check", help="exit 1 where a run is worse than the file, 4 where not comparable")
    for action in (update, check):
        action.add_argument("folder", metavar="RUN", type=Path, help="the folder of a run, or its run.json")
        action.add_argument("file", metavar="FILE", type=Path, help="the baseline, a JSON file")
    update.set_defaults(run="harness.commands.baseline:update")
    for k in (1, 5):
        check.add_argument(
            f"--top{k}-max-drop",
            metavar="PP",
            type=_number,
            dest=f"top{k}_max_drop_pp",
            help=f"largest Top-{k} loss that passes, in pp (default: the run's gates.baseline, else 0.1)",
        )
    _add_json(check)
    check.set_defaults(run="harness.commands.baseline:check", verdict=EXIT_NOT_COMPLETED)


def _add_questions(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser("devices", help="what OpenVINO finds here: devices, precisions, plug-ins")
    _add_json(command)
    command.set_defaults(run="harness.commands.devices:run", verdict=EXIT_NOT_COMPLETED)
    command = commands.add_parser("plan", help="how many images settle which question")
    command.add_argument("--drop", metavar="PP", type=_number, default=0.1, help="the limit in pp (default: 0.1)")
    command.add_argument("--confidence", metavar="SHARE", type=_number, default=0.95, help="a fraction (default: 0.95)")
    command.add_argument(
        "--whole", metavar="N", type=_positive, default=50_000, help="size of the whole set (default: 50000)"
    )
    command.add_argument("--images", metavar="N", type=_positive, help="what a subset of N images can and cannot show")
    command.add_argument(
        "--discordant", metavar="PERCENT", type=_number, help="percent of images whose Top-1 correctness flips"
    )
    _add_json(command)
    command.set_defaults(run="harness.commands.plan:run")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; usage errors and `--help` raise SystemExit, as argparse does."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options, unknown = build_parser().parse_known_args(given)
    if unknown:
        options.parser.error(_UNKNOWN + " ".join(unknown))
    options.given = given
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show must not end a run
    try:
        module, _, function = options.run.partition(":")
        command: Command = getattr(importlib.import_module(module), function)
        code = command(options)
        sys.stdout.flush()
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Where the exit code is the verdict, a reader of stdout that left early (`| head`) must not turn it into 0:
        # such a command sets ``options.verdict`` before it prints; until then the evaluation is not completed.
        _drop_stdout()
        return int(getattr(options, "verdict", EXIT_OK))
    except Exception as error:  # noqa: BLE001  (whatever else it is, it is a bug, and its traceback is kept)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            print(f"harness: output cannot be written: {error.strerror}; make room", file=sys.stderr)
            _drop_stdout()
            return EXIT_NOT_COMPLETED
        import traceback

        traceback.print_exc()
        print("harness: this is a bug in the harness; please report it with the lines above", file=sys.stderr)
        return EXIT_BUG
    return code


def _drop_stdout() -> None:
    """Let the interpreter's last flush go nowhere: whoever read our output has left."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
