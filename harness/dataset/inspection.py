"""What an image set holds, for people to look at before they measure anything: a pure function of an opened set."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from harness.dataset.header import Header, HeaderError, read_header
from harness.dataset.imagenet import CLASSES, IMAGES, label_of
from harness.dataset.sources.opening import Labelled

_EXAMPLES = 10
_SHOWN = 20
_AT_ONCE = 1024  # rows whose facts are in memory at a time


@dataclass(frozen=True)
class _Facts:
    size: int
    digest: bytes
    header: Header | None
    reason: str | None


def inspect(labelled: Labelled, *, path: str, classes: int, threads: int, images: int | None = None) -> dict[str, Any]:
    """Return what was recognised, as JSON values.

    The bytes of the first ``images`` images (None: all) are read; their headers are parsed, nothing is decoded.
    """
    pairs = labelled.pairs
    rows = range(len(pairs) if images is None else min(images, len(pairs)))
    sizes: list[tuple[int, int]] = []
    modes: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    bad: list[tuple[str, str]] = []
    seen: dict[bytes, int] = {}
    same: list[tuple[int, int]] = []
    total, animated = 0, 0
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            for row, facts in zip(part, pool.map(lambda row: _facts(labelled, row), part), strict=True):
                total += facts.size
                if facts.header is None:
                    bad.append((pairs[row][0], str(facts.reason)))
                    continue
                sizes.append((facts.header.width, facts.header.height))
                modes[facts.header.mode] += 1
                formats[facts.header.format] += 1
                animated += facts.header.animated
                if facts.digest in seen:
                    same.append((seen[facts.digest], row))
                seen.setdefault(facts.digest, row)
    per_class = Counter(label for _, label in pairs if label is not None)
    about_labels = _label_oddities(pairs, per_class, classes) if per_class else []
    oddities = [*labelled.notes, *about_labels, *_same(pairs, same)]
    if animated:
        oddities.append(f"{animated} animated images; only the first frame is used")
    return {
        "path": path,
        "form": labelled.form,
        "images": len(pairs),
        "classes": {"configured": classes, "with_images": len(per_class)},
        "labels": {
            "source": labelled.label_source,
            "lowest": min(per_class, default=None),
            "highest": max(per_class, default=None),
            "images_per_class": _spread(list(per_class.values())),
        },
        "read": {"images": len(rows), "bytes": total},
        "formats": dict(formats.most_common()),
        "modes": dict(modes.most_common()),
        "width": _spread([width for width, _ in sizes]),
        "height": _spread([height for _, height in sizes]),
        "megapixels": _spread([round(width * height / 1e6, 4) for width, height in sizes]),
        "bad_images": {"count": len(bad), "first": [{"id": name, "reason": why} for name, why in bad[:_SHOWN]]},
        "oddities": oddities,
        "examples": _examples(labelled),
    }


def _facts(labelled: Labelled, row: int) -> _Facts:
    try:
        data = labelled.read(row)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        return _Facts(0, b"", None, "missing" if missing else f"unreadable: {error.strerror or error}")
    try:
        return _Facts(len(data), hashlib.sha256(data).digest(), read_header(data), None)
    except HeaderError as error:
        return _Facts(len(data), b"", None, str(error))


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {
        "min": min(values),
        "median": statistics.median(values),
        "mean": round(statistics.fmean(values), 4),
        "max": max(values),
    }


def _examples(labelled: Labelled) -> list[dict[str, Any]]:
    """Return ten images spread evenly over the set."""
    total = len(labelled.pairs)
    count = min(_EXAMPLES, total)
    picked = [labelled.pairs[number * total // count] for number in range(count)]
    names = labelled.class_names
    return [
        {"id": name, "class": label, "name": names[label] if names and label in range(len(names)) else None}
        for name, label in picked
    ]


def _label_oddities(pairs: Sequence[tuple[str, int]], per_class: Counter[int], classes: int) -> list[str]:
    found = []
    outside = [label for label in per_class if not 0 <= label < classes]
    if outside:
        shifted = min(per_class) >= 1 and max(per_class) == classes
        hint = "; they look 1-based" if shifted else ""
        found.append(f"{len(outside)} classes are not in 0..{classes - 1}: {sorted(outside)[:5]}{hint}")
    if len(per_class) < classes:
        found.append(f"{classes - len(per_class)} of {classes} classes have no image")
    if min(per_class, default=0) >= 1 and len(per_class) == classes - 1:
        found.append(
            "class 0 has no image, but all others have; check whether the list counts from 1 or includes the background"
        )
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        found.append(f"{len(twice)} images are listed twice, such as {twice[0]}")
    counts = set(per_class.values())
    if classes == CLASSES and len(pairs) == IMAGES and counts != {50}:
        found.append("50,000 images, but not 50 of each class, as ILSVRC2012's validation set has")
    official = [(name, label, right) for name, label in pairs if (right := label_of(name)) is not None]
    wrong = [item for item in official if item[1] != item[2]] if classes == CLASSES else []
    if wrong:
        name, label, right = wrong[0]
        found.append(
            f"{len(wrong)} of {len(official)} labels are not those of ILSVRC2012 "
            f"(first {name}: {label} instead of {right})"
        )
    return found


def _same(pairs: Sequence[tuple[str, int]], same: Sequence[tuple[int, int]]) -> list[str]:
    if not same:
        return []
    first, second = same[0]
    apart = sum(pairs[one][1] != pairs[other][1] for one, other in same)
    labels = f", {apart} of them with a different label" if apart else ""
    example = f"first {pairs[second][0]} as {pairs[first][0]}"
    return [f"{len(same)} images have the same bytes as another image{labels} ({example})"]
