"""`harness demo`: the embedded demo, in a new folder, anywhere.

The folder is laid out as the project's checkout is (``configs/``, ``datasets/demo/``), so that one configuration serves
both. An installed wheel carries the files in ``harness/demo_data``, put there when it is built (``setup.py``); a
checkout copies its own.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

import harness
from harness.commands.result import Result
from harness.disk.leftovers import kept_folder, work_folder
from harness.errors import ConfigError, RecordError
from harness.text import printable

NAME = "demo"
HELP = "validate the embedded demo (a small network and 720 images) in its own folder"

_FOLDER = "harness-demo"
_CONFIG = "configs/demo.yml"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `harness demo`."""
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help=f"write the demo to this folder (default: {_FOLDER}, or a temporary folder if the current one cannot be "
        "written)",
    )
    parser.add_argument("--json", action="store_true", help="print run.json to stdout, and nothing else")


def run(options: argparse.Namespace) -> Result:
    """Lay out the demo's folder, validate it, and say where the report is and what to type next."""
    from harness.commands import validate
    from harness.engine.run_folder import new_run_folder, point_latest

    folder = prepare(options.out)
    config = folder / _CONFIG
    out = new_run_folder(folder / "reports", "demo")
    print(f"harness: demo in {printable(str(folder))}: converting and validating 720 images", file=sys.stderr)
    parser = argparse.ArgumentParser(add_help=False)
    validate.add(parser)
    chosen = parser.parse_args([str(config), "--out", str(out), *(["--json"] if options.json else [])])
    chosen.given = options.given
    result = validate.run(chosen)
    if not out.exists():
        return result
    point_latest(out)
    if result.document is not None or options.json or result.error:
        return result
    return result._replace(text=f"{result.text}{_next(out, config)}")


def _next(out: Path, config: Path) -> str:
    report, file = printable(str((out / "report.html").absolute())), printable(shlex.quote(str(config)))
    return (
        f"Report: {report}\n"
        "Try:\n"
        f"  harness selftest {file}    # which gate catches which conversion fault\n"
        f"  harness validate {file} --set candidates.ir.conversion.weights=f16    # a failing run\n"
    )


def prepare(wanted: Path | None) -> Path:
    """Return a folder with the demo's files: ``wanted``, else one here, else one among the temporary files.

    Files that are there already stay as they are. Raises RecordError if nothing can be written, ConfigError if the
    folder holds something else.
    """
    if wanted is not None:
        return _lay_out(wanted)
    here = Path(_FOLDER)
    try:
        return _lay_out(here)
    except RecordError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        folder = kept_folder(_FOLDER) / _FOLDER
        print(f"harness: the current folder cannot be written ({error.__cause__.strerror})", file=sys.stderr)
        return _lay_out(folder)


def _lay_out(folder: Path) -> Path:
    """Copy the demo's files to ``folder``: all of them or none, whenever it is interrupted."""
    from harness.disk.atomic import cannot_write

    if (folder / _CONFIG).is_file():
        return _writable(folder)
    if folder.exists() and (not folder.is_dir() or next(folder.iterdir(), None) is not None):
        raise ConfigError(
            f"{printable(str(folder))}: already exists and was not made by `harness demo`; choose another --out"
        )
    root, names = demo_files()
    try:
        with work_folder(folder.parent, "demo") as scratch:
            made = scratch / folder.name
            for name in names:
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, made / name)
            made.replace(folder)
    except OSError as error:
        raise cannot_write(folder, error, "--out") from error
    return folder


def _writable(folder: Path) -> Path:
    from harness.disk.atomic import cannot_write

    try:
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise cannot_write(folder, error, "--out") from error


def demo_files() -> tuple[Path, list[str]]:
    """Return the folder that the demo's files are in and their names below it. Raises RecordError without them."""
    package = Path(harness.__file__).parent
    packed, checkout = package / "demo_data", package.parent
    if packed.is_dir():
        return packed, sorted(path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file())
    if (checkout / _CONFIG).is_file() and (checkout / "pyproject.toml").is_file():
        import tomllib

        text = (checkout / "pyproject.toml").read_text(encoding="utf-8")
        patterns = tomllib.loads(text)["tool"]["harness"]["demo"]
        found = {path for pattern in patterns for path in checkout.glob(pattern)}
        return checkout, sorted(path.relative_to(checkout).as_posix() for path in found)
    raise RecordError("this installation has no demo files; install the wheel, or run `harness demo` from a checkout")
