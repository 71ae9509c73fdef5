"""Reading a page as a browser would: its elements and attributes, its inlined parts, its data."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class Element:
    """An element with its attributes and the text directly inside."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A parsed page."""

    source: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(Element(f"/{tag}", {}))  # takes the text that follows

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.elements[-1].text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    @property
    def data(self) -> dict[str, Any]:
        (found,) = [item for item in self.all("script") if item.attributes.get("id") == "data"]
        parsed: dict[str, Any] = json.loads(found.text)
        return parsed

    @property
    def text(self) -> str:
        return " ".join(element.text for element in self.elements if element.tag not in ("script", "style"))


def assert_contained(source: str) -> Page:
    """Check that a page loads nothing, runs nothing but its own script, and that its policy says so."""
    page = Page(source)
    style, (data, script) = page.all("style")[0], page.all("script")
    assert len(page.all("style")) == 1
    assert data.attributes == {"type": "application/json", "id": "data"}
    assert script.attributes == {}
    policy = next(item.attributes["content"] for item in page.all("meta") if "http-equiv" in item.attributes)
    hashes = [base64.b64encode(hashlib.sha256(item.text.encode()).digest()).decode() for item in (style, script)]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    for element in page.elements:
        assert element.tag not in ("iframe", "object", "embed", "base", "form")
        for name, value in element.attributes.items():
            assert not name.startswith("on"), (element.tag, name)
            assert name != "style", element.tag
            if name in ("src", "href", "action", "xlink:href"):
                assert value is not None
                assert value.startswith(("#", "data:,", "./")), value
    return page
