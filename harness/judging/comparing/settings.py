"""What differs between two nested settings, as dotted keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

ABSENT = "(absent)"


class Change(NamedTuple):
    """A key whose value differs between run A and run B; a side without the key has ``(absent)``."""

    key: str
    a: Any
    b: Any


def changes(a: Any, b: Any, key: str = "") -> Iterator[Change]:
    """Yield every leaf that differs, in the order of the keys of ``a``. Lists of models are matched by their `id`."""
    one, two = _keyed(a), _keyed(b)
    if one is None or two is None:
        if a != b:
            yield Change(key, a, b)
        return
    for name in {**one, **two}:
        where = f"{key}.{name}" if key else str(name)
        if name not in one or name not in two:
            yield Change(where, one.get(name, ABSENT), two.get(name, ABSENT))
        else:
            yield from changes(one[name], two[name], where)


def _keyed(value: Any) -> Mapping[str, Any] | None:
    """Return a mapping or a list of models as a mapping; None for anything else."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        ids = [item.get("id") for item in value if isinstance(item, Mapping)]
        if len(ids) == len(value) and all(isinstance(name, str) for name in ids) and len(set(ids)) == len(ids):
            return {str(item["id"]): item for item in value}
    return None
