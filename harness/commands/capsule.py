"""`harness capsule make` and `harness capsule show`: images, labels and the reference's predictions in one file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.options import add_actions, add_config, add_json, add_named, number, percentage_points, positive
from harness.commands.result import Result
from harness.errors import ConfigError
from harness.text import printable

if TYPE_CHECKING:
    from harness.capsule.opened import Capsule

NAME = "capsule"
HELP = "pack images, labels and the reference's predictions into one file, to validate on other machines"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the actions of `harness capsule`."""
    actions = add_actions(parser)
    making = add_named(actions, "make", "evaluate the reference on some images and write a capsule")
    add_config(making)
    making.add_argument("file", metavar="FILE", type=Path, help="the capsule to write, such as parity.capsule")
    making.add_argument(
        "--images",
        metavar="N",
        type=positive,
        help="pack the first N images (default: as many as the parity gate takes, at least 64)",
    )
    making.add_argument(
        "--certify",
        metavar="PP",
        type=percentage_points,
        help="pack as many random images as are needed to prove a Top-1 drop within PP percentage points "
        "(default: off)",
    )
    making.add_argument(
        "--discordant",
        metavar="PERCENT",
        type=number,
        help="with --certify: expect Top-1 correctness to flip on PERCENT %% of the images (default: 0)",
    )
    making.add_argument("--encoded", action="store_true", help="pack the encoded images instead of their pixels")
    making.add_argument("--overwrite", action="store_true", help="replace an existing file")
    making.add_argument("--no-cache", action="store_true", help="do not use caches")
    showing = add_named(actions, "show", "check every part of a capsule and show its contents")
    showing.add_argument("file", metavar="FILE", type=Path, help="the capsule")
    for action in (making, showing):
        add_json(action)


def run(options: argparse.Namespace) -> Result:
    """Make or show a capsule; both say what it holds."""
    capsule = _make(options) if options.action == "make" else _open(options.file)
    return Result(document=as_json(capsule)) if options.json else Result(text=as_text(capsule))


def _open(file: Path) -> Capsule:
    from harness.capsule.opened import open_capsule

    return open_capsule(file)


def _make(options: argparse.Namespace) -> Capsule:
    from harness.config import load_config
    from harness.engine.capsule import DISCORDANT_PERCENT, Making, make_capsule

    discordant = DISCORDANT_PERCENT if options.discordant is None else options.discordant
    if not 0 <= discordant <= 100:
        raise ConfigError(f"--discordant {discordant:g}: give a percentage from 0 to 100, such as 0.1")
    if options.file.exists() and not options.overwrite:
        raise ConfigError(
            f"{printable(str(options.file))}: already exists; choose another FILE, or replace it with --overwrite"
        )
    making = Making(options.images, options.certify, discordant, options.encoded, not options.no_cache)
    return make_capsule(load_config(options.config, options.overrides), options.file, making)


def as_json(capsule: Capsule) -> dict[str, Any]:
    """Return what a capsule holds as JSON values; of its parts, sizes and digests."""
    parts = [
        {"name": part.name, "bytes": part.length, "sha256": part.sha256, "dtype": part.dtype, "shape": list(part.shape)}
        for part in capsule.parts.parts.values()
    ]
    return {
        "file": str(capsule.path),
        "version": capsule.parts.version,
        "sha256": capsule.sha256,
        "bytes": capsule.path.stat().st_size,
        **capsule.contents.model_dump(mode="json"),
        "parts": parts,
    }


def as_text(capsule: Capsule) -> str:
    """Return what a capsule holds as lines to read."""
    contents = capsule.contents
    images, config, reference = contents.images, contents.config, contents.reference
    order = "the first as listed" if images.seed is None else f"drawn at random with the seed {images.seed}"
    kind = "encoded" if contents.encoded else ", ".join(_pixels(capsule)) or "-"
    loaded = reference.loaded if reference else {}
    versions = contents.environment.get("versions")
    lines = [
        ("capsule", f"{capsule.path}, {capsule.path.stat().st_size / 1e6:,.1f} MB, version {capsule.parts.version}"),
        ("sha256", capsule.sha256),
        ("name", config.get("name")),
        ("made", f"{contents.made_utc}, harness {contents.harness_version}, {contents.environment.get('cpu')}"),
        ("images", f"{images.count:,} of {images.listed:,}, {order}; {images.form} {images.name}"),
        ("bad images", f"{len(images.bad):,}"),
        ("fingerprint", images.fingerprint),
        ("pixels", kind),
        ("reference", f"{_id(config.get('reference'))}: {loaded.get('backend')} on {loaded.get('device_name')}"),
        ("  its file", f"{reference.bytes:,} bytes, sha256 {reference.sha256}" if reference else "none"),
        ("candidates", ", ".join(map(_candidate, config.get("candidates") or [])) or "none"),
        ("gates", ", ".join(_gates(config.get("gates"))) or "none"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items()) if versions else "-"),
        ("parts", f"{len(capsule.parts.parts)}, each with its sha256; all match"),
    ]
    return "\n".join(printable(f"{name:<13}{value}") for name, value in lines) + "\n"


def _pixels(capsule: Capsule) -> list[str]:
    kinds = []
    for item in capsule.contents.prepared:
        height, width = item.preprocess.output_size
        element = "float32" if item.preprocess.is_float else "uint8"
        kinds.append(f"{element} {height}x{width}x3, made by {', '.join(item.libraries)}")
    return kinds


def _id(model: Any) -> str:
    return str(model.get("id")) if isinstance(model, dict) else "none"


def _candidate(model: Any) -> str:
    own = model if isinstance(model, dict) else {}
    return f"{own.get('id')} ({own.get('backend')}, {own.get('device')}, {own.get('precision')}, {own.get('model')})"


def _gates(gates: Any) -> list[str]:
    return [name for name, limits in gates.items() if limits is not None] if isinstance(gates, dict) else []
