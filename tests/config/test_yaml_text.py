"""YAML text to values: variables, lines, duplicate keys, tags, bombs."""

from __future__ import annotations

import contextlib
import pickle
import string
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.config import load_config
from harness.config.yaml_text import YamlText
from harness.errors import ConfigError

ENVIRONMENT = {"A": "one", "EMPTY": "", "N": "64", "TRUE": "true", "NULL": "null", "LIST": "[1, 2]", "NESTED": "${A}"}


def load(text: str) -> object:
    reader = YamlText(ENVIRONMENT)
    value = reader.load(text)
    assert not reader.faults, reader.faults
    return value


def faults(text: str) -> list[str]:
    reader = YamlText(ENVIRONMENT)
    reader.load(text)
    return [what for _, _, what in reader.faults]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"),
        ("x/${A}/y", "x/one/y"),
        ("${A}${A}", "oneone"),
        ("${A:-two}", "one"),
        ("${B:-two}", "two"),
        ("${EMPTY:-two}", "two"),  # as in a shell, `:-` also replaces an empty value
        ("x${B:-}y", "xy"),
        ("${B:-a:-b}", "a:-b"),
        ("${B:-/data/val set}", "/data/val set"),
        ("$${A}", "${A}"),
        ("$${A}/${A}", "${A}/one"),
        ("$$${A}", "$${A}"),
        ("$A", "$A"),
        ("a $ b $$ c", "a $ b $$ c"),
        ("${N}", 64),
        ("'${N}'", "64"),
        ('"${N}"', "64"),
        ("${TRUE}", True),
        ("${NULL}", None),
        ("${B:-1e-3}", 0.001),
        ("${LIST}", "[1, 2]"),  # a value is a value, never YAML of its own
        ("${NESTED}", "${A}"),
        ("|\n  ${A}\n", "one\n"),
        ("['${A}', {a: '${N}'}]", ["one", {"a": "64"}]),
    ],
)
def test_variables(text: str, value: object) -> None:
    assert load(text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("${B}", "the variable B is not set"),
        ("${EMPTY}", "the variable EMPTY is empty"),
        ("${TRUEE}", "did you mean TRUE?"),
        ("a: ${B}", "`--set a=VALUE`"),
        ("a: [x, '${B}']", "`--set a[1]=VALUE`"),
        ("${}", "is not a variable; write ${NAME} or ${NAME:-default}"),
        ("${A-b}", "is not a variable"),
        ("${1A}", "is not a variable"),
        ("${A b}", "is not a variable"),
        ("${Ä}", "is not a variable"),
        ("${A", "starts a variable without an end"),
        ("${A:-${B}}", "variables do not nest"),
        ("x ${", "starts a variable without an end"),
    ],
)
def test_variables_that_are_refused(text: str, told: str) -> None:
    assert len(faults(text)) == 1
    assert told in faults(text)[0]


def test_every_unset_variable_of_one_value_is_said() -> None:
    assert [what.split(" is ")[0] for what in faults("path: ${B}/${C}")] == ["the variable B", "the variable C"]


def test_a_key_is_never_substituted() -> None:
    assert load("${A}: 1") == {"${A}": 1}


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="${}:-AB_ 1\n'\"[],", max_size=30))
@example("${A:-${B}}")
@example("a: !!int ''\n${")
def test_any_text_gives_values_faults_or_a_yaml_error(text: str) -> None:
    with contextlib.suppress(yaml.YAMLError):
        YamlText(ENVIRONMENT).load(text)


