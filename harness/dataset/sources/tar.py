"""`ILSVRC2012_img_val.tar` as it is downloaded: images are read inside the archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.dataset.imagenet import label_of
from harness.dataset.labels.class_names import ByName, classes_by_name
from harness.dataset.sources.class_folders import plain_class
from harness.dataset.sources.pictures import Pictures, Slice, slices
from harness.dataset.sources.suffixes import has_no_suffix, is_image_name, left_out
from harness.dataset.sources.tar_index import members
from harness.dataset.sources.unmarked import is_image_at
from harness.errors import DatasetError

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")


def open_tar(path: Path, class_names: Sequence[str] | None = None) -> Pictures:
    """Return the images of a tar archive, sorted by name, with classes where it has a folder for each.

    Raises DatasetError if it has none or is damaged.
    """
    found: dict[str, Slice] = {}
    other: list[str] = []
    for name, offset, length in members(path):
        if not is_image_name(name) and not (has_no_suffix(name) and is_image_at(path, offset, length)):
            other.append(name)
        elif name in found:
            raise DatasetError(f"{path}: contains {name} twice; create the archive again")
        else:
            found[name] = Slice(0, offset, length)
    if not found:
        inner = next((name for name in other if name.lower().endswith(_ARCHIVES)), None)
        hint = f", only other archives, such as {inner}; unpack it, and set dataset.path to the folder" if inner else ""
        raise DatasetError(f"{path}: contains no image{hint}")
    names = sorted(found)
    read, signature = slices([path], [found[name] for name in names])
    classes = _by_folder(names, class_names)
    source = "" if classes is None else f"the folders in {path}"
    return Pictures("tar", names, read, signature, classes, source, notes=left_out(path, other, "members"))


def _by_folder(names: Sequence[str], class_names: Sequence[str] | None) -> list[int] | None:
    """Return the classes that the images' folders stand for; None where one stands for none, or names are official."""
    if all(label_of(name) is not None for name in names):
        return None
    by_name = classes_by_name(class_names)
    folders = {name: name.rpartition("/")[0].rpartition("/")[2] for name in names}
    classes = {folder: _class(folder, by_name) for folder in set(folders.values())}
    found = [label for name in names if (label := classes[folders[name]]) is not None]
    return found if len(found) == len(names) else None


def _class(folder: str, by_name: ByName) -> int | None:
    if folder in by_name:
        return by_name[folder][0] if len(by_name[folder]) == 1 else None
    return None if by_name else plain_class(folder)
