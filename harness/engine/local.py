"""The local engine: decoding ahead in threads while the models take turns over the shards.

One shard of uint8 pixels goes to every model in turn, each with all cores; the next shards are decoded meanwhile. Why
turns and not all models at the same time: docs/engine.md.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.config import Preprocess
from harness.dataset.image_set import ImageSet
from harness.engine.calibration_check import calibration_overlap
from harness.engine.lane import Answer, Lane, NonFiniteError
from harness.errors import DeviceError, HarnessError, ModelError
from harness.feeding.decode import Decoded, Decoder
from harness.metrics.outcome import Outcome, score, with_bad_rows
from harness.record.shard_table import ShardTable


@dataclass
class LocalEngine:
    """Evaluates shards of ``images`` with every lane; the first lane is the reference.

    ``bad_limit``: with more bad images than this, nothing is inferred any more and only the scan goes on.
    ``turns``: models take turns over the shards (otherwise they run at the same time).
    """

    images: ImageSet
    preprocess: Preprocess
    lanes: Sequence[Lane]
    threads: int
    bad_limit: int = 0
    ahead: int = 1
    turns: bool = True
    bad: dict[int, str] = field(default_factory=dict)

    @property
    def abandoned(self) -> bool:
        """Whether there were too many bad images to go on."""
        return len(self.bad) > self.bad_limit

    def run(self, wanted: Sequence[tuple[int, range]]) -> Generator[ShardTable, None, None]:
        """Yield the finished tables of the wanted (index, rows) shards, in order.

        A shard after too many bad images is scanned but not yielded. A candidate that fails is left out of the tables
        from then on; so is one that was calibrated on an image of a shard. Raises ModelError where the reference or the
        last candidate fails.
        """
        waiting: deque[_InWork] = deque()
        with contextlib.ExitStack() as stack:
            pools = [stack.enter_context(_pool("model")) for _ in range(1 if self.turns else len(self.lanes))]
            decoder = stack.enter_context(Decoder(self.images, self.preprocess, threads=self.threads, ahead=self.ahead))
            try:
                for decoded in decoder.shards(wanted):
                    self.bad.update(decoded.bad)
                    if self.abandoned:
                        continue
                    waiting.append(self._submit(decoded, pools))
                    if len(waiting) >= 2:
                        yield self._finish(waiting.popleft())
                while waiting and not self.abandoned:
                    yield self._finish(waiting.popleft())
            finally:
                for item in waiting:
                    for answer in item.answers.values():
                        answer.cancel()

    def _submit(self, decoded: Decoded, pools: Sequence[ThreadPoolExecutor]) -> _InWork:
        good = decoded.good
        pixels = decoded.pixels if good.all() else decoded.pixels[good]
        for lane in self.lanes[1:]:
            overlap = calibration_overlap(lane, self.images.manifest, decoded.rows, decoded.image_digests)
            if overlap and lane.failure is None:
                self._give_up(lane, overlap)
        digests = tuple(digest for digest, kept in zip(decoded.image_digests, good, strict=True) if kept)
        answers = {
            self.lanes[number].spec.id: pools[number % len(pools)].submit(self.lanes[number].answer, pixels, digests)
            for number in self._turns(decoded.index)
            if self.lanes[number].failure is None
        }
        return _InWork(decoded, answers)

    def _turns(self, shard: int) -> list[int]:
        """Return the lanes' numbers in the order of their turns: the reference, then another candidate first each time.

        The first turn runs while the next shard is decoded, so that a fixed order would make one candidate look slow.
        """
        candidates = list(range(1, len(self.lanes)))
        start = shard % len(candidates) if candidates else 0
        return [0, *candidates[start:], *candidates[:start]]

    def _finish(self, item: _InWork) -> ShardTable:
        decoded, good = item.decoded, item.decoded.good
        labels = self.images.manifest.labels[decoded.rows.start : decoded.rows.stop][good]
        outcomes: dict[str, Outcome] = {}
        answers: dict[str, Answer] = {}
        reference: Answer | None = None
        for lane in self.lanes:
            if lane.failure is not None:
                continue
            try:
                answer = item.answers[lane.spec.id].result()
            except (ModelError, DeviceError) as error:
                self._give_up(lane, self._named(error, decoded, good))
                continue
            scored = score(answer.probabilities, labels, reference.probabilities if reference else None)
            outcomes[lane.spec.id] = with_bad_rows(scored, good)
            answers[lane.spec.id] = answer
            reference = reference or answer
        return ShardTable(
            index=decoded.index,
            rows=decoded.rows,
            image_digests=decoded.image_digests,
            signatures=decoded.signatures,
            bad=decoded.bad,
            outcomes=outcomes,
            seconds={model: answer.seconds for model, answer in answers.items() if not answer.cached},
            cached=frozenset(model for model, answer in answers.items() if answer.cached),
            latencies={model: list(answer.latencies) for model, answer in answers.items() if answer.latencies},
        )

    def _named(self, error: HarnessError, decoded: Decoded, good: NDArray[np.bool_]) -> HarnessError:
        """Name the image in an error that knows only its place in the shard."""
        if not isinstance(error, NonFiniteError):
            return error
        row = decoded.rows.start + int(np.flatnonzero(good)[error.position])
        return error.naming(self.images.manifest.image_ids[row])

    def _give_up(self, lane: Lane, error: HarnessError) -> None:
        """Leave a failed candidate out from now on; without the reference or any candidate there is no point."""
        lane.failure = error
        if lane is self.lanes[0] or not any(other.failure is None for other in self.lanes[1:]):
            raise error


@dataclass(frozen=True)
class _InWork:
    decoded: Decoded
    answers: dict[str, Future[Answer]]


def _pool(name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix=name)
