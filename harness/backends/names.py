"""Finding an input or output by name, with or without `:0`; for a wrong name, the error lists the existing ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from harness.errors import ModelError, WrongNameError, nearest

T = TypeVar("T")


def require_one_input(model: object, found: str, inputs: Iterable[str]) -> None:
    """Refuse a model that waits for more than the pixels, such as a dropout's rate. Raises ModelError.

    ``found``: the name of the input that takes the pixels; ``inputs``: the names of all inputs that have to be fed.
    """
    others = [name for name in dict.fromkeys(inputs) if name != found]
    if others:
        raise ModelError(f"{model}: {unfed(others, 'export the model for inference')}")


def unfed(names: Sequence[str], mend: str) -> str:
    """Return what is said of inputs that nothing feeds, without what needs them."""
    listed = ", ".join(f"'{name}'" for name in names[:5]) + (", ..." if len(names) > 5 else "")
    return (
        f"also needs the input{'s' if len(names) > 1 else ''} {listed}, which receives no value; {mend}, with "
        "constants instead (such as keep_prob 1, phase_train false)"
    )


def with_aliases(named: Mapping[str, T], aliases: Mapping[str, str]) -> Mapping[str, T]:
    """Return the entries under their own names and, where an alias names one of them, under that, too."""
    return {**{alias: named[name] for alias, name in aliases.items() if name in named}, **named}


def find_by_name(name: str | None, named: Mapping[str, T], *, what: str, model: str) -> T:
    """Return the entry called ``name``, with or without ``:0`` on either side; for None the only one there is.

    Names of one and the same entry count once; of several inputs, the one called `input` is taken. Raises ModelError
    with the nearest name and the list of names, the first twenty of them.
    """
    if name is None:
        return _only(named, what=what, model=model)
    bare = name.removesuffix(":0")
    for spelling in (name, bare, f"{bare}:0"):
        if spelling in named:
            return named[spelling]
    choices = _choices(named)
    close = nearest(bare, choices)
    near = f"; did you mean '{close[0]}'? Available" if close else "; available"
    raise WrongNameError(f"{model}: has no {what} '{name}'{near}: {_shown(choices)}")


def _only(named: Mapping[str, T], *, what: str, model: str) -> T:
    distinct = {id(entry): entry for entry in named.values()}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    usual = next((named[name] for name in ("input", "input:0") if name in named and what == "input"), None)
    if usual is not None:
        return usual
    key = "`input: {name: ...}`" if what == "input" else "`output: NAME`"
    raise ModelError(
        f"{model}: has {len(distinct)} {what}s; choose one with {key}; available: {_shown(_choices(named))}"
    )


def _choices(named: Mapping[str, T]) -> list[str]:
    return list(dict.fromkeys(other.removesuffix(":0") for other in named))


def _shown(choices: list[str]) -> str:
    return ", ".join(choices[:20]) + (", ..." if len(choices) > 20 else "") if choices else "none"
