"""The reference's predictions from a capsule, instead of its probability cache: nothing is loaded or computed."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from pathlib import Path

import numpy as np

from harness.backends.base import Loaded, Probabilities
from harness.capsule.opened import Capsule, open_capsule
from harness.engine.cache import Entry
from harness.errors import ModelError


class RecordedAnswers:
    """Answers by the digest of an image's encoded bytes. ``file``: the capsule; it is opened when it is first asked."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @cached_property
    def _capsule(self) -> Capsule:
        return open_capsule(self._file)

    @cached_property
    def _rows(self) -> dict[bytes, list[int]]:
        rows: dict[bytes, list[int]] = defaultdict(list)
        for row, digest in enumerate(self._capsule.digests):
            if digest and row not in self._capsule.bad:
                rows[digest].append(row)
        return rows

    def has_any(self) -> bool:
        """Return True: the model need not be loaded."""
        return True

    def get(self, image_digests: tuple[bytes, ...], outputs: int) -> Entry:
        """Return the predictions for these images, in their order. Raises ModelError if one of them has none.

        For bytes that the capsule has several times, the row after that of the previous image is used.
        """
        reference, answers = self._capsule.contents.reference, self._capsule.answers
        if reference is None or answers is None or reference.outputs != outputs:
            raise ModelError(f"{self._file}: has no predictions with {outputs} values; make the capsule again")
        try:
            loaded = Loaded.from_json(reference.loaded)
            plausible = loaded.is_plausible
        except (KeyError, TypeError):
            plausible = False
        if not plausible:
            raise ModelError(f"{self._file}: does not say which model gave its predictions; make the capsule again")
        rows: list[int] = []
        for digest in image_digests:
            known = self._rows.get(digest)
            if not known:
                raise ModelError(
                    f"{self._file}: has no prediction of the reference for {len(image_digests):,} images, such as "
                    "the one with "
                    f"the sha256 {digest.hex()[:12]}...; evaluate the capsule's own images, or make it again"
                )
            after = rows[-1] + 1 if rows else known[0]
            rows.append(after if after in known else known[0])
        return Entry(np.array(answers[rows], np.float32), np.ones(len(rows), np.bool_), loaded)

    def put(self, image_digests: tuple[bytes, ...], probabilities: Probabilities, loaded: Loaded) -> None:
        """Do nothing: a capsule is never written to."""
