"""YAML of other tools: lines, kinds, keys that nobody took, and input that is no configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.importing.documents import Document, Faults, Part, number_in, numbers_in


class TestNumbers:
    @pytest.mark.parametrize(
        ("written", "numbers"),
        [
            (127.5, [127.5]),
            ([1, 2.5, 3], [1.0, 2.5, 3.0]),
            ("(0.485, 0.456, 0.406)", [0.485, 0.456, 0.406]),
            ("(123.675,116.28,103.53)", [123.675, 116.28, 103.53]),
            ("[1, 2, 3]", [1.0, 2.0, 3.0]),
            ("127.0, 127.0, 127.0", [127.0, 127.0, 127.0]),
            ("255", [255.0]),
            ("mean", None),
            ("1,,2", None),
            ("", None),
            ([], None),
            ([True], None),
            (True, None),
            (None, None),
            ({"a": 1}, None),
            ("1e400", None),
            ("nan", None),
        ],
    )
    def test_scalars_lists_and_texts(self, written: object, numbers: list[float] | None) -> None:
        assert numbers_in(written) == numbers

    def test_a_number_that_no_float_holds_is_none(self) -> None:
        assert number_in(10**400) is None


class TestPart:
    def test_a_key_that_nobody_took_is_a_fault_with_its_line(self, part: Callable[[str], Part]) -> None:
        top = part("a: 1\nb: 2\nbatc: 3\n")
        assert (top.whole("a"), top.whole("b"), top.whole("batch")) == (1, 2, None)
        top.finish()
        why = "this key is unknown, so its effect would be lost; did you mean `batch`?"
        assert top.faults.found == [f"{top.document.file}:3: batc: {why}"]

    def test_a_known_key_says_what_it_would_change(self, part: Callable[[str], Part]) -> None:
        top = part("map: x\n")
        top.finish({"map": "operations are not assigned by a map here"})
        assert top.faults.found == [f"{top.document.file}:1: map: operations are not assigned by a map here"]

    @pytest.mark.parametrize("word", ["True", "true", "yes", "Y", "1", "'on'"])
    def test_truths(self, part: Callable[[str], Part], word: str) -> None:
        top = part(f"a: {word}\n")
        assert top.truth("a") is (word != "'on'")
        assert bool(top.faults.found) is (word == "'on'")

    def test_a_part_is_laid_over_its_base_key_by_key(self, part: Callable[[str], Part]) -> None:
        top = part("mine: {a: 1}\nbase:\n  a: 2\n  b: 3\n")
        mine, base = top.part("mine"), top.part("base")
        assert mine is not None
        assert base is not None
        both = Part(mine.document, mine.key, mine.values, base)
        assert (both.whole("a"), both.whole("b"), both.place("a"), both.place("b")) == (
            1,
            3,
            "part.yml:1",
            "part.yml:4",
        )

    @pytest.mark.parametrize("text", ["a: [1]", "a: {b: 1}", "a: x", "a: 1.5", "a: -1", "a: .inf"])
    def test_what_is_no_whole_number_is_a_fault(self, part: Callable[[str], Part], text: str) -> None:
        top = part(text)
        assert top.whole("a") is None
        assert len(top.faults.found) == 1
        assert ":1: a: " in top.faults.found[0]


class TestDocument:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is not a mapping"),
            (b"- a\n", "is not a mapping"),
            (b"a: [", "not readable as YAML"),
            (b"\xff\xfe", "not UTF-8 text"),
            (b"a: " + b"x" * 1_100_000, "larger than 1,000,000 bytes"),
            (b"a: " + b"[" * 5000, "not readable as YAML"),
            (b"a: &a [*a]", "not readable as YAML"),
        ],
    )
    def test_what_is_no_configuration_is_refused(self, tmp_path: Path, content: bytes, message: str) -> None:
        file = tmp_path / "x.yml"
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=message):
            Document(file, Faults())

    def test_a_tag_builds_no_object(self, tmp_path: Path) -> None:
        file = tmp_path / "x.yml"
        file.write_text("a: !!python/object/apply:os.getcwd []\n")
        faults = Faults()
        assert Document(file, faults).top.raw("a") is None
        assert "x.yml:1: a: the tag" in faults.found[0]

    def test_a_dollar_brace_is_plain_text(self, tmp_path: Path) -> None:
        file = tmp_path / "x.yml"
        file.write_text("a: ${HOME}/x\n")
        assert Document(file, Faults()).top.text("a") == "${HOME}/x"

    def test_a_number_beyond_every_float_is_a_fault(self, tmp_path: Path) -> None:
        file = tmp_path / "x.yml"
        file.write_text(f"a: [0x{'f' * 5000}]\n")
        faults = Faults()
        assert Document(file, faults).top.raw("a") == [None]
        assert faults.found == [f"{file}:1: a[0]: is too large for a number"]

    @pytest.mark.parametrize(("name", "message"), [("none.yml", "no such file"), (".", "a folder")])
    def test_what_is_no_file_is_refused(self, tmp_path: Path, name: str, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            Document(tmp_path / name, Faults())
