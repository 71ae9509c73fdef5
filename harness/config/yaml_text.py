"""YAML text to plain values, with the line of every key; duplicate keys and unset variables are collected as faults.

Only YAML's own scalars, lists and mappings are built (the safe schema): a tag such as ``!!python/object`` is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

import yaml

from harness.config.origin import Key, dotted
from harness.config.secrets import is_secret_key, named_like_a_secret, remember, remember_urls
from harness.errors import nearest
from harness.text import is_storable

# `$${` is an escape; `${...}` a variable; a `${` that is neither never ends, or holds another one.
_VARIABLE = re.compile(r"(?P<escape>\$\$\{)|\$\{(?P<inside>[^{}]*)\}|\$\{.*", re.DOTALL)
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_MOST_NODES = 20_000

_YAML = "tag:yaml.org,2002:"
_TYPED = {_YAML + name for name in ("int", "float", "bool", "null")}
_NUMBERS = {_YAML + "int", _YAML + "float"}
_TEXT = {_YAML + name for name in ("str", "timestamp", "merge", "value")}  # a date or `=` is text to a configuration

# Numbers that mean the same to everyone. YAML 1.1 also reads `060` as 48, `1:30:20` as 5420, `0b11` as 3, `1_000` as
# 1000; YAML 1.2 reads them otherwise, and people mean still other things by them.
_NUMBER = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)"
    r"|\.(?:nan|NaN|NAN)"
)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")

_HALF = (
    "half of a character (an escape between \\ud800 and \\udfff) cannot be stored as text; write the character itself"
)

Fault = tuple[Key, int, str]


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but `1e-3` is a number as it is in YAML 1.2 and JSON."""


_Loader.add_implicit_resolver(
    _YAML + "float", re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+\Z"), list("-+.0123456789")
)


class YamlText:
    """Builds plain values from one YAML document."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = os.environ if environment is None else environment
        self.lines: dict[Key, int] = {}
        self.typed: dict[Key, str] = {}  # how values that are not text were written, such as `on` and `1e3`
        self.faults: list[Fault] = []
        self._nodes = 0
        self._loader = _Loader("")

    def load(self, text: str, at: Key = ()) -> Any:
        """Return the document's values; ``at`` is the key that they belong to.

        Raises yaml.YAMLError if the text is not YAML.
        """
        try:
            node = yaml.compose(text, Loader=_Loader)
            return None if node is None else self._build(node, at, ())
        except RecursionError:
            raise yaml.YAMLError("nested too deeply") from None

    def _build(self, node: yaml.Node, key: Key, ancestors: tuple[int, ...]) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES or id(node) in ancestors:
            raise yaml.YAMLError("aliases expand to a document that is too large; write the values out")
        ancestors = (*ancestors, id(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        if isinstance(node, yaml.MappingNode) and node.tag == _YAML + "map":
            return self._mapping(node, key, ancestors)
        if isinstance(node, yaml.SequenceNode) and node.tag == _YAML + "seq":
            values = []
            for index, item in enumerate(node.value):
                self.lines[(*key, index)] = item.start_mark.line + 1
                values.append(self._build(item, (*key, index), ancestors))
            return values
        return self._refuse_tag(node, key)

    def _mapping(self, node: yaml.MappingNode, key: Key, ancestors: tuple[int, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                self.faults.append((key, line, "a key must be a plain word"))
                continue
            name = str(name_node.value)
            if name_node.tag == _YAML + "merge":
                self.faults.append(((*key, name), line, "merge keys are not supported; write the values out"))
                continue
            if name in values:
                first = self.lines[(*key, name)]
                self.faults.append(((*key, name), line, f"appears twice, first in line {first}; keep one of the two"))
                continue
            self.lines[(*key, name)] = line
            if not is_storable(name):
                self.faults.append(((*key, name), line, _HALF))
                continue
            values[name] = self._build(value_node, (*key, name), ancestors)
        return values

    def _scalar(self, node: yaml.ScalarNode, key: Key) -> Any:
        line = node.start_mark.line + 1
        if not is_storable(node.value):
            self.faults.append((key, line, _HALF))
            return None
        if node.tag in _TEXT and "${" in node.value:
            text = self._substitute(node.value, key, line)
            plain = node.style is None
            tag = self._loader.resolve(yaml.ScalarNode, text, (plain, not plain))  # type: ignore[no-untyped-call]
            node = yaml.ScalarNode(tag, text, node.start_mark, node.end_mark)
        if node.tag in _TEXT:
            if node.style is None and _LEADING_ZERO.fullmatch(node.value):
                self.faults.append((key, line, _ambiguous(node.value)))
            remember_urls(node.value)
            if is_secret_key(next((part for part in reversed(key) if isinstance(part, str)), "")):
                remember(node.value)
            return str(node.value)
        if node.tag not in _TYPED:
            return self._refuse_tag(node, key)
        try:
            value = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError):  # `!!int` on other text raises any of them
            kind = node.tag.removeprefix(_YAML)
            self.faults.append((key, line, f"{_short(node.value)} cannot be read as {kind}; write a plain value"))
            return None
        self.typed[key] = str(node.value)
        if node.tag in _NUMBERS and not _NUMBER.fullmatch(node.value):
            self.faults.append((key, line, _ambiguous(node.value)))
        return value

    def _refuse_tag(self, node: yaml.Node, key: Key) -> None:
        tag = node.tag.replace(_YAML, "!!")
        self.faults.append((key, node.start_mark.line + 1, f"the tag {tag} is not allowed here; write a plain value"))

    def _substitute(self, text: str, key: Key, line: int) -> str:
        def fault(what: str) -> str:
            self.faults.append((key, line, what))
            return ""

        def value_of(match: re.Match[str]) -> str:
            if match["escape"]:
                return "${"
            if match["inside"] is None:
                return fault(
                    "`${` starts a variable without an end; variables do not nest, and `$${` stands for a plain `${`"
                )
            form = _NAME.fullmatch(match["inside"])
            if form is None:
                return fault(f"{_short(match[0])} is not a variable; write ${{NAME}} or ${{NAME:-default}}")
            value, default = self.environment.get(form[1]), form[2]
            if value:
                if named_like_a_secret(form[1]):
                    remember(value)
                return value
            if default is not None:
                return str(default)
            return fault(self._unset(form[1], dotted(key), empty=value == ""))

        return _VARIABLE.sub(value_of, text)

    def _unset(self, name: str, key: str, *, empty: bool) -> str:
        state = "empty" if empty else "not set"
        close = nearest(name, self.environment)
        near = f" (did you mean {close[0]}?)" if close and not empty else ""
        return f"the variable {name} is {state}{near}; run `export {name}=...`, or give `--set {key}=VALUE`"


def _ambiguous(text: str) -> str:
    sign, digits = text[:1].strip("0123456789."), text.lstrip("-+")
    plain = digits.replace("_", "").lstrip("0") or "0"
    decimal = f"write {sign}{plain}, or in quotes" if plain.isdecimal() else "write the decimal number, or in quotes"
    return f'{_short(text)} is read as different numbers by different versions of YAML; {decimal} "{text[:60]}" as text'


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
