r"""Lists of images and classes as people write them: `name class`, tabs, commas, a header, quoted names.

A line is a name, a separator (white space, tab, comma or semicolon) and a class: a number from 0, a WordNet id, or a
class name of `dataset.class_names`. With a header, whose column names are known, columns may have any order.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath

from harness.dataset.imagenet import class_of_wnid, label_of
from harness.dataset.labels.class_names import ByName, classes_by_name
from harness.dataset.sources.suffixes import is_image_name
from harness.errors import DatasetError

NAME_COLUMNS = (
    "image_id",
    "imageid",
    "image",
    "filename",
    "file_name",
    "file",
    "path",
    "image_path",
    "img_path",
    "file_path",
    "filepath",
    "filepaths",
    "image_name",
    "img_name",
    "name",
    "img",
    "id",
)
CLASS_COLUMNS = (
    "label",
    "class",
    "class_id",
    "classid",
    "label_id",
    "class_index",
    "target",
    "category",
    "synset",
    "wnid",
    "labels",
    "label_idx",
    "label_index",
    "class_idx",
    "category_id",
    "ground_truth",
    "fine_label",
)
WNID_COLUMNS = ("wnid", "synset")
_LARGEST = 1 << 28  # bytes of a list
_DIGITS = 18  # of a class
_LONGEST = 8192  # characters of a line
_NUMBER = re.compile(r"([+-]?[0-9]{1,18})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")  # 65.0 and 6.5e+01 as tables write
_WNID = re.compile(r"n[0-9]{8}")
_SEPARATORS = "\t,;|"
_MARKS = (  # the first two bytes of a mark of UTF-32 are the mark of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARK = re.compile("^\ufeff+", re.MULTILINE)
_QUOTED_NAME = re.compile(r'"((?:[^"]|"")*)"\s*[\s,;|]\s*"?([^"\s]+)"?')
_QUOTED_CLASS = re.compile(r'([^"]*[^"\s,;|])\s*[\s,;|]\s*"([^"]*)"')
_SINGLE_QUOTED = re.compile(r"'([^']*)'\s*[\s,;|:=]\s*'?([^'\s]+)'?")
_ASSIGNED = re.compile(r"(.*[^\s:=])\s*[:=]\s*(\S+)")  # `name: 65` and `name=65`
_PACKED = ((b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "zip"), (b"\x93NUMPY", "NumPy"), (b"\x80", "pickle"))


@dataclass(frozen=True)
class Line:
    """One image of a list: name, class as written, number of the line from 1, and the WordNet id next to the class."""

    name: str
    label: str
    number: int
    wnid: str | None = None


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a text that are not empty, with their numbers from 1. Raises DatasetError."""
    return [(number, line.strip()) for number, line in enumerate(read_text(path).split("\n"), start=1) if line.strip()]


def lines_of(path: Path, lines: Sequence[tuple[int, str]], by_name: ByName, *, absolute: bool = False) -> list[Line]:
    """Return the images that the lines of a list name, below its header if it has one.

    ``absolute``: absolute paths are let through. Raises DatasetError with file and line, and where the header names a
    column twice.
    """
    header = _header(lines[0][1]) if lines else None
    if header:
        return _by_header(path, lines[0][0], lines[1:], header, by_name, absolute=absolute)
    return [_pair(path, number, line, absolute=absolute) for number, line in lines]


