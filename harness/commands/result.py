"""What a command gives back, and how it draws tables for the terminal."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from harness.errors import EXIT_OK

if TYPE_CHECKING:
    from rich.console import Console


class Result(NamedTuple):
    """The result of a command: its exit code, and what the shell prints to stdout.

    ``text``: printed as it is; ``document``: printed as one JSON document, instead of a text; ``error``: a message for
    stderr, where something is to be printed although the command could not be completed.
    """

    exit_code: int = EXIT_OK
    text: str = ""
    document: Any = None
    error: str | None = None


class Command(Protocol):
    """A module of this package that is a command: found by its NAME, listed with its HELP.

    Its module imports only the standard library, ``harness.errors`` and its neighbours here; ``run`` imports everything
    heavy, so that `harness --help` stays fast.
    """

    NAME: str
    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's arguments and options to its parser."""

    def run(self, options: argparse.Namespace) -> Result:
        """Run the command. Raises HarnessError if it fails."""


class Screen(io.StringIO):
    """Collects what is drawn for stdout; it is as wide, as colourful and as able to show characters as that."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # io.StringIO has none, and rich asks for it
        """The encoding of stdout."""
        return getattr(sys.stdout, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Return whether stdout is a terminal."""
        return sys.stdout is not None and sys.stdout.isatty()

    def console(self, width: int) -> Console:
        """Return a console that draws here: as wide as the terminal or ``$COLUMNS``, otherwise ``width`` columns."""
        from rich.console import Console

        known = self.isatty() or os.environ.get("COLUMNS", "").isdigit()
        return Console(file=self, width=None if known else width, highlight=False, markup=False, emoji=False)
