"""Finding an input or output by name, with or without `:0`; a wrong name is answered with what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from harness.errors import ModelError, nearest

T = TypeVar("T")


def with_aliases(named: Mapping[str, T], aliases: Mapping[str, str]) -> Mapping[str, T]:
    """Return the entries under their own names and, where an alias names one of them, under that, too."""
    return {**{alias: named[name] for alias, name in aliases.items() if name in named}, **named}


def find_by_name(name: str, named: Mapping[str, T], *, what: str, model: str) -> T:
    """Return the entry called ``name``, with or without ``:0`` on either side.

    Raises ModelError with the nearest name and the list of names, the first twenty of them.
    """
    bare = name.removesuffix(":0")
    for spelling in (name, bare, f"{bare}:0"):
        if spelling in named:
            return named[spelling]
    choices = list(dict.fromkeys(other.removesuffix(":0") for other in named))
    close = nearest(bare, choices)
    near = f"; did you mean '{close[0]}'? There" if close else "; there"
    shown = ", ".join(choices[:20]) + (", ..." if len(choices) > 20 else "") if choices else "none"
    raise ModelError(f"{model}: has no {what} '{name}'{near} are: {shown}")
