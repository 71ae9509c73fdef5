"""The documentation site, made by `make docs`: these pages, and the reference that `.ci/docs.py` generates."""

from __future__ import annotations

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

project = "Conversion accuracy harness"
extensions = ["myst_parser"]
nitpicky = True
smartquotes = False  # `--out` stays as it is typed
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
# Blocks that the repository's host draws, and that a test reads; here they are text.
lexers["mermaid"] = lexers["rooms"] = TextLexer()
