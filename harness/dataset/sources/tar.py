"""`ILSVRC2012_img_val.tar` as it is downloaded: images are read inside the archive."""

from __future__ import annotations

from pathlib import Path

from harness.dataset.sources.pictures import Pictures, Slice, slices
from harness.dataset.sources.suffixes import has_no_suffix, is_image_name, left_out
from harness.dataset.sources.tar_index import members
from harness.dataset.sources.unmarked import is_image_at
from harness.errors import DatasetError

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")


def open_tar(path: Path) -> Pictures:
    """Return the images of a tar archive, sorted by name. Raises DatasetError if it has none or is damaged."""
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
    return Pictures("tar", names, read, signature, notes=left_out(path, other, "members"))