@settings(max_examples=300, deadline=None)
@given(
    text=st.one_of(
        st.text(max_size=80),
        st.text(alphabet="${}:-AB_ 1\n'\"[],&*!%#|>.\t\0", max_size=60).map(lambda text: f"version: 1\nname: {text}"),
        st.text(alphabet=string.printable, max_size=30).map(lambda text: f"version: 1\ndataset:\n  path: {text}\n"),
        st.sampled_from(
            ["int", "float", "bool", "null", "timestamp", "binary", "set", "omap", "pairs", "map", "seq"]
        ).flatmap(lambda tag: st.text(alphabet="x1:-{}[]'\" ", max_size=6).map(lambda text: f"name: !!{tag} {text}")),
    ),
    override=st.text(alphabet="candidates[0].ir=${}:'1é", max_size=20),
)
def test_any_file_and_override_give_a_configuration_or_a_config_error(text: str, override: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.yml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(ConfigError):  # neither a dataset nor candidates: no such text is a whole configuration
            load_config(path, [override], ENVIRONMENT)


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['true']",
        "!!python/object:os.PathLike {a: 1}",
        "!!python/name:os.system ''",
        "!!python/tuple [1, 2]",
        "!!python/str x",
        "!local x",
        "!local [x]",
        "!local {x: 1}",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!binary aGk=",
        "!!map x",
        "!!seq x",
    ],
)
def test_tags_are_refused_and_nothing_runs(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a tag ran code")

    monkeypatch.setattr("os.system", never)
    monkeypatch.setattr(pickle, "loads", never)
    assert len(faults(f"a: {text}")) == 1
    assert "is not allowed here" in faults(f"a: {text}")[0]


@pytest.mark.parametrize("text", ["!!int ''", "!!int x", "!!float ''", "!!bool maybe", "!!float x", "9" * 5000])
def test_values_that_their_type_cannot_hold_are_faults(text: str) -> None:
    assert len(faults(f"a: {text}")) == 1
    assert "cannot be read as" in faults(f"a: {text}")[0]


def test_a_merge_key_is_refused_in_words() -> None:
    reader = YamlText({})
    reader.load("a: &a {x: 1}\nb:\n  <<: *a\n")
    assert reader.faults == [(("b", "<<"), 3, "merge keys are not supported; write the values out")]


def test_an_alias_gives_a_copy_of_its_own() -> None:
    value = load("a: &a {x: [1]}\nb: *a\n")
    assert isinstance(value, dict)
    assert value == {"a": {"x": [1]}, "b": {"x": [1]}}
    assert value["a"] is not value["b"]
    assert value["a"]["x"] is not value["b"]["x"]


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 9)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)),
        "a: &a [*a]",
        "a: &a {b: *a}",
        "&a a: *a\nb: &b [[*b]]",
        "[" * 5000,
        "a: " + "{a: " * 3000 + "1" + "}" * 3000,
        "- " * 3000,
    ],
    ids=["billion laughs", "self", "self in a mapping", "alias of a key", "brackets", "braces", "dashes"],
)
def test_bombs(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        YamlText({}).load(text)


def test_duplicate_keys_at_any_depth() -> None:
    reader = YamlText({})
    value = reader.load("a: 1\nb:\n  - {c: 1, d: 2, c: 3}\na: 2\na: 3\n")
    assert value == {"a": 1, "b": [{"c": 1, "d": 2}]}  # the first stays
    assert [(key, line) for key, line, _ in reader.faults] == [(("b", 0, "c"), 3), (("a",), 4), (("a",), 5)]
    assert reader.faults[1][2] == "appears twice, first in line 1; keep one of the two"


def test_keys_that_are_no_words() -> None:
    assert faults("? [a]\n: 1\n") == ["a key must be a plain word"]
    assert load("1: a\ntrue: b\n") == {"1": "a", "true": "b"}


def test_lines_of_every_key() -> None:
    reader = YamlText({})
    reader.load("# comment\na: 1\n\nb:\n  c: [1,\n    2]\n  d:\n    - e: 1\n      f: 2\n")
    assert reader.lines == {
        ("a",): 2,
        ("b",): 4,
        ("b", "c"): 5,
        ("b", "c", 0): 5,
        ("b", "c", 1): 6,
        ("b", "d"): 7,
        ("b", "d", 0): 8,
        ("b", "d", 0, "e"): 8,
        ("b", "d", 0, "f"): 9,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        ("-1e3", -1000.0),
        (".5e1", 5.0),
        ("1.e2", 100.0),
        ("1.5", 1.5),
        ("0x1F", 31),
        ("0", 0),
        ("-0", 0),
        ("0.5", 0.5),
        ("-0.0", -0.0),
        ("'060'", "060"),
        ("1:2:3x", "1:2:3x"),
        ("e3", "e3"),
        ("1e", "1e"),
        ("1e3x", "1e3x"),
        ("'1e3'", "1e3"),
        ("2024-01-31", "2024-01-31"),
        ("=", "="),
        ("~", None),
        ("", None),
    ],
)
def test_scalars(text: str, value: object) -> None:
    assert load(text) == value
    assert type(load(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("060", 'write 60, or in quotes "060" as text'),
        ("-017", 'write -17, or in quotes "-017" as text'),
        ("08", 'write 8, or in quotes "08" as text'),
        ("00", 'write 0, or in quotes "00" as text'),
        ("1_000", 'write 1000, or in quotes "1_000" as text'),
        ("1_000.5", 'write the decimal number, or in quotes "1_000.5" as text'),
        ("0b11", 'write the decimal number, or in quotes "0b11" as text'),
        ("0x_1F", 'write the decimal number, or in quotes "0x_1F" as text'),
        ("1:30:20", 'write the decimal number, or in quotes "1:30:20" as text'),
        ("1:30.5", 'write the decimal number, or in quotes "1:30.5" as text'),
        ("!!int 060", 'write 60, or in quotes "060" as text'),
        ("${OCTAL}", 'write 60, or in quotes "060" as text'),
    ],
)
def test_a_number_that_yaml_1_1_reads_otherwise_is_refused(text: str, mend: str) -> None:
    reader = YamlText({"OCTAL": "060"})
    reader.load(f"a: 1\nb: {text}\n")
    ((key, line, told),) = reader.faults
    assert (key, line) == (("b",), 2)
    assert told.endswith(f"is read as different numbers by different versions of YAML; {mend}")


@pytest.mark.parametrize("half", [r"\ud800", r"\udfff", r"\U0000dc80"])
@pytest.mark.parametrize("text", ['a: "{}"', 'a: ["x{}y"]', '"{}": 1', 'a: {{"{}": 1}}', '- !!int "{}"'])
def test_half_of_a_character_is_a_fault(half: str, text: str) -> None:
    """An escape can write a lone surrogate, which no file, path or record can hold as UTF-8."""
    (fault,) = faults(text.format(half))
    assert fault.startswith("half of a character")
    assert load(text.format(r"\u00e9").replace("!!int ", "")) is not None
