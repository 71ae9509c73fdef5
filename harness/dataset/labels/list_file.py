"""Reads a list of images and classes in any usual format, as a table to join with the images.

In addition to `name class` lines: comments, headers with column names of any kind, `class name` lines, MXNet's `.lst`
(index, class, path), Tiny ImageNet's `val_annotations.txt` (name, WordNet id, box), and classes alone in the order of
the images' names.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from harness.dataset.labels.class_names import ByName, classes_by_name
from harness.dataset.labels.listing import Line, class_of, has_header, is_class, lines_of, numbered_lines, safe_name
from harness.dataset.labels.table import LabelTable
from harness.dataset.sources.suffixes import is_image_name
from harness.errors import DatasetError

_REMARK = re.compile(r"(.*\S)\s+#.*")
_WHOLE = re.compile(r"[0-9]{1,18}")
_REAL = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_SEPARATOR_LINE = re.compile(r"sep=[,;\t|]?", re.IGNORECASE)  # as spreadsheets write it (a tab was stripped)
_SEPARATORS = ("\t", ",", ";", "|", None)
_COMMENTS = ("#", "//", ";", "%")


def read_list(path: Path, class_names: Sequence[str] | None = None) -> LabelTable:
    """Read a list; one without any image is empty, and nothing evaluated never passes.

    Raises DatasetError with file and line where it cannot be read.
    """
    by_name = classes_by_name(class_names)
    every = numbered_lines(path)
    lines = _without_class_header(
        [(number, _without_remark(line, by_name)) for number, line in every if not _is_comment(line)], by_name
    )
    if not lines:
        return LabelTable(str(path), [], [])
    if all(line[-1] in ",;|" for _, line in lines):  # as some tables end every line
        lines = [(number, line[:-1].rstrip()) for number, line in lines]
    if all(is_class(line, by_name) for _, line in lines):
        classes = [class_of(line, by_name, f"{path}:{number}") for number, line in lines]
        return LabelTable(str(path), [], classes, by_order=True)
    read = (
        _mxnet(path, lines)
        or _tiny_imagenet(path, lines, by_name)
        or _class_first(path, lines, by_name)
        or _unknown_header(path, lines, by_name)
        or _words_behind(path, lines, by_name)
    )
    read = read if read is not None else lines_of(path, lines, by_name, absolute=True)
    classes = [class_of(line.label, by_name, f"{path}:{line.number}") for line in read]
    return LabelTable(
        str(path),
        [line.name for line in read],
        classes,
        lines=[line.number for line in read],
        wnids=[line.wnid for line in read],
    )


def _is_comment(line: str) -> bool:
    """Return whether a line is a comment, or names the separator; and not an image whose name begins with `#`."""
    if _SEPARATOR_LINE.fullmatch(line):
        return True
    if not line.startswith(_COMMENTS) or (line[0] != "#" and is_class(_last(line), {})):
        return False
    return not any(is_image_name(word.strip('"')) for word in re.split(r"[\s,;]+", line))


def _without_remark(line: str, by_name: ByName) -> str:
    found = _REMARK.fullmatch(line)
    if found and not is_class(re.split(r"[\s,;]", line)[-1], by_name) and is_class(_last(found[1]), by_name):
        return found[1]
    return line


def _last(line: str) -> str:
    return re.split(r"[\s,;]", line)[-1].strip('"')


def _mxnet(path: Path, lines: Sequence[tuple[int, str]]) -> list[Line] | None:
    """Read `index<tab>class<tab>path` lines, as MXNet's im2rec writes them."""
    rows = [(number, line.split("\t")) for number, line in lines]
    if not any("\t" in line for _, line in lines):
        rows = _numbered_rows(lines)
    for _, fields in rows:
        numbers = all(_REAL.fullmatch(field.strip()) for field in fields[1:-1])
        if len(fields) < 3 or not numbers or not _WHOLE.fullmatch(fields[0].strip()) or _REAL.fullmatch(fields[-1]):
            return None
    several = next(((number, fields) for number, fields in rows if len(fields) > 3), None)
    if several:
        raise DatasetError(
            f"{path}:{several[0]}: {len(several[1]) - 2} labels for one image, but one class is needed; keep one"
        )
    return [_line(path, number, fields[2].strip(), fields[1].strip()) for number, fields in rows]