def read_text(path: Path) -> str:
    """Return a list's text: UTF-8, or UTF-16 or UTF-32 with its mark, as spreadsheets and PowerShell write it.

    Every line end is that of Unix. Raises DatasetError if it is unreadable, another encoding, or far too large.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > _LARGEST:
        raise DatasetError(f"{path}: larger than {_LARGEST:,} bytes; this is not a list of images")
    kind = next((kind for start, kind in _PACKED if raw.startswith(start)), None)
    if kind:
        raise DatasetError(f"{path}: a {kind} file, not text; a list has one `name class` per line")
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise DatasetError(f"{path}: not UTF-8 text; a list has one `name class` per line") from None
    # Lists that were joined from several files have marks inside them, and line ends of several systems.
    return _MARK.sub("", re.sub("\r\n?", "\n", text)).rstrip("\x1a")  # the end of a file, as DOS marks it


@dataclass(frozen=True)
class _Header:
    separator: str | None  # None: white space
    fields: int
    name: int
    labels: tuple[int, ...]  # columns of classes, the likeliest first
    wnids: tuple[int, ...]  # columns of WordNet ids
    twice: str | None  # a column that stands there again


def _header(line: str) -> _Header | None:
    for separator in (*_SEPARATORS, None):
        fields = [column_name(field) for field in line.split(separator)]
        name = next((fields.index(column) for column in NAME_COLUMNS if column in fields), None)
        labels = tuple(fields.index(column) for column in CLASS_COLUMNS if column in fields)
        if name is not None and labels:
            twice = next((fields[place] for place in (name, *labels) if fields.count(fields[place]) > 1), None)
            wnids = tuple(fields.index(column) for column in WNID_COLUMNS if column in fields)
            return _Header(separator, len(fields), name, labels, wnids, twice)
    return None


def column_name(text: str) -> str:
    """Return the name of a column as NAME_COLUMNS and CLASS_COLUMNS have it: `File Name` is `file_name`."""
    return re.sub(r"[\s-]+", "_", text.strip().strip("\"'").strip()).lower()


def has_header(line: str) -> bool:
    """Return whether the first line of a list has known column names."""
    return _header(line) is not None


def _by_header(
    path: Path, first: int, lines: Sequence[tuple[int, str]], header: _Header, by_name: ByName, *, absolute: bool
) -> list[Line]:
    if header.twice:
        raise DatasetError(f"{path}:{first}: the column {header.twice} appears twice; write the list with one of them")
    rows = [(number, _columns(line, header, f"{path}:{number}")) for number, line in lines]
    label = header.labels[0]
    if not any(
        is_class(fields[label], by_name) for _, fields in rows
    ):  # `filename,class,class_id`, of which one is words
        whole = (place for place in header.labels if all(is_class(fields[place], by_name) for _, fields in rows))
        label = next(whole, label)
    beside = next((place for place in header.wnids if place != label), None)
    return [
        Line(
            safe_name(fields[header.name], f"{path}:{number}", absolute=absolute),
            fields[label],
            number,
            None if beside is None else fields[beside],
        )
        for number, fields in rows
    ]


def _columns(line: str, header: _Header, place: str) -> list[str]:
    _not_too_long(line, place)
    fields = line.split() if header.separator is None else _csv(line, header.separator, place)
    if len(fields) != header.fields:
        raise DatasetError(f"{place}: {len(fields)} columns, but the header names {header.fields}")
    return [field.strip() for field in fields]


def _pair(path: Path, number: int, line: str, *, absolute: bool) -> Line:
    place = f"{path}:{number}"
    _not_too_long(line, place)
    if line.startswith('"') or line.endswith('"'):
        name, label = _quoted(line)
    elif (found := _SINGLE_QUOTED.fullmatch(line)) and _is_image(found[1]):
        name, label = found[1], found[2]
    else:
        name, label = _assigned(line) or _split(line)
    if not name or not label:
        raise DatasetError(
            f"{place}: {line[:80]!r} is not a `name class` line, such as `ILSVRC2012_val_00000001.JPEG 65`"
        )
    return Line(safe_name(name, place, absolute=absolute), label, number)


def _assigned(line: str) -> tuple[str, str] | None:
    found = _ASSIGNED.fullmatch(line)
    return (found[1], found[2]) if found and is_class(found[2], {}) and is_image_name(found[1]) else None


def _split(line: str) -> tuple[str, str]:
    """Split at the last separator: a comma, tab, semicolon or bar with white space around it, or white space."""
    label = re.split(r"[\s,;|]", line)[-1]
    rest = line[: len(line) - len(label)]
    name = rest.rstrip()
    if name[-1:] in (",", ";") or (name[-1:] == "|" and (name == rest or _is_image(name[:-1].rstrip()))):
        name = name[:-1].rstrip()
    return (name, label) if rest else ("", "")


def _is_image(name: str) -> bool:
    """Return whether a name is surely that of an image: bars and single quotes may also be a part of a name."""
    return is_image_name(name) or label_of(name) is not None


def _quoted(line: str) -> tuple[str, str]:
    found = _QUOTED_NAME.fullmatch(line)
    if found:
        return found[1].replace('""', '"'), found[2]
    found = _QUOTED_CLASS.fullmatch(line)
    return (found[1].rstrip(), found[2]) if found else _split(line)


def _csv(line: str, separator: str, place: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True))
    except (csv.Error, StopIteration) as error:
        raise DatasetError(f"{place}: {line[:80]!r}: {error}") from None


def _not_too_long(line: str, place: str) -> None:
    if len(line) > _LONGEST:
        raise DatasetError(f"{place}: a line of {len(line):,} characters; a list has one `name class` per line")


def safe_name(name: str, place: str, *, absolute: bool = False) -> str:
    """Return a name relative to the image folder, written with `/`. Raises DatasetError if it leads out of it.

    ``absolute``: an absolute path is let through, for a join that only compares the ends of paths and opens none.
    """
    parts = PurePosixPath(name)
    if "\0" in name:
        raise DatasetError(f"{place}: {name[:80]!r} contains a null byte, which no file name can contain")
    if not name or (parts.is_absolute() and not absolute) or ".." in parts.parts:
        raise outside(name, place)
    return str(parts)


def outside(name: str, place: str) -> DatasetError:
    """Return the error for a name that leads out of the image folder."""
    return DatasetError(f"{place}: {name[:80]!r} leads out of the image folder; write names relative to that folder")


def classes_of(path: Path, lines: Sequence[Line], names: Sequence[str] | None = None) -> list[int]:
    """Return the 0-based class of every line. ``names``: the data set's class names, where it has its own.

    Raises DatasetError with file and line for the first invalid class.
    """
    by_name = classes_by_name(names)
    return [class_of(line.label, by_name, f"{path}:{line.number}") for line in lines]


def is_class(text: str, by_name: ByName) -> bool:
    """Return whether a text looks like a class: a known name, a whole number or a WordNet id."""
    return text in by_name or whole_number(text) is not None or bool(_WNID.fullmatch(text))


def whole_number(text: str) -> int | None:
    """Return the whole number that a text is, as `65`, `65.0` or `6.5e+01`; None for other texts."""
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS:
        return int(text)
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() and abs(number) < 10**_DIGITS else None


def class_of(text: str, by_name: ByName, place: str) -> int:
    """Return the 0-based class that a text stands for: a number, a class name, or a WordNet id of ILSVRC2012.

    Raises DatasetError for anything else, and for a name of two classes.
    """
    if text in by_name:
        if len(by_name[text]) > 1:
            both = " and ".join(str(index) for index in by_name[text])
            raise DatasetError(
                f"{place}: {text[:80]!r} is the name of the classes {both}; write the number of the class instead"
            )
        return by_name[text][0]
    if (number := whole_number(text)) is not None:
        return number
    if not by_name and _WNID.fullmatch(text):
        if text in class_of_wnid():
            return class_of_wnid()[text]
        raise DatasetError(f"{place}: {text} is not one of the 1,000 WordNet ids of ILSVRC2012")
    known = (
        "not in dataset.class_names"
        if by_name
        else "not a class; write a number from 0, a WordNet id, or set dataset.class_names"
    )
    raise DatasetError(
        f"{place}: {text[:80]!r} is {known}; a `name class` line reads `ILSVRC2012_val_00000001.JPEG 65`"
    )
