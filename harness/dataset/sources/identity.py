"""Names that shards or rows use again for other images: the position identifies an image, not its name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence

_READ = 2000  # images whose bytes are compared; where more names repeat, they are not names at all


def distinct_names(names: Sequence[str], positions: Sequence[str], read: Callable[[int], bytes]) -> list[str]:
    """Return the names, with its position before each one that stands for images of different bytes.

    Names that repeat with the same bytes are left alone: that is an image twice, which the manifest refuses.
    ``positions``: shard, or shard and row, of each image.
    """
    counts = Counter(names)
    repeated = [row for row, name in enumerate(names) if counts[name] > 1]
    seen: set[tuple[str, bytes]] = set()
    for row in repeated if len(repeated) <= _READ else ():
        try:
            content = names[row], hashlib.sha256(read(row)).digest()
        except OSError:
            continue  # an image that cannot be read is found when it is evaluated
        if content in seen:
            return list(names)
        seen.add(content)
    changed = set(repeated)
    return [f"{positions[row]}/{name}" if row in changed else name for row, name in enumerate(names)]
