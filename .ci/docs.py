"""The documentation site: `python .ci/docs.py SPHINX_PYTHON`, or `make docs`. The result is build/docs/site/index.html.

Run by the Python that has the harness: the reference is generated from the command line's parser, the configuration's
schema and the docstrings, so that no second text of them can be wrong. ``SPHINX_PYTHON`` is the Python that has Sphinx
(docs/requirements.txt). A broken link or a page that loads anything from the network ends with exit code 1; a page that
docs/index.md does not list is put last.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def cell(text: object) -> str:
    """Return a text for a cell of a Markdown table; a page that it names becomes a link."""
    line = " ".join(_markdown(str(text)).split()).replace("|", "\\|")
    return re.sub(r"\bdocs/([a-z-]+\.md)\b", lambda page: f"[{_subject(page[1])}](../{page[1]})", line)


def _subject(page: str) -> str:
    """Return what a page's heading says before a colon."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(":")[0]


def commands() -> str:
    """Return the page of every command, from the parser."""
    from harness.cli import build_parser

    os.environ["COLUMNS"] = "92"  # what argparse wraps at
    parser = build_parser()
    lines = ["# Commands", "", "All commands and options, generated from `harness COMMAND --help`.", ""]
    lines += [parser.epilog or "", ""]
    for name, inner, meaning in _actions(parser):
        lines += [f"## `harness {name}`", "", *_command(f"harness {name}", inner, meaning)]
    return "\n".join(lines) + "\n"


