from __future__ import annotations

from pathlib import Path

import pytest

from harness.dataset.labels.listing import classes_of, lines_of, numbered_lines
from harness.errors import DatasetError


def read(tmp_path: Path, data: str | bytes) -> list[tuple[str, int]]:
    path = tmp_path / "list.txt"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return as_pairs(path)


def as_pairs(path: Path) -> list[tuple[str, int]]:
    lines = lines_of(path, numbered_lines(path), {})
    return list(zip([line.name for line in lines], classes_of(path, lines), strict=True))


def test_names_and_classes_in_the_order_of_the_list(tmp_path: Path) -> None:
    assert read(tmp_path, "b.jpg 2\na.jpg 0\n") == [("b.jpg", 2), ("a.jpg", 0)]


@pytest.mark.parametrize(
    ("line", "pair"),
    [
        ("a picture of two cats.jpg 3", ("a picture of two cats.jpg", 3)),
        ("n01440764/sub folder/x.JPEG 0", ("n01440764/sub folder/x.JPEG", 0)),
        ("a.jpg\t7", ("a.jpg", 7)),
        ("tab\tinside.jpg\t7", ("tab\tinside.jpg", 7)),
        ("a.jpg \t  7  ", ("a.jpg", 7)),
        ("  a.jpg 7", ("a.jpg", 7)),
        ("two  blanks.jpg 7", ("two  blanks.jpg", 7)),
        ("a.jpg 007", ("a.jpg", 7)),
        ("a.jpg -1", ("a.jpg", -1)),
        ("./a.jpg 1", ("a.jpg", 1)),
        ("sub//a.jpg 1", ("sub/a.jpg", 1)),
        ("..a.jpg 1", ("..a.jpg", 1)),
        ("Ünïcode 猫.jpg 1", ("Ünïcode 猫.jpg", 1)),
        ("next\u0085line\u2028inside.jpg 1", ("next\u0085line\u2028inside.jpg", 1)),
        ("123 4", ("123", 4)),
    ],
)
def test_what_a_line_may_be(tmp_path: Path, line: str, pair: tuple[str, int]) -> None:
    assert read(tmp_path, line) == [pair]


def test_byte_order_mark_line_ends_and_empty_lines(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfa.jpg 1\r\n\r\n   \r\nb.jpg 2") == [("a.jpg", 1), ("b.jpg", 2)]


def test_an_empty_list_is_a_list(tmp_path: Path) -> None:
    assert read(tmp_path, "") == []


@pytest.mark.parametrize(
    "line",
    ["a.jpg", "65", "a.jpg 6.5", "a.jpg six", "a.jpg --6", "a.jpg +-6", "a.jpg 6_5", "a.jpg ٣", "a.jpg 0x1",
     f"a.jpg {'9' * 5000}"],
)  # fmt: skip
def test_a_bad_line_is_named_by_file_and_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, f"good.jpg 1\n\n{line}\n")
    assert str(caught.value).startswith(f"{tmp_path / 'list.txt'}:3: ")
    assert "name class" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["../a.jpg", "sub/../../a.jpg", "/etc/passwd", "sub/.."])
def test_a_name_may_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match=r"list\.txt:2: .*leads out of the image folder"):
        read(tmp_path, f"a.jpg 1\n{name} 1\n")


@pytest.mark.parametrize("data", [b"\xff\xfea", b"caf\xe9.jpg 1\n"])
def test_another_encoding_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DatasetError, match="not UTF-8"):
        read(tmp_path, data)


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read: Is a directory"):
        as_pairs(tmp_path)
