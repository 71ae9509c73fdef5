"""Recognises the form of an image set from its content, without asking the user."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.capsule.opened import is_capsule
from harness.dataset.labels.class_names import composed
from harness.dataset.labels.kaggle import IMAGES_BELOW, SOLUTION, is_solution
from harness.dataset.remote.mirror import present
from harness.dataset.sources.class_folders import plain_class
from harness.dataset.sources.folder_entries import entries_of
from harness.dataset.sources.suffixes import is_hidden, is_image_name
from harness.dataset.sources.tfrecord import is_tfrecord_name
from harness.dataset.sources.unmarked import unmarked_images
from harness.dataset.sources.webdataset import is_webdataset
from harness.disk.arrow_errors import arrow_errors
from harness.errors import DatasetError
from harness.text import first_line

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".7z", ".rar")
_LISTS = (".csv", ".tsv", ".txt", ".lst")


@dataclass(frozen=True)
class Found:
    """A form, and the path at which it lies: the given one, or a place below it.

    ``left_out``: folders next to that place which are not read, from the given path on.
    """

    form: str
    path: Path
    left_out: tuple[str, ...] = ()


def recognise(path: Path, class_names: Sequence[str] = ()) -> Found:
    """Return the form of the content of ``path``. Raises DatasetError if it is not a known one.

    ``class_names``: names that folders of classes may have, in addition to WordNet ids and numbers.

    ``flat`` stands for any folder of image files; the source of its labels is found later.
    """
    if path.is_dir():
        return _folder(path, frozenset(class_names))
    if not path.is_file():
        raise DatasetError(f"{path}: neither a folder nor an ordinary file; set dataset.path to the image set")
    if is_capsule(path):
        return Found("capsule", path)
    name = path.name.lower()
    if name.endswith(".tar"):
        return Found("webdataset" if is_webdataset(path) else "tar", path)
    if name.endswith(".parquet"):
        return Found(_parquet(path), path)
    if name.endswith(".arrow"):
        return Found("parquet", path)
    if is_tfrecord_name(name):
        return Found("tfrecord", path)
    if is_solution(path):
        return Found("kaggle", _kaggle_images(path.parent))
    if name.endswith(_LISTS):
        return Found("manifest", path)
    if name.endswith(_COMPRESSED):
        raise DatasetError(
            f"{path}: a compressed archive, so that images cannot be read in place; unpack it, or `gunzip` a .tar.gz"
        )
    raise DatasetError(f"{path}: not an image set: expected a folder, .tar, .tfrecord, .parquet, or a list (.csv)")


def _parquet(path: Path) -> str:
    import pyarrow.parquet as pq

    from harness.dataset.sources.arrow_columns import image_column

    present(path)
    try:
        schema = pq.read_schema(path)
    except arrow_errors() as error:
        raise DatasetError(f"{path}: cannot be read as Parquet: {first_line(error)}") from None
    return "parquet" if image_column(schema, path) else "manifest"


def _kaggle_images(root: Path) -> Path:
    return root / IMAGES_BELOW if (root / IMAGES_BELOW).is_dir() else root


def _folder(path: Path, class_names: frozenset[str] = frozenset()) -> Found:
    try:
        every = [entry for entry in entries_of(path) if not is_hidden(entry[0])]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    files = sorted(name for name, is_folder in every if not is_folder)
    folders = sorted(name for name, is_folder in every if is_folder)
    if (path / IMAGES_BELOW).is_dir():
        return Found("kaggle", path / IMAGES_BELOW)
    loose = sum(is_image_name(name) for name in files)
    if loose:
        if SOLUTION not in files and loose < len(folders) and _are_classes(folders, class_names):
            return Found("class_folders", path)  # a few images are next to them
        return Found("kaggle" if SOLUTION in files else "flat", path)
    return _shards(path, files) or _below(path, files, folders)


def _are_classes(folders: list[str], class_names: frozenset[str] = frozenset()) -> bool:
    composed_names = frozenset(map(composed, class_names))
    known = sum(composed(name) in composed_names or plain_class(name) is not None for name in folders)
    return known * 2 > len(folders)


def _shards(path: Path, files: list[str]) -> Found | None:
    if any(name.endswith(".arrow") for name in files):
        return Found("parquet", path)
    if any(is_tfrecord_name(name) for name in files):
        return Found("tfrecord", path)
    parquet = [name for name in files if name.endswith(".parquet")]
    if parquet:
        if len(parquet) == 1 and _parquet(path / parquet[0]) == "manifest":
            return Found("manifest", path / parquet[0])
        return Found("parquet", path)
    archives = [name for name in files if name.endswith(".tar")]
    original = "ILSVRC2012_img_val.tar"
    if original in archives:
        return Found("tar", path / original)
    if archives and is_webdataset(path / archives[0]):
        return Found("webdataset", path)
    if len(archives) == 1:
        return Found("tar", path / archives[0])
    if archives:
        raise DatasetError(
            f"{path}: {len(archives)} tar archives without labels in them; set dataset.path to one of them"
        )
    return None


def _one_of(path: Path, chosen: str, folders: list[str]) -> Found:
    found = _folder(path / chosen)
    beside = tuple(name for name in folders if name != chosen)
    return replace(found, left_out=(*beside, *(f"{chosen}/{name}" for name in found.left_out)))


def _below(path: Path, files: list[str], folders: list[str]) -> Found:
    versions = [name for name in folders if _VERSION.fullmatch(name)]
    if versions:  # TensorFlow Datasets: name/version/
        return _one_of(path, max(versions, key=lambda name: tuple(map(int, name.split(".")))), folders)
    if _are_classes(folders):
        return Found("class_folders", path)
    for name in ("data", "val", "validation", "ILSVRC2012_img_val", "images"):  # the first as Hugging Face has it
        if name in folders:
            return _one_of(path, name, folders)
    lists = [name for name in files if name.endswith((".csv", ".tsv"))]
    if len(lists) == 1:
        return Found("manifest", path / lists[0])
    if folders:
        return Found("class_folders", path)
    if any(unmarked_images(path, files)):
        return Found("flat", path)
    archive = next((name for name in files if name.lower().endswith(_COMPRESSED)), None)
    if archive:
        return recognise(path / archive)
    raise DatasetError(
        f"{path}: not a known form of image set; it contains {', '.join(files[:5]) or 'nothing'}. "
        "docs/datasets.md lists the forms"
    )
