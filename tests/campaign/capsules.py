"""Capsules: bytes as accidents change them, and contents as an attacker writes them, with every checksum right."""

from __future__ import annotations

import hashlib
import json
import random
import struct
from pathlib import Path

from tests.campaign.kind import Kind
from tests.campaign.mutations import mutate_bytes, mutate_text, mutate_values

_HEAD, _TAIL = struct.Struct("<16sI"), struct.Struct("<Q32s16s")


def _make(folder: Path) -> Path:
    from tests.capsule.test_opened import parts, write

    whole = parts()
    whole["capsule"]["reference"]["loaded"] = {
        "backend": "tensorflow 2",
        "device": "CPU",
        "device_name": "a CPU",
        "effective_precision": "f32",
        "model_sha256": "ab" * 32,
        "details": {},
        "warnings": [],
        "properties": {},
    }
    return write(folder / "a.capsule", whole)


def mutate_capsule(data: bytes, rng: random.Random) -> bytes:
    """Change one part or the index, and make lengths and checksums right again."""
    head, (length, _, magic) = data[: _HEAD.size], _TAIL.unpack(data[-_TAIL.size :])
    index = json.loads(data[-_TAIL.size - length : -_TAIL.size])
    parts, at = [], _HEAD.size
    for entry in index["parts"]:
        parts.append(data[at : at + entry["bytes"]])
        at += entry["bytes"]
    place = rng.randrange(len(parts) + 1)
    if place < len(parts):
        entry, before = index["parts"][place], parts[place]
        is_json = "dtype" not in entry
        parts[place] = mutate_values(before, rng) if is_json else mutate_bytes(before, rng)
        if not is_json and rng.random() < 0.7:
            parts[place] = parts[place].ljust(len(before), b"\xff")[: len(before)]
        entry |= {"bytes": len(parts[place]), "sha256": hashlib.sha256(parts[place]).hexdigest()}
        text = json.dumps(index).encode()
    else:
        text = mutate_values(json.dumps(index).encode(), rng)
    tail = _TAIL.pack(len(text), hashlib.sha256(head + text).digest(), magic)
    return head + b"".join(parts) + text + tail


def _use(path: Path) -> object:
    from harness.capsule.configuration import load, require_fitting
    from harness.commands.capsule import as_json, as_text
    from harness.dataset.image_set import open_image_set
    from harness.engine.recorded import RecordedAnswers
    from harness.feeding.decode import Decoder

    config = load(path)
    capsule = require_fitting(config)
    if capsule is None:
        return None
    json.dumps(as_json(capsule), allow_nan=False)
    images = open_image_set(config.dataset)
    bad = 0
    with Decoder(images, *map(config.preprocess_for, config.models), threads=1) as decoder:
        for part in decoder.shards(list(enumerate(images.manifest.shards()))):
            bad += len(part.bad)
            good = tuple(digest for digest, kept in zip(part.image_digests, part.good, strict=True) if kept)
            if config.reference and capsule.contents.reference:
                RecordedAnswers(path).get(good, capsule.contents.reference.outputs)
    return bad, as_text(capsule)


def _bisect(path: Path) -> object:
    """Read what `harness bisect` reads before it makes environments."""
    from harness.capsule.configuration import load_capsule
    from harness.capsule.opened import open_capsule

    text = path.read_bytes().decode("utf-8", "surrogateescape") if path.name == "setting" else "gates.parity=null"
    capsule = path.with_name("a.capsule")
    return open_capsule(capsule).sha256, load_capsule(capsule, [text]).resolved()


def _setting(folder: Path) -> Path:
    _make(folder)
    path = folder / "setting"
    path.write_text("gates.parity.max_abs_diff=0.5")
    return path


CAPSULES: tuple[Kind, ...] = (
    Kind("capsule for a bisection, checksums made right", _make, mutate_capsule, _bisect, share=0.5),
    Kind("setting of a bisection", _setting, mutate_text, _bisect, share=0.5),
    Kind("capsule", _make, mutate_bytes, _use),
    Kind("capsule, checksums made right", _make, mutate_capsule, _use),
)
