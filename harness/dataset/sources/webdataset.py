"""WebDataset shards: tar archives in which `key.jpg` and `key.cls` or `key.json` belong together.

Read with the tar index instead of the `webdataset` package, which only streams: random access gives resume, exact
shards and the same order every time.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from harness.dataset.labels.class_names import ByName, classes_by_name
from harness.dataset.labels.listing import WNID_COLUMNS, class_of
from harness.dataset.sources.identity import distinct_names
from harness.dataset.sources.pictures import Pictures, Slice, read_slice, slices
from harness.dataset.sources.shard_files import empty_shards
from harness.dataset.sources.suffixes import has_no_suffix, is_clutter, is_image_name, left_out
from harness.dataset.sources.tar_index import members
from harness.dataset.sources.unmarked import is_image_at
from harness.errors import DatasetError

_LARGEST_LABEL = 1 << 16
_BESIDE = frozenset({"txt", "caption", "npy", "pyd", "pickle", "id", "index"})  # further fields of a sample
_Key = tuple[int, str]  # shard, and name within it: another shard may use the name again
_LABEL_KEYS = ("label", "cls", "class", "class_id", "class_index", "wnid", "synset")


def is_webdataset(path: Path) -> bool:
    """Return whether one of the first members of a tar archive is a label. Raises DatasetError if it is damaged."""
    real = (name for name, _, _ in members(path) if not is_clutter(name))
    for count, name in enumerate(real):
        if name.lower().endswith((".cls", ".json")):
            return True
        if count >= 32:
            break
    return False


def open_webdataset(files: Sequence[Path], class_names: Sequence[str] | None = None) -> Pictures:
    """Return the samples of the shards, in the order of ``files`` and of their members.

    Raises DatasetError that names samples without image or label, and labels that are none.
    """
    images: dict[_Key, tuple[str, Slice]] = {}
    labels: dict[_Key, tuple[str, Slice]] = {}
    beside: dict[_Key, Slice] = {}  # JSON of samples, which counts where there is no .cls
    other: list[str] = []
    for index, path in enumerate(files):
        for name, offset, length in members(path):
            folder, slash, last = name.rpartition("/")
            stem, _, suffix = last.partition(".")
            sample, place = (index, f"{folder}{slash}{stem}"), Slice(index, offset, length)
            if is_clutter(name):
                other.append(name)
                continue
            if suffix.lower() in ("cls", "json"):
                suffix = suffix.lower()
            kind = labels if suffix in ("cls", "json") else images if is_image_name(f"x.{suffix}") else None
            if kind is None and not suffix and has_no_suffix(name) and is_image_at(path, offset, length):
                kind = images  # its key is the whole name of the member
            if kind is None:
                other += [name] if last.startswith(".") or suffix.rpartition(".")[2] not in _BESIDE else []
                continue
            if sample in kind and (kind is images or kind[sample][0] == suffix):
                raise _twice(path, sample[1], kind[sample][0], suffix)
            if suffix == "json":
                beside[sample] = place
            if kind is images or suffix == "cls" or sample not in kind:  # .cls goes before .json
                kind[sample] = (suffix, place)
    _complete(files, images, labels)
    by_name = classes_by_name(class_names)
    paths = [str(path) for path in files]
    told = [_label(paths, sample[1], labels[sample], beside.get(sample), by_name) for sample in images]
    read, signature = slices(files, [place for _, place in images.values()])
    names = [f"{sample}.{suffix}" if suffix else sample for (_, sample), (suffix, _) in images.items()]
    names = distinct_names(names, [files[file].name for file, _ in images], read)
    notes = left_out(files[0].parent if len(files) > 1 else files[0], other, "members")
    notes += empty_shards(files, {file for file, _ in images})
    kinds = sorted({suffix for suffix, _ in labels.values()})
    source = f"the shards' .{' and .'.join(kinds)}"
    classes, wnids = [label for label, _ in told], [wnid for _, wnid in told]
    return Pictures("webdataset", names, read, signature, classes, source, wnids=wnids, notes=notes)


def _twice(path: Path, sample: str, one: str, other: str) -> DatasetError:
    if one == other:
        return DatasetError(f"{path}: the sample {sample} appears twice in the shards")
    first, second = (f"{sample}.{suffix}" if suffix else sample for suffix in (one, other))
    return DatasetError(f"{path}: the sample {sample} has two images, {first} and {second}; keep one of them")


def _complete(
    files: Sequence[Path], images: dict[_Key, tuple[str, Slice]], labels: dict[_Key, tuple[str, Slice]]
) -> None:
    where = files[0].parent if len(files) > 1 else files[0]
    if not images:
        raise DatasetError(f"{where}: the shards contain no image")
    for what, missing in (
        ("images without label (.cls or .json)", images.keys() - labels.keys()),
        ("labels without image", labels.keys() - images.keys()),
    ):
        if missing:
            shown = ", ".join(name for _, name in sorted(missing)[:5])
            raise DatasetError(f"{where}: {len(missing)} {what}: {shown}; make the shards again")


def _label(
    paths: Sequence[str], sample: str, found: tuple[str, Slice], beside: Slice | None, by_name: ByName
) -> tuple[int, str | None]:
    """Return a sample's class and the WordNet id that its JSON has next to it. ``beside``: JSON that is next to a .cls.

    Raises DatasetError if there is no class, or the two files have different ones.
    """
    suffix, place = found
    where = f"{paths[place.file]}: {sample}.{suffix}"
    text = _text(paths, place, where)
    fields: object = {}
    if suffix == "json":
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{where}: cannot be read: {error}") from None
        named = [fields[key] for key in _LABEL_KEYS if key in fields] if isinstance(fields, dict) else [fields]
        text = _written(named[0], where) if named else ""
    if not text:
        raise DatasetError(f"{where}: no label in it" + (f" ({', '.join(_LABEL_KEYS)})" if suffix == "json" else ""))
    label = class_of(text, by_name, where)
    if beside and beside.length <= _LARGEST_LABEL:
        with contextlib.suppress(DatasetError, ValueError, RecursionError):  # it may be about anything else
            fields = json.loads(_text(paths, beside, where))
    other = fields.get("label") if suffix == "cls" and isinstance(fields, dict) else None
    if isinstance(other, int) and not isinstance(other, bool) and other != label:
        raise DatasetError(f"{where}: class {label}, and {other} in the .json beside it; remove the wrong one")
    wnids = [fields[key] for key in WNID_COLUMNS if key in fields] if isinstance(fields, dict) else []
    return label, next((wnid for wnid in wnids if isinstance(wnid, str)), None)


def _text(paths: Sequence[str], place: Slice, where: str) -> str:
    if place.length > _LARGEST_LABEL:
        raise DatasetError(f"{where}: {place.length:,} bytes are not a label")
    try:
        return read_slice(paths[place.file], place.offset, place.length).decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{where}: cannot be read: {error}") from None


def _written(value: object, where: str) -> str:
    """Return a class of JSON as a list would write it. Raises DatasetError if it is neither a number nor text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        shown = f"{str(value)[:80]!r} is not a class"
        raise DatasetError(f"{where}: {shown}; a whole number, a name or a WordNet id is needed")
    return str(value)
