"""Putting a page together: templates, inlined style and script, and the policy that forbids everything else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HASH = re.compile("[0-9a-f]{40,}")
_TEMPLATES = Path(__file__).parents[1] / "templates"


def page(template: str, styles: Sequence[str], scripts: Sequence[str], **values: Any) -> str:
    """Return a page with its style and script inlined, and a Content-Security-Policy that allows these two alone.

    ``styles`` and ``scripts``: names of files next to the templates, joined in this order. Everything else is escaped
    by the template engine, unless it is Markup.
    """
    style = "\n".join(map(_text, styles))
    script = '"use strict";\n(() => {\n' + "\n".join(map(_text, scripts)) + "\n})();\n"
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    inlined = {"policy": policy, "style": Markup(style), "script": Markup(script)}  # noqa: S704  (our own files)
    return _environment().get_template(template).render(**inlined, **values)


def data(value: Any) -> Markup:
    """Return a value as JSON that may stand inside a script element: ASCII only, no `<`, no `&`."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    text = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(text)  # noqa: S704  (nothing in it can end the element)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.tests["hash"] = lambda value: isinstance(value, str) and _HASH.fullmatch(value) is not None
    return made


@lru_cache
def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
