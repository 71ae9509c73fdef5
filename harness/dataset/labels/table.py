"""A table of labels by image name, and its join with images that lie somewhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.dataset.imagenet import number_of
from harness.errors import DatasetError

_SHOWN = 5


@dataclass(frozen=True)
class LabelTable:
    """0-based classes by image name, in the table's order.

    ``source``: where it was read from; ``whole``: it describes a whole published set, of which the images may be a part
    (otherwise every named image has to be there). ``notes``: whatever was odd, in sentences.
    """

    source: str
    names: Sequence[str]
    classes: Sequence[int]
    whole: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Joined:
    """Rows of the images with their classes: image ``rows[i]`` has class ``classes[i]``."""

    rows: list[int]
    classes: list[int]
    notes: tuple[str, ...]


def join(images: Sequence[str], table: LabelTable, *, place: str) -> Joined:
    """Join images with a table by name: exactly, or else by the last part of the name without its suffix.

    The order is the table's, or the images' where the table is a whole published set. ``place`` names the images.
    Raises DatasetError for names that stand twice or fit two images, for labels without image (not in a table that is
    ``whole``), and for images without label (there a list may leave images out, which is noted).
    """
    exact = {name: row for row, name in enumerate(images)}
    loose: dict[str, list[int]] = {}
    for number, name in enumerate(images):
        loose.setdefault(key(name), []).append(number)
    found: dict[int, int] = {}
    twice: list[str] = []
    absent: list[str] = []
    unclear: list[str] = []
    for name, label in zip(table.names, table.classes, strict=True):
        row = exact.get(name)
        if row is None:
            near = loose.get(key(name), [])
            if len(near) > 1:
                unclear.append(name)
                continue
            row = near[0] if near else None
        if row is None:
            absent.append(name)
        elif row in found:
            twice.append(name)
        else:
            found[row] = label
    if twice:
        raise DatasetError(f"{table.source}: {listed(twice, 'image')} listed twice; keep one line for each")
    if unclear:
        raise DatasetError(
            f"{table.source}: {listed(unclear, 'name')} that more than one image of {place} has; "
            "write names with folders"
        )
    return _checked(images, table, found, absent, place)


def _checked(images: Sequence[str], table: LabelTable, found: dict[int, int], absent: list[str], place: str) -> Joined:
    notes = list(table.notes)
    unlabelled = [name for row, name in enumerate(images) if row not in found]
    if not found and table.names:
        raise DatasetError(
            f"{table.source}: no label fits any image of {place}: the images are called {_few(images)}, "
            f"the labels are for {_few(table.names)}"
        )
    if table.whole:
        if unlabelled:
            raise DatasetError(
                f"{place}: {listed(unlabelled, 'image')} without a label in {table.source}; take them out, or set "
                "dataset.labels to a list that has them"
            )
        if absent:
            notes.append(f"{len(found):,} images of the {len(table.names):,} that {table.source} has labels for")
        rows = sorted(found)
        return Joined(rows, [found[row] for row in rows], tuple(notes))
    if absent:
        raise DatasetError(
            f"{table.source}: {listed(absent, 'label')} without an image in {place}; set dataset.path to what holds "
            "them, or mend the list"
        )
    if unlabelled:
        notes.append(f"{place}: {listed(unlabelled, 'image')} without a label in {table.source}, not evaluated")
    return Joined(list(found), list(found.values()), tuple(notes))


def key(name: str) -> str:
    """Return what joins an image whose name differs between forms: its ILSVRC2012 number, or the last part's stem."""
    number = number_of(name)
    if number is not None:
        return f"ILSVRC2012_val_{number:08d}"
    last = name.rpartition("/")[2]
    stem, dot, _ = last.rpartition(".")
    return stem if dot and stem else last


def listed(names: Sequence[str], what: str) -> str:
    """Return "3 images (a, b, c)" with the first few named."""
    return f"{len(names):,} {what}{'s' if len(names) != 1 else ''} ({_few(names)})"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
