"""`harness cache`: what it holds, trimmed on request; probabilities from one machine to another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from harness.commands.options import add_actions, add_json, add_named, number
from harness.commands.result import Result
from harness.errors import ConfigError
from harness.text import printable

if TYPE_CHECKING:
    from harness.engine.cache_archive import Moved

NAME = "cache"
HELP = "show or trim the cache, or copy its probabilities to another machine of the same processor family"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `harness cache`."""
    actions = add_actions(parser)
    exporting = add_named(actions, "export", "write the cached probabilities to one file, most recently used first")
    importing = add_named(actions, "import", "add the probabilities of an exported file to the cache")
    for action in (exporting, importing):
        action.add_argument("file", metavar="FILE", type=Path, help="the exported cache, a tar file")
        action.add_argument(
            "--folder", metavar="DIR", type=Path, help="use this cache folder (default: $HARNESS_CACHE)"
        )
        action.add_argument(
            "--max-gb", metavar="GB", type=number, default=2.0, help="stop at GB gigabytes (default: 2)"
        )
        add_json(action)
    showing = add_named(actions, "show", "show what the cache contains, and its size")
    trimming = add_named(actions, "trim", "remove the least recently used entries until the limits are met")
    for action in (showing, trimming):
        action.add_argument(
            "--folder", metavar="DIR", type=Path, help="use this cache folder (default: $HARNESS_CACHE)"
        )
        add_json(action)
    trimming.add_argument(
        "--max-gb",
        metavar="GB",
        type=number,
        default=5.0,
        help="keep at most GB gigabytes of probabilities and models (default: 5)",
    )
    trimming.add_argument(
        "--remote-gb",
        metavar="GB",
        type=number,
        default=20.0,
        help="keep at most GB gigabytes of what was read from URLs (default: 20)",
    )


def run(options: argparse.Namespace) -> Result:
    """Run the chosen action and say what the cache holds, or what was moved."""
    from harness.machine.cache_place import default_cache_folder

    if options.action in ("show", "trim"):
        return _contents(options, options.folder or default_cache_folder())
    from harness.engine.cache_archive import export_cache, import_cache

    if options.max_gb <= 0:
        raise ConfigError(f"--max-gb {options.max_gb:g}: give a number above 0, such as 2")
    folder = options.folder or default_cache_folder()
    move = export_cache if options.action == "export" else import_cache
    moved = move(folder, options.file, int(options.max_gb * 1e9))
    if options.json:
        document = {"files": moved.files, "images": moved.images, "bytes": moved.bytes, "left_out": moved.left_out}
        return Result(document=document)
    return Result(text=_in_words(moved, options.action, options.file, folder))


def _contents(options: argparse.Namespace, folder: Path) -> Result:
    from harness.engine.cache_contents import contents, trim_all

    if options.action == "trim":
        for name in ("max_gb", "remote_gb"):
            if (limit := getattr(options, name)) < 0:
                raise ConfigError(f"--{name.replace('_', '-')} {limit:g}: give a number from 0, such as 2")
        parts = trim_all(folder, int(options.max_gb * 1e9), int(options.remote_gb * 1e9))
    else:
        parts = contents(folder)
    if options.json:
        rows = [{"part": part.name, "limit": part.limit, "files": part.files, "bytes": part.bytes} for part in parts]
        return Result(document={"folder": str(folder), "parts": rows})
    lines = [f"{'folder':<38}{folder}"]
    lines += [f"{part.name:<38}{part.bytes / 1e6:,.1f} MB in {part.files:,} files" for part in parts]
    lines.append(f"{'total':<38}{sum(part.bytes for part in parts) / 1e6:,.1f} MB")
    return Result(text="".join(f"{printable(line)}\n" for line in lines))


def _in_words(moved: Moved, action: str, file: Path, folder: Path) -> str:
    where = f"from {folder} to {file}" if action == "export" else f"from {file} to {folder}"
    text = f"{moved.images:,} answers in {moved.files:,} files, {moved.bytes / 1e6:.1f} MB, {where}"
    if moved.left_out:
        text += f"; {moved.left_out:,} files left out: already present, damaged, or beyond --max-gb"
    return f"{printable(text)}\n"
