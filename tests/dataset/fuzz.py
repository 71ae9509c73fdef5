"""Mutated images through the engine's decoder: `python -m tests.dataset.fuzz 10000`, figures in docs/datasets.md.

Each image is decoded to pixels or listed with a reason. The work is done in a process of its own, so that a crash of a
decoder is seen as its exit code, and a hang as a time-out.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from harness.config import Preprocess
from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import SHARD_ROWS, Manifest
from harness.feeding.decode import Decoder

MUTATIONS = (
    "bit flips",
    "truncation",
    "header edit",
    "number edit",
    "piece removed",
    "piece doubled",
    "bytes appended",
)
_ROOT = Path(__file__).resolve().parents[2]


def seeds() -> dict[str, bytes]:
    """Return small images of every format and mode, as Pillow writes them."""
    from PIL import Image

    random = np.random.default_rng(0)
    colours = np.kron(random.integers(0, 256, (6, 8, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    image = Image.fromarray(colours)
    grey, alpha = image.convert("L"), image.copy()
    alpha.putalpha(grey)
    deep = Image.fromarray(random.integers(0, 65536, (24, 32)).astype(np.uint16))
    frames = [Image.fromarray(np.roll(colours, 7 * turn, 1)) for turn in range(3)]
    wanted: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "JPEG": (image, "JPEG", {}),
        "JPEG progressive": (image, "JPEG", {"progressive": True}),
        "JPEG grey": (grey, "JPEG", {}),
        "JPEG CMYK": (image.convert("CMYK"), "JPEG", {}),
        "PNG": (image, "PNG", {}),
        "PNG palette": (image.convert("P"), "PNG", {}),
        "PNG alpha": (alpha, "PNG", {}),
        "PNG 16 bit": (deep, "PNG", {}),
        "PNG animated": (frames[0], "PNG", {"save_all": True, "append_images": frames[1:]}),
        "GIF": (image.convert("P"), "GIF", {}),
        "GIF animated": (frames[0], "GIF", {"save_all": True, "append_images": frames[1:]}),
        "BMP": (image, "BMP", {}),
        "BMP palette": (image.convert("P"), "BMP", {}),
        "WebP": (image, "WEBP", {}),
        "WebP lossless": (alpha, "WEBP", {"lossless": True}),
        "TIFF": (image, "TIFF", {}),
        "TIFF LZW": (image, "TIFF", {"compression": "tiff_lzw"}),
    }
    found = {}
    for name, (picture, kind, options) in wanted.items():
        sink = io.BytesIO()
        picture.save(sink, kind, **options)
        found[name] = sink.getvalue()
    return found


def mutated(data: bytes, kind: str, random: np.random.Generator) -> bytes:
    """Return the data with one kind of damage."""
    changed = bytearray(data)
    start, length = int(random.integers(0, len(data))), int(random.integers(1, 64))
    if kind == "bit flips":
        for place in random.integers(0, len(data), random.integers(1, 17)):
            changed[place] ^= 1 << int(random.integers(0, 8))
    elif kind == "truncation":
        del changed[start:]
    elif kind == "header edit":
        for place in random.integers(0, min(64, len(data)), random.integers(1, 5)):
            changed[place] = int(random.integers(0, 256))
    elif kind == "number edit":
        changed[start : start + 4] = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\xff\xff"][
            length % 4
        ]
    elif kind == "piece removed":
        del changed[start : start + length]
    elif kind == "piece doubled":
        changed[start:start] = changed[start : start + length]
    else:
        changed += random.integers(0, 256, length).astype(np.uint8).tobytes()
    return bytes(changed)


def cases(images: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Yield (name of the seed, mutation, data), the same ones for the same seed."""
    random = np.random.default_rng(seed)
    pool = list(seeds().items())
    for number in range(images):
        name, data = pool[number % len(pool)]
        kind = MUTATIONS[int(random.integers(0, len(MUTATIONS)))]
        yield name, kind, mutated(data, kind, random)


def run(images: int, seed: int) -> dict[str, Any]:
    """Decode the mutated images as a validation does, and return the figures."""
    every = list(cases(images, seed))
    slowest = [0.0]

    def read(row: int) -> bytes:
        return every[row][2]

    ids = tuple(f"{row} {name} {kind}" for row, (name, kind, _) in enumerate(every))
    image_set = ImageSet("fuzz", "", Manifest(ids, np.zeros(images, np.int32)), read, str)
    shards = [
        (index, range(start, min(start + SHARD_ROWS, images)))
        for index, start in enumerate(range(0, images, SHARD_ROWS))
    ]
    start, seen = time.perf_counter(), 0
    bad: dict[int, str] = {}
    with Decoder(image_set, Preprocess(size=32, crop_fraction=1.0), threads=2) as decoder:
        before = start
        for decoded in decoder.shards(shards):
            seen += len(decoded.rows)
            bad |= decoded.bad
            slowest.append(time.perf_counter() - before)
            before = time.perf_counter()
            assert int(decoded.good.sum()) + len(decoded.bad) == len(decoded.rows) == len(decoded.pixels)
            assert all(reason for reason in decoded.bad.values())
    reasons = Counter(reason.partition(":")[0].partition(" (")[0] for reason in bad.values())
    cut = [row for row in range(images) if every[row][1] == "truncation"]
    return {
        "images": images,
        "seen": seen,
        "decoded": images - len(bad),
        "listed": len(bad),
        "reasons": dict(reasons.most_common()),
        "truncated": {"images": len(cut), "decoded": sum(row not in bad for row in cut)},
        "seconds": round(time.perf_counter() - start, 1),
        "slowest_256_seconds": round(max(slowest), 2),
    }


def in_a_process(images: int, seed: int = 0, seconds: float = 600) -> dict[str, Any]:
    """Return what ``run`` finds in a process of its own. Raises AssertionError where it crashes or hangs."""
    command = [sys.executable, "-m", "tests.dataset.fuzz", str(images), "--seed", str(seed), "--here"]
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, encoding="utf-8", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"no answer after {seconds} s") from None
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("images", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--here", action="store_true")
    options = parser.parse_args()
    json.dump((run if options.here else in_a_process)(options.images, options.seed), sys.stdout, indent=2)
    print()
