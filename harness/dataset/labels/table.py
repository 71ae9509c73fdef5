"""A table of labels by image name, and its join with images that are somewhere else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from harness.dataset.imagenet import number_of
from harness.dataset.labels.listing import outside
from harness.dataset.labels.matching import match
from harness.dataset.sources.suffixes import is_clutter, left_out
from harness.errors import DatasetError

_SHOWN = 5


@dataclass(frozen=True)
class LabelTable:
    """0-based classes by image name, in the table's order.

    ``source``: where it was read from; ``whole``: it describes a whole published set, of which the images may be a part
    (otherwise every named image has to be there). ``notes``: sentences about unusual content. ``by_order``: it has no
    names, and its classes are those of the images in the order of their names. ``lines``: where in ``source`` each name
    stands, counted from 1, where that is known. ``wnids``: the WordNet id that is next to each class, if any does.
    """

    source: str
    names: Sequence[str]
    classes: Sequence[int]
    whole: bool = False
    notes: tuple[str, ...] = ()
    by_order: bool = False
    lines: Sequence[int] = ()
    wnids: Sequence[str | None] = ()


@dataclass(frozen=True)
class Joined:
    """Rows of the images with their classes: image ``rows[i]`` has class ``classes[i]``."""

    rows: list[int]
    classes: list[int]
    notes: tuple[str, ...]


def join(images: Sequence[str], table: LabelTable, *, place: str) -> Joined:
    """Join images with a table by name: exactly, or else as `matching.match` finds them.

    The order is the table's, or the images' where the table is a whole published set. ``place`` names the images.
    Raises DatasetError for names that are listed twice or fit two images, for labels without image (not in a table that
    is ``whole``), and for images without label (there a list may leave images out, which is noted).
    """
    table = without_clutter(with_names(images, table, place=place))
    rows = matched(images, table, place=place)
    found: dict[int, int] = {}
    twice: list[str] = []
    absent: list[str] = []
    other: list[tuple[str, str]] = []
    for name, label, row in zip(table.names, table.classes, rows, strict=True):
        if row is None:
            absent.append(name)
        elif row in found:
            twice.append(name)
        else:
            found[row] = label
            if name != images[row]:
                other.append((name, images[row]))
    if twice:
        raise DatasetError(f"{table.source}: {listed(twice, 'image')} listed twice; keep one line for each")
    if other and not table.whole:
        table = replace(table, notes=(*table.notes, spelled(table.source, other)))
    return _checked(images, table, found, absent, place)


def without_clutter(table: LabelTable) -> LabelTable:
    """Return a table without the names of what a system left behind, with a note on those."""
    clutter = [is_clutter(name.rpartition("/")[2] if name.startswith("/") else name) for name in table.names]
    if not any(clutter):
        return table
    kept = [row for row, out in enumerate(clutter) if not out]
    return replace(
        table,
        names=[table.names[row] for row in kept],
        classes=[table.classes[row] for row in kept],
        lines=[table.lines[row] for row in kept] if table.lines else (),
        wnids=[table.wnids[row] for row in kept] if table.wnids else (),
        notes=(
            *table.notes,
            *left_out(table.source, [table.names[row] for row, out in enumerate(clutter) if out], "names"),
        ),
    )


def spelled(source: str, other: Sequence[tuple[str, str]]) -> str:
    """Return the note on names that were joined with images whose names are written in another way."""
    image = other[0][1]
    return f"{source}: {listed([name for name, _ in other], 'name')} joined with images such as {image}"


def with_names(images: Sequence[str], table: LabelTable, *, place: str) -> LabelTable:
    """Give a table without names those of the images, sorted; any other table is returned as it is.

    Raises DatasetError if there are more or fewer classes than images, or the order of the names is not clear.
    """
    if not table.by_order:
        return table
    if len(images) != len(table.classes):
        raise DatasetError(
            f"{table.source}: {len(table.classes):,} classes without names, and {place} has {len(images):,} images; "
            "write `name class` lines"
        )
    names = sorted(images)
    for before, after in pairwise(names):
        if _numbered(before) > _numbered(after):
            raise DatasetError(
                f"{table.source}: classes without names follow the order of the images' names, which is "
                f"ambiguous: {before} is before {after} as text, but after it by number; write `name class` lines"
            )
    note = f"{table.source}: classes without names, taken in the order of the names of the images"
    return replace(table, names=names, by_order=False, notes=(*table.notes, note))


def _numbered(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts numbers inside names by value."""
    parts = re.split(r"([0-9]+)", name)
    return [(1, int(part), "") if number % 2 else (0, 0, part) for number, part in enumerate(parts)]


def matched(images: Sequence[str], table: LabelTable, *, place: str) -> list[int | None]:
    """Return the image of each name of a table, or None.

    Raises DatasetError for names that fit two images equally well, and for absolute paths that fit none.
    """
    found = match(images, table.names)
    if found.unclear:
        name, one, other = found.unclear[0]
        raise DatasetError(
            f"{table.source}: {listed([name for name, _, _ in found.unclear], 'name')} that more than one image of "
            f"{place} has: {name} may be {images[one]} or {images[other]}; write names with folders and suffix"
        )
    if not table.whole:
        for number, (name, row) in enumerate(zip(table.names, found.rows, strict=True)):
            if row is None and name.startswith("/"):
                raise outside(name, f"{table.source}:{table.lines[number]}" if table.lines else table.source)
    return found.rows


def _checked(images: Sequence[str], table: LabelTable, found: dict[int, int], absent: list[str], place: str) -> Joined:
    notes = list(table.notes)
    unlabelled = [name for row, name in enumerate(images) if row not in found]
    if not found and table.names:
        raise DatasetError(
            f"{table.source}: no label matches an image of {place}: the images are named {_few(images)}, the "
            f"labels are for {_few(table.names)}"
        )
    if table.whole:
        if unlabelled:
            raise DatasetError(
                f"{place}: {listed(unlabelled, 'image')} without a label in {table.source}; remove these images, "
                "or set dataset.labels to a list that contains them"
            )
        if absent:
            notes.append(f"{len(found):,} images of the {len(table.names):,} that {table.source} has labels for")
        rows = sorted(found)
        return Joined(rows, [found[row] for row in rows], tuple(notes))
    if absent:
        raise DatasetError(
            f"{table.source}: {listed(absent, 'label')} without an image in {place}; set dataset.path to the "
            "folder that contains the images, or fix the list"
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
