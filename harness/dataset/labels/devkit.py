"""The devkit of ILSVRC2012: `ILSVRC2012_validation_ground_truth.txt` with `meta.mat`, in a folder or `.tar.gz`.

The kit's ids 1..1000 are not the sorted order of the WordNet ids: `meta.mat` says which id means which WordNet id.
"""

from __future__ import annotations

import tarfile
import zlib
from math import isfinite
from pathlib import Path

from harness.dataset.imagenet import CLASSES, IMAGES, class_of_wnid, classes_in_devkit_order
from harness.dataset.labels.mat_file import MatError, read_structs
from harness.dataset.labels.table import LabelTable
from harness.errors import DatasetError

GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
_ARCHIVES = ("ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_devkit_t12.tar", "ILSVRC2012_devkit_t12.tgz")
_FOLDERS = ("", "data", "ILSVRC2012_devkit_t12/data", "ILSVRC2012_devkit_t12", "devkit/data")
_LARGEST = 1 << 24  # bytes of a file of the kit; the real ones have 200 kB
_MEMBERS = 10_000


def find_devkit(folder: Path) -> Path | None:
    """Return the ground truth file or the archive of a devkit in ``folder``, or None."""
    for below in _FOLDERS:
        if (folder / below / GROUND_TRUTH).is_file():
            return folder / below / GROUND_TRUTH
    return next((folder / name for name in _ARCHIVES if (folder / name).is_file()), None)


def read_devkit(path: Path) -> LabelTable:
    """Read the devkit: its folder, its archive, or the ground truth file with `meta.mat` next to it.

    Raises DatasetError if it is not whole, or its ids are not those of the 1,000 classes.
    """
    if path.is_dir():
        found = find_devkit(path)
        if found is None:
            raise DatasetError(f"{path}: not a devkit: neither it nor its data folder has {GROUND_TRUTH}")
        path = found
    if path.name.endswith((".tar", ".tar.gz", ".tgz")):
        truth, meta = _from_archive(path)
    else:
        truth, beside = _file(path), path.parent / META
        meta = _file(beside) if beside.is_file() else None
    ids = _ids(path, truth)
    notes: list[str] = []
    if meta is None:
        order = [int(index) for index in classes_in_devkit_order()]
        notes.append(f"{path}: no {META} next to it; the devkit's ids are mapped to classes by the built-in table")
    else:
        order = _order(path, meta)
        if order != classes_in_devkit_order().tolist():
            notes.append(f"{path}: its {META} orders the classes differently from the published devkit")
    names = [f"ILSVRC2012_val_{number:08d}" for number in range(1, len(ids) + 1)]
    return LabelTable(f"devkit {path}", names, [order[value - 1] for value in ids], whole=True, notes=tuple(notes))


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise DatasetError(f"{path}: larger than {_LARGEST:,} bytes; this is not a file of the devkit")
    return data


def _from_archive(path: Path) -> tuple[bytes, bytes | None]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for count, member in enumerate(archive):
                name = member.name.rpartition("/")[2]
                if count >= _MEMBERS or {GROUND_TRUTH, META} <= found.keys():
                    break
                if not member.isreg() or name not in (GROUND_TRUTH, META) or member.size > _LARGEST:
                    continue
                stream = archive.extractfile(member)
                found[name] = stream.read(_LARGEST) if stream else b""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: cannot be read as the devkit's archive: {error}") from None
    if GROUND_TRUTH not in found:
        raise DatasetError(f"{path}: contains no {GROUND_TRUTH}; is it ILSVRC2012_devkit_t12.tar.gz?")
    return found[GROUND_TRUTH], found.get(META)


def _ids(path: Path, data: bytes) -> list[int]:
    words = data.split()
    bad = next((word for word in words if not (word.isdigit() and len(word) < 5 and 1 <= int(word) <= CLASSES)), None)
    if bad is not None:
        raise DatasetError(f"{path}: {bad[:40]!r} is not an id of the devkit, which are 1..{CLASSES}")
    if len(words) != IMAGES:
        raise DatasetError(f"{path}: {len(words):,} labels; the ground truth of ILSVRC2012 has {IMAGES:,}")
    return [int(word) for word in words]


def _order(path: Path, data: bytes) -> list[int]:
    """Return the class of each id 1..1000, from the struct array `synsets`."""
    pairs = _synsets(path, data)
    wanted = class_of_wnid()
    order: dict[int, int] = {}
    for number, wnid in pairs:
        if not 1 <= number <= CLASSES:
            continue  # the inner nodes of the hierarchy
        if number in order or wnid not in wanted:
            raise DatasetError(f"{path}: {META} gives the id {number} to {wnid!r}, which is not a class of ILSVRC2012")
        order[number] = wanted[wnid]
    if len(order) != CLASSES or len(set(order.values())) != CLASSES:
        raise DatasetError(f"{path}: {META} names {len(set(order.values()))} classes for the ids 1..{CLASSES}")
    return [order[number] for number in range(1, CLASSES + 1)]


def _synsets(path: Path, data: bytes) -> list[tuple[int, str]]:
    """Return id and WordNet id of each struct in the array `synsets`."""
    try:
        rows = read_structs(data, "synsets", ("ILSVRC2012_ID", "WNID"))
    except MatError as error:
        raise DatasetError(
            f"{path}: {META} cannot be read: {error}; it should hold the struct array `synsets`"
        ) from None
    pairs = [
        (int(number), wnid)
        for number, wnid in rows
        if isinstance(number, float) and isfinite(number) and isinstance(wnid, str)
    ]
    if len(pairs) < len(rows):
        raise DatasetError(
            f"{path}: {META} cannot be read: {len(rows) - len(pairs)} of its synsets have no id or no WordNet id"
        )
    return pairs
