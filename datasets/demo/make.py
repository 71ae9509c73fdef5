"""Draw the demo's evaluation and calibration images, their lists, their checksums and a contact sheet.

Run as `python datasets/demo/make.py` or `python -m datasets.demo.make`.
"""

from __future__ import annotations

import argparse
import json
import sys
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasets.demo import checksums
from datasets.demo.drawing.classes import SUBJECTS
from datasets.demo.drawing.sketch import Pixels
from datasets.demo.files import (
    Oddity,
    calibration_bytes,
    calibration_name,
    encode,
    evaluation_name,
    evaluation_picture,
    library_versions,
    oddities,
)
from datasets.demo.streams import CALIBRATION_IMAGES, SEED, evaluation_classes

IMAGE_BUDGET_BYTES = 6_000_000
CALIBRATION_BUDGET_BYTES = 1_200_000
_TILE, _CAPTION, _COLUMNS = 152, 20, 10
_SYNSETS_HEADER = (
    "# class index (from 0), WordNet id, name. Source: the class list of the ImageNet Large Scale Visual Recognition\n"
    "# Challenge 2012 (classification), synsets sorted by WordNet id; first name of each synset.\n"
)


def _make(task: tuple[int, int, Oddity | None]) -> tuple[bytes, float]:
    """Return an image's file and its clarity."""
    cv2.setNumThreads(1)
    index, class_index, oddity = task
    picture = evaluation_picture(index, class_index)
    return encode(picture, oddity), 0.0 if oddity else picture.clarity


def _make_calibration(index: int) -> bytes:
    cv2.setNumThreads(1)
    return calibration_bytes(index)


def _thumbnail(image: Pixels, name: str) -> Pixels:
    tile = np.full((_TILE + _CAPTION, _TILE + 4, 3), 255, np.uint8)
    factor = _TILE / max(image.shape[:2])
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)[:_TILE, :_TILE]
    tile[: small.shape[0], : small.shape[1]] = small
    position = (2, _TILE + _CAPTION - 6)
    cv2.putText(tile, name, position, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return tile


def contact_sheet(files: list[bytes], classes: list[int], clarity: list[float]) -> bytes:
    """Lay out the clearest evaluation image of every class, titled, as a JPEG."""
    chosen: dict[int, int] = {}
    for number, class_index in enumerate(classes):
        if class_index not in chosen or clarity[number] > clarity[chosen[class_index]]:
            chosen[class_index] = number
    tiles = []
    for class_index, number in sorted(chosen.items()):
        image = np.asarray(cv2.imdecode(np.frombuffer(files[number], np.uint8), cv2.IMREAD_COLOR), np.uint8)
        tiles.append(_thumbnail(image, SUBJECTS[class_index].name))
    while len(tiles) % _COLUMNS:
        tiles.append(np.full_like(tiles[0], 255))
    rows = [np.hstack(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    _, data = cv2.imencode(".jpg", np.vstack(rows), [int(cv2.IMWRITE_JPEG_QUALITY), 82])
    return bytes(data.tobytes())


def make(folder: Path, workers: int) -> int:
    """Write everything below `folder`; return the bytes that the evaluation images take.

    Raises:
        SystemExit: the images exceed their budget.

    """
    classes, odd = evaluation_classes(), oddities()
    tasks = [(index, class_index, odd.get(index)) for index, class_index in enumerate(classes)]
    with get_context("spawn").Pool(workers) as pool:
        made = pool.map(_make, tasks, chunksize=16)
        calibration = pool.map(_make_calibration, range(CALIBRATION_IMAGES), chunksize=16)
    files, clarity = [data for data, _ in made], [clear for _, clear in made]
    total = _write(folder / "val", {evaluation_name(index): data for index, data in enumerate(files)})
    if total > IMAGE_BUDGET_BYTES:
        raise SystemExit(f"the images take {total} bytes; {IMAGE_BUDGET_BYTES} are allowed")
    apart = _write(folder / "calibration", {calibration_name(index): data for index, data in enumerate(calibration)})
    if apart > CALIBRATION_BUDGET_BYTES:
        raise SystemExit(f"the calibration images take {apart} bytes; {CALIBRATION_BUDGET_BYTES} are allowed")
    lines = [f"{evaluation_name(index)} {class_index}\n" for index, class_index in enumerate(classes)]
    (folder / "val.txt").write_text("".join(lines), encoding="ascii")
    rows = [f"{index} {SUBJECTS[index].wordnet_id} {SUBJECTS[index].name}\n" for index in sorted(SUBJECTS)]
    (folder / "synsets.txt").write_text(_SYNSETS_HEADER + "".join(rows), encoding="ascii")
    (folder / "contact-sheet.jpg").write_bytes(contact_sheet(files, classes, clarity))
    record = {
        "seed": SEED,
        "images": len(files),
        "calibration_images": len(calibration),
        "classes": len(SUBJECTS),
        "oddities": {evaluation_name(index): str(oddity) for index, oddity in sorted(odd.items())},
        "made_with": library_versions(),
    }
    (folder / "provenance.json").write_text(json.dumps(record, indent=2) + "\n", encoding="ascii")
    checksums.write(folder)
    return total


def _write(folder: Path, files: dict[str, bytes]) -> int:
    """Write a folder of images anew; return the bytes that they take."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.JPEG"):
        stale.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return sum(map(len, files.values()))


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--out", type=Path, default=checksums.FOLDER, help="folder to write to (default: datasets/demo)"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2); the bytes do not depend on it")
    options = parser.parse_args()
    total = make(options.out, options.workers)
    print(f"{len(evaluation_classes())} images of {len(SUBJECTS)} classes, {total / 1e6:.2f} MB, in {options.out}")


if __name__ == "__main__":
    main()
