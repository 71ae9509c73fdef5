"""Lists as people write them: whatever is written comes back, and whatever is read is safe."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dataset.labels.listing import classes_of, lines_of, numbered_lines, safe_name
from harness.errors import DatasetError


def is_safe(name: str) -> bool:
    parts = name.split("/")
    return ".." not in parts and "." not in parts and name == name.strip() and "\ufeff" not in name


PART = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0\n\r", exclude_categories=["Cs"]), min_size=1, max_size=12
)
NAME = st.lists(PART, min_size=1, max_size=3).map("/".join).filter(is_safe)
ROWS = st.lists(st.tuples(NAME, st.integers(0, 10**9)), max_size=8)


def read(path: Path, text: str) -> list[tuple[str, int]]:
    path.write_bytes(text.encode())
    lines = lines_of(path, numbered_lines(path), {})
    return list(zip([line.name for line in lines], classes_of(path, lines), strict=True))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists") / "list.txt"


@given(
    rows=ROWS,
    separator=st.sampled_from([" ", "  ", "\t", " \t ", ", ", ",", "\t,", ";"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_plain_lists(path: Path, rows: list[tuple[str, int]], separator: str, end: str) -> None:
    plain = [(name, label) for name, label in rows if name[-1] not in ",;" and name[0] != '"' and not is_header(name)]
    text = "".join(f"{name}{separator}{label}{end}" for name, label in plain)
    assert read(path, text) == plain


@pytest.mark.parametrize("name", ["0|", "|", "a|b", "''", "'a'", "a b|"])
def test_bars_and_quotes_may_belong_to_a_name(path: Path, name: str) -> None:
    assert read(path, f"{name} 65\n") == [(name, 65)]


@pytest.mark.parametrize("line", ["a.jpg|65", "a.jpg | 65", "'a.jpg' 65", "'a.jpg' | 65"])
def test_bars_and_quotes_around_an_image_separate(path: Path, line: str) -> None:
    assert read(path, f"{line}\n") == [("a.jpg", 65)]


def is_header(name: str) -> bool:
    return any(word in name.lower() for word in ("label", "class", "target", "category", "synset", "wnid"))


@given(rows=ROWS, delimiter=st.sampled_from([",", "\t", ";"]), columns=st.permutations(["path", "label", "width"]))
def test_tables_with_a_header_that_pythons_csv_module_wrote(
    path: Path, rows: list[tuple[str, int]], delimiter: str, columns: list[str]
) -> None:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, columns, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows({"path": name, "label": label, "width": 3} for name, label in rows)
    assert read(path, sink.getvalue()) == rows


@given(
    rows=ROWS,
    delimiter=st.sampled_from([",", "\t", ";"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_quoted_lists_without_a_header(path: Path, rows: list[tuple[str, int]], delimiter: str, quoting: int) -> None:
    rows = [(name, label) for name, label in rows if not is_header(name)]
    sink = io.StringIO()
    csv.writer(sink, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    assert read(path, sink.getvalue()) == rows


@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode(errors="replace"))))
def test_any_bytes_are_read_or_refused_in_words(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        lines = lines_of(path, numbered_lines(path), {})
        classes_of(path, lines)
    except DatasetError as error:
        assert str(path) in str(error)  # noqa: PT017
        return
    for line in lines:
        assert safe_name(line.name, "") == line.name
        assert not line.name.startswith("/")
        assert ".." not in line.name.split("/")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a.jpg,65\n", [("a.jpg", 65)]),
        ("a,b.jpg, 65\n", [("a,b.jpg", 65)]),
        ('"my image.jpg" 3\n', [("my image.jpg", 3)]),
        ('"a ""b"".jpg",3\n', [('a "b".jpg', 3)]),
        ('a.jpg,"3"\n', [("a.jpg", 3)]),
        ("filename class\na.jpg 3\n", [("a.jpg", 3)]),
        ("Label,ImageId,x\n7,a.jpg,1\n", [("a.jpg", 7)]),
        ("a.jpg n01440764\nb.jpg n15075141", [("a.jpg", 0), ("b.jpg", 999)]),
        ("image\tlabel\n", []),
    ],
)
def test_by_hand(path: Path, text: str, rows: list[tuple[str, int]]) -> None:
    assert read(path, text) == rows


def test_own_class_names(path: Path) -> None:
    path.write_text("path,label\na.jpg,great white shark\nb.jpg,0\n")
    assert classes_of(path, lines_of(path, numbered_lines(path), {}), ["tench", "great white shark"]) == [1, 0]
    with pytest.raises(DatasetError, match=r"list\.txt:2: 'great white shark' is not in dataset\.class_names"):
        classes_of(path, lines_of(path, numbered_lines(path), {}), ["tench", "goldfish"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a.jpg n99999999\n", "is not one of the 1,000 WordNet ids"),
        ("path,label\na.jpg,1,2\n", ":2: 3 columns, but the header names 2"),
        ("path,label\n../a.jpg,1\n", "leads out of the image folder"),
        (f"{'a' * 9000}.jpg 1\n", "a line of 9,006 characters"),
    ],
)
def test_refused(path: Path, text: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        read(path, text)