def _actions(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Yield the name, the parser and the one-line help of each command or action."""
    for action in parser._actions:  # noqa: SLF001  (argparse has no public way)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            meanings = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001
            yield from ((name, inner, meanings.get(name, "")) for name, inner in action.choices.items())


def _command(name: str, parser: argparse.ArgumentParser, meaning: str) -> list[str]:
    usage = parser.format_usage().removeprefix("usage: ").rstrip()
    sentence = (parser.description or meaning).removesuffix(".")
    lines = [f"{cell(sentence[:1].upper() + sentence[1:])}.", "", "```text", usage, "```", ""]
    rows = [
        (", ".join(action.option_strings) or str(action.metavar or action.dest), action)
        for action in parser._actions  # noqa: SLF001
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)  # noqa: SLF001
    ]
    if rows:
        lines += ["| argument | meaning |", "|---|---|"]
        for title, action in rows:
            value = "" if action.nargs == 0 or not action.option_strings else f" {_value(action)}"
            meaning = (action.help or "") % {"default": action.default, "prog": name}
            lines.append(f"| `{title}{value}` | {cell(meaning)} |")
        lines.append("")
    for inner_name, inner, inner_meaning in _actions(parser):
        lines += [f"### `{name} {inner_name}`", "", *_command(f"{name} {inner_name}", inner, inner_meaning)]
    return lines


def _value(action: argparse.Action) -> str:
    if action.choices:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar or action.dest.upper())


def keys() -> str:
    """Return the page of every configuration key, from the JSON schema."""
    from harness.commands.config import json_schema

    schema = json.loads(json_schema())
    lines = [
        "# Configuration keys",
        "",
        "All keys of the YAML file, generated from the schema that `harness config schema` prints.",
        "[The configuration](../configuration.md) explains variables, paths and overrides as well.",
        "",
        "## Top level",
        "",
        *_keys(schema, schema["$defs"]),
    ]
    for name, definition in sorted(schema["$defs"].items()):
        if definition.get("properties"):
            lines += [f"## {name}", "", cell(definition.get("description", "")), ""]
            lines += _keys(definition, schema["$defs"])
    return "\n".join(lines) + "\n"


def _keys(schema: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    lines = ["| key | meaning | type | default |", "|---|---|---|---|"]
    for name, value in schema["properties"].items():
        default = "**required**" if name in schema.get("required", ()) else f"`{cell(_default(value))}`"
        lines.append(f"| `{name}` | {cell(_meaning(value, definitions))} | {_type(value)} | {default} |")
    return [*lines, ""]


def _meaning(value: dict[str, Any], definitions: dict[str, Any]) -> str:
    """Return a key's description, or else the one of the only definition that it refers to."""
    if "description" in value:
        return str(value["description"])
    named = [part["$ref"].rpartition("/")[2] for part in (value, *value.get("anyOf", ())) if "$ref" in part]
    text = definitions[named[0]].get("description", "") if len(named) == 1 else ""
    return str(text).partition("\n\n")[0]


def _default(value: dict[str, Any]) -> object:
    default = value.get("default")
    if default and isinstance(default, (dict, list)):
        return "see its keys"
    return "none" if default is None else str(default).lower() if isinstance(default, bool) else default


def _type(value: dict[str, Any]) -> str:
    """Return a property's type in words; a definition links to its section."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        if name == "JsonValue":
            return "any JSON value"
        return f"[{name}](#{name.lower()})"
    if "enum" in value or "const" in value:
        return ", ".join(f"`{cell(item)}`" for item in value.get("enum", [value.get("const")]))
    parts = value.get("anyOf") or value.get("oneOf")
    if parts:
        return " or ".join(dict.fromkeys(_type(part) for part in parts if part.get("type") != "null"))
    if value.get("type") == "array":
        inner = value.get("items") or next(iter(value.get("prefixItems", [])), {})
        return f"list of {_type(inner)}" if inner else "list"
    words = {"object": "mapping", "string": "text", "integer": "whole number", "boolean": "`true` or `false`"}
    limits = [
        f"{sign} {value[key]:g}"
        for key, sign in (
            ("exclusiveMinimum", "&gt;"),
            ("minimum", "≥"),
            ("exclusiveMaximum", "&lt;"),
            ("maximum", "≤"),
        )
        if key in value
    ]
    kind = words.get(value.get("type", ""), value.get("type", "any"))
    return f"{kind} {', '.join(limits)}".strip()


def python() -> str:
    """Return the page of the Python interface, from signatures and docstrings."""
    import harness
    from harness.backends.base import Backend
    from harness.backends.registry import BackendFacts
    from harness.engine.run import Options
    from harness.pytest_plugin import accuracy
    from harness.record import read_record
    from harness.record.schema import RunRecord

    lines = [
        "# Python interface",
        "",
        "All public functions and classes, generated from the docstrings.",
        "",
        "```python",
        "import harness",
        "",
        "",
    ]
    lines += ["record = harness.validate(harness.load_config('config.yml'))", "```", ""]
    functions = [("harness.load_config", harness.load_config), ("harness.validate", harness.validate)]
    functions += [("harness.engine.run.Options", Options), ("harness.record.read_record", read_record)]
    for name, thing in functions:
        lines += _documented(name, thing)
    lines += ["## pytest: the fixture `accuracy`", "", *_docstring(accuracy), ""]
    lines += _documented("harness.record.schema.RunRecord", RunRecord, signature=False)
    schema = RunRecord.model_json_schema()
    lines += ["The fields of `run.json`:", "", *_keys(schema, schema["$defs"])]
    for name, definition in sorted(schema["$defs"].items()):
        if definition.get("properties"):
            lines += [f"### {name}", "", cell(definition.get("description", "")), ""]
            lines += _keys(definition, schema["$defs"])
    lines += ["## A backend of your own", ""]
    lines += _documented("harness.backends.registry.BackendFacts", BackendFacts, level=3)
    lines += _documented("harness.backends.base.Backend", Backend, level=3)
    for name, member in inspect.getmembers(Backend, inspect.isfunction):
        if not name.startswith("_") or getattr(member, "__isabstractmethod__", False):
            lines += _documented(f"Backend.{name}", member, level=4)
    return "\n".join(lines) + "\n"


def _documented(name: str, thing: Any, *, level: int = 2, signature: bool = True) -> list[str]:
    lines = [f"{'#' * level} `{name}`", ""]
    if signature:
        text = f"{name.rpartition('.')[2]}{inspect.signature(thing)}"
        lines += ["```python", re.sub(r"(: |-> )'([^']*)'", r"\1\2", text), "```", ""]
    return [*lines, *_docstring(thing), ""]


def _docstring(thing: Any) -> list[str]:
    parts = (inspect.getdoc(thing) or "").split("\n\n")
    return _markdown("\n\n".join(map(_listed, parts))).splitlines()


def _listed(paragraph: str) -> str:
    """Return a paragraph that describes names one after the other as a list: ``a``: ...; ``b``: ..."""
    names = r"``\w+``(?:, ``\w+``)*:"
    if not re.match(names, paragraph):
        return paragraph
    items = re.split(rf"[.;] (?={names})", " ".join(paragraph.split()))
    return "\n".join(f"- {item.removesuffix('.')}." for item in items)


def _markdown(text: str) -> str:
    """Return a docstring as Markdown: roles and double backticks as code, and `<` outside of code starts no tag."""
    text = re.sub(r":(?:func|class|data|mod|meth):`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    parts = text.split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def assemble(source: Path) -> None:
    """Copy the pages, and generate the reference beside them."""
    shutil.rmtree(source.parent, ignore_errors=True)
    shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("__pycache__", "requirements.*"))
    (source / "reference").mkdir(exist_ok=True)
    for name, text in (("commands", commands()), ("keys", keys()), ("python", python())):
        (source / "reference" / f"{name}.md").write_text(text, encoding="utf-8")
    # What pages name outside of docs/: examples to download, and pages at the top that the site has, too.
    shutil.copytree(ROOT / "configs", source.parent / "configs")
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8").replace("](docs/", "](")
    (source / "security.md").write_text(security, encoding="utf-8")
    pages = {path.relative_to(source).with_suffix("").as_posix() for path in source.rglob("*.md")} - {"index"}
    contents = (source / "index.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(with_every_page(contents, pages), encoding="utf-8")
    for page in source.glob("*.md"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace("](../SECURITY.md)", "](security.md)"), encoding="utf-8")


def with_every_page(index: str, pages: set[str]) -> str:
    """Return the table of contents with the pages that it does not list, at the end of its last list: Explanation."""
    missing = sorted(pages - set(re.findall(r"^([\w/-]+)$", index, re.MULTILINE)))
    head, fence, tail = index.rpartition("```")
    return "".join([head, *(f"{page}\n" for page in missing), fence, tail])


def outside(site: Path) -> list[str]:
    """Return what pages load from the network when they are looked at; links that a reader follows do not count."""
    loading = re.compile(r'<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//[^"]*"|@import\s+[^;]*//[^;]*;')
    sheets = re.compile(r'<link(?=[^>]*rel="(?:stylesheet|preload|preconnect|icon)")[^>]*href="(?:https?:)?//[^"]*"')
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    texts = ((path, path.read_text(encoding="utf-8")) for path in files)
    return [
        f"{path.relative_to(site)}: {match[0]}"
        for path, text in texts
        for pattern in (loading, sheets, re.compile(r'url\(["\']?(?:https?:)?//[^)]*\)'))
        for match in pattern.finditer(text)
    ]


def main(sphinx: str) -> int:
    """Assemble, build, look for what is loaded from outside."""
    source, site = ROOT / "build/docs/source", ROOT / "build/docs/site"
    assemble(source)
    command = [sphinx, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-b", "html", str(source), str(site)]
    done = subprocess.run(command, check=False)
    if done.returncode:
        return 1
    loads = outside(site)
    print("\n".join([*(f"loads from the network: {line}" for line in loads), f"{site / 'index.html'}"]))
    return int(bool(loads))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
