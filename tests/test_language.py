"""Messages, help, templates, docs, docstrings and comments are plain modern English, without archaic wordings."""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]

# What was read as a riddle, and what to write instead.
BANNED = {
    r"(?i)\b(nobody|whoever|whereof|thereof|thereby|lest|naught)\b": "name who or what, or use the passive",
    r"\banswers? as\b.*\bdoes\b": "Does ir match the original (tf)?",
    r"\b(has|with) another answer\b": "All predictions match. / Changed predictions",
    r"\bwritten down by\b": "IR has no preprocessing metadata",
    r": in order\.": "valid",
    r"\bNOTHING DECIDED\b": "INCONCLUSIVE: too few images",
    r"\bof them are beyond it\b|\bare beyond it\b": "61 of 64 images exceed it",
    r"\bgathers nothing\b": "BATCH:CPU isn't batching; use BATCH:CPU(4)",
    r"\bhold (a run|it|them|the [\w ]+ run) against\b": "check a baseline",
    r"\baccept a run\b": "save a run",
    r"\bnot as it seems\b": "Warnings explained",
    r"\bnobody expected\b": "unexpected gains often mean the test changed",
    r"\bnames? (itself|themselves)\b": "name what does it",
    r"\b(was|were) asked (of|for)\b|\bwas asked\b": "was requested",
    r"\bcannot be believed\b": "is inconsistent",
    r"\bno yardstick\b": "cannot be used as a reference",
    r"\bstands? (there )?twice\b": "is listed twice",
    r"\bwhere (they|it) lies?\b": "in place",
    r"\b(M|m)end (the|it|them|`)": "fix",
    r"\bis none of\b": "is not one of",
    r"(?<!there )\bis no (file|folder|form|graph|list|label|number|text|shape|step|preset|class|metric)\b": "is not a",
    r"\bfed wrongly\b": "gets the wrong input",
    r"\bmeasured in passing\b": "measured during the run",
    r"\bis not there\b": "not found",
    r"\bdid not change on\b": "unchanged",
    r"\bdrop pp\b": "Top-1 pp, as lost or gained",
    r"\bin silence\b": "silently",
    r"(?i)\banew\b": "again",
    r"\bheld? against\b": "compared with",
    r"\bin the place of\b": "instead of",
    r"\bgive or take\b": "plus or minus",
    r"\bis there already\b": "already exists",
    r"\bcannot be edited so\b": "this change cannot be made",
    r"\bwhich [\w ]+ has not\b": "which Keras 3 does not have",
    r"\bis in no\b": "is not in a",
    r"\b(what|which) lies\b": "name the content",
    r"\b(are|is|be) believed\b": "is trusted",
    r"\bmends? (it|them|the)\b|\bthe mend\b": "fix",
    r"\btake you by the hand\b": "lead step by step",
    r"\bbegin in a folder\b|\bBegin in a folder\b": "Start in a folder",
    r"\bsaid first\b": "mentioned first",
    r"(?i)\bbesides\b|\b(somebody|anybody|everybody)\b": "in addition; a person, anyone, everyone",
    r"(?i)\bwh(ich|at)ever\b|\bbelongs? into\b": "any, regardless of; belongs in",
    r"\b(hence|thus|upon)\b|\bthat which\b": "so, on, what",
    r"\bmend(s|ed|ing)\b": "fix",
    r"\b(is|are|was|were) told\b": "is reported",
    r"\bto be had\b|\bat hand\b": "available",
    r"\bby the clock\b": "wall time",
    r"\bmission\b": "the model by its name",
    r"\b(is|are) (searched|looked) through\b|\bwhat it takes\b": "name what is needed",
    r"\bmade[ -]up\b": "synthetic, forged",
    r"\bone test case a gate\b|\bone (row|line|name|suite|page) an? \w+": "one row for each ...",
    r"\bno (Keras model|SavedModel, it|frozen TensorFlow|OpenVINO IR:|devkit:|shard table:)": "not a Keras model",
    r"\b(process|folder|line|sentence|page) of (its|their|your) own\b": "a separate process, your own folder",
    r"\b(were|was|is|are) not used for longest\b": "least recently used",
    r"\bone (\w+ )?(name |id )?a line\b": "one per line",
    r"\blaid over\b": "overrides",
    r"\bin place of\b": "instead of",
    r"\bwhich there (are|is)\b": "lists the available devices",
    r"\bone looks\b|\bcosts only itself\b": "however often the result is checked",
    r"\basked for\b": "requested",
    r"\b(is|was) another one\b": "differs",
    r"\b(go|goes) on (with|from|where)\b|\bgoes on\b": "continue",
    r"\b(is|are) told\b|\btold (from|apart)\b|\bdo(es)? not tell\b": "is distinguished, does not report",
    r"\bstands? in\b|\blies? outside\b": "is in, is outside",
    r"\bbelongs? into\b|\bin words\b|\bgoes? first\b": "belongs in, with a message, is deleted first",
    r"\b(which|' |that) is none\b": "is not one",
    r"\bby way of\b|\bfor good\b|\bfor ever\b": "through, permanently, forever",
    r"\bgave no answer\b": "did not respond",
    r"\b(file|code|class|message)s? of ours\b": "of the harness",
    r"\bknown here:|[;?] (t|T)here are: |[;?] known are ": "valid: or available:",
    r"\ba misspelling\?|\bis not known here\b": "did you mean ...?, is not supported",
    r"\b(lie|lies|stands) beside\b": "is next to",
    r"\bno \w+ has a zero byte\b|\bhas a zero byte\b": "contains a null byte",
    r"\brecorded answers\b": "recorded predictions",
    r"\b(says|reports?|reported) of (itself|its own)\b": "states about itself",
}  # fmt: skip
# The page that the wording is about, and text that is quoted from others.
_ALLOWED = {("docs/reliability.md", "is not there")}