def _numbered_rows(lines: Sequence[tuple[int, str]]) -> list[tuple[int, list[str]]]:
    """Return the fields of lines of three, of which the first is another number in each; no fields for other lines."""
    for separator in (None, ",", ";", "|"):
        rows = [(number, _fields(line, separator)) for number, line in lines]
        if all(len(row) == 3 and is_image_name(row[2]) for _, row in rows) and len({row[0] for _, row in rows}) == len(
            rows
        ):
            return rows
    return [(number, []) for number, _ in lines]


def _words_behind(path: Path, lines: Sequence[tuple[int, str]], by_name: ByName) -> list[Line] | None:
    """Read `name class words` lines without a header: what stands behind the class is a remark."""
    for separator in _SEPARATORS:
        rows = [_fields(line, separator) for _, line in lines]
        if all(len(row) > 2 and is_image_name(row[0]) and is_class(row[1], by_name) for row in rows) and not any(
            is_class(row[-1], by_name) for row in rows
        ):
            return [_line(path, number, row[0], row[1]) for (number, _), row in zip(lines, rows, strict=True)]
    return None


def _tiny_imagenet(path: Path, lines: Sequence[tuple[int, str]], by_name: ByName) -> list[Line] | None:
    """Read `name<tab>class<tab>x<tab>y<tab>x<tab>y` lines, as Tiny ImageNet's validation set has them."""
    rows = [(number, line.split("\t")) for number, line in lines]
    for _, fields in rows:
        box = all(_WHOLE.fullmatch(field.strip()) for field in fields[2:])
        if len(fields) != 6 or not box or not is_class(fields[1].strip(), by_name):
            return None
    return [_line(path, number, fields[0].strip(), fields[1].strip()) for number, fields in rows]


def _without_class_header(lines: list[tuple[int, str]], by_name: ByName) -> list[tuple[int, str]]:
    """Return the lines without the word above them, where all others are classes alone."""
    first, others = lines[0][1] if lines else "", lines[1:]
    is_word = not is_class(first, by_name) and not is_image_name(first) and not re.search(r"[\s,;]", first)
    return others if is_word and others and all(is_class(line, by_name) for _, line in others) else lines


def _class_first(path: Path, lines: Sequence[tuple[int, str]], by_name: ByName) -> list[Line] | None:
    """Read `class name` lines: two columns, of which the first is a class and the second a name of an image."""
    for separator in _SEPARATORS:
        rows = [_fields(line, separator) for _, line in lines]
        if all(len(row) == 2 and is_class(row[0], by_name) and is_image_name(row[1]) for row in rows):
            return [_line(path, number, row[1], row[0]) for (number, _), row in zip(lines, rows, strict=True)]
    return None


def _unknown_header(path: Path, lines: Sequence[tuple[int, str]], by_name: ByName) -> list[Line] | None:
    """Read a table whose first line names columns that are not known: by the values in the columns."""
    if len(lines) < 2 or has_header(lines[0][1]):
        return None
    for separator in _SEPARATORS:
        rows = [_fields(line, separator) for _, line in lines]
        width = len(rows[0])
        if width < 2 or any(len(row) != width for row in rows) or any(is_class(field, by_name) for field in rows[0]):
            continue
        if any(is_image_name(field) for field in rows[0]):
            return None
        # A column without a name is the index that pandas writes.
        named = [place for place in range(width) if rows[0][place]]
        labels = [place for place in named if all(is_class(row[place], by_name) for row in rows[1:])]
        names = [place for place in range(width) if all(is_image_name(row[place]) for row in rows[1:])]
        if not names and width == 2 and len(labels) == 1:
            names = [1 - labels[0]]
        if len(labels) == 1 and len(names) == 1:
            numbers = [number for number, _ in lines[1:]]
            return [
                _line(path, number, row[names[0]], row[labels[0]])
                for number, row in zip(numbers, rows[1:], strict=True)
            ]
    return None


def _fields(line: str, separator: str | None) -> list[str]:
    try:
        fields = line.split() if separator is None else next(csv.reader([line], delimiter=separator))
    except (csv.Error, StopIteration):
        return []
    return [field.strip() for field in fields]


def _line(path: Path, number: int, name: str, label: str) -> Line:
    return Line(safe_name(name, f"{path}:{number}", absolute=True), label, number)