@cache
def shown_by_sources() -> tuple[tuple[str, str], ...]:
    return tuple(_strings())


@cache
def read_by_developers() -> tuple[tuple[str, str], ...]:
    return tuple(_notes())


@cache
def shown_by_pages() -> tuple[tuple[str, str], ...]:
    return tuple(_lines())


def _strings() -> Iterator[tuple[str, str]]:
    """Yield (place, text) of every string of the sources that a user may read: all but docstrings."""
    for file in sorted((PROJECT / "harness").rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        bodies = [node.body for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))]
        docstrings = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield f"{file.relative_to(PROJECT).as_posix()}:{node.lineno}", node.value


def _notes() -> Iterator[tuple[str, str]]:
    """Yield (place, text) of every docstring, as one line, and of every comment of the sources."""
    for file in sorted((PROJECT / "harness").rglob("*.py")):
        place = file.relative_to(PROJECT).as_posix()
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (said := ast.get_docstring(node)):
                yield f"{place}:{node.body[0].lineno}", " ".join(said.split())
        for token in tokenize.generate_tokens(iter(text.splitlines(keepends=True)).__next__):
            if token.type == tokenize.COMMENT:
                yield f"{place}:{token.start[0]}", token.string


def _lines() -> Iterator[tuple[str, str]]:
    """Yield (place, line) of the docs, the pages at the top and the templates."""
    names = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "action.yml")
    files = [*(PROJECT / "docs").rglob("*.md"), *(PROJECT / name for name in names)]
    files += [
        *(PROJECT / "harness/report/templates").glob("*.html"),
        *(PROJECT / "harness/report/templates").glob("*.js"),
    ]
    for file in sorted(files):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            yield f"{file.relative_to(PROJECT).as_posix()}:{number}", line


def found(pattern: str, texts: Iterable[tuple[str, str]]) -> list[str]:
    return [
        f"{place}: {match[0]}"
        for place, text in texts
        for match in re.finditer(pattern, text)
        if (place.partition(":")[0], match[0]) not in _ALLOWED
    ]


@pytest.mark.parametrize(("pattern", "instead"), BANNED.items())
def test_banned_wordings_are_gone(pattern: str, instead: str) -> None:
    texts = (*shown_by_sources(), *shown_by_pages(), *read_by_developers())
    places = found(pattern, texts)
    assert places == [], f"write: {instead}"


def test_the_list_finds_what_it_bans() -> None:
    """Each rule still finds the wording that it was made for, so that none is empty."""
    old = (
        "Does ir answer as tf, the original, does?",
        "No image has another answer.",
        "written down by nobody: the IR does not say how it wants to be fed",
        "c.yml: in order.",
        "NOTHING DECIDED",
        "61 of them are beyond it",
        "BATCH:CPU gathers nothing here",
        "hold a run against accepted ones",
        "accept a run's counts",
        "What is not as it seems",
        "an improvement nobody expected",
        "f16 was asked of CPU",
        "runs in a process of its own",
        "environments that were not used for longest",
        "name a file with one class name a line",
        "properties, laid over what the harness sets",
        "; go on with --resume",
        "its sha256 is another one",
    )
    for text in old:
        assert any(re.search(pattern, text) for pattern in BANNED), text


def test_docstrings_and_comments_are_read_as_well() -> None:
    """A wording that spans two lines of a docstring is one text, and a comment at the end of a line is another."""
    texts = dict(read_by_developers())
    assert texts["harness/text.py:1"].startswith("Text")
    assert len(texts) > 3000
