from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import Loaded, Pixels, Probabilities
from harness.config import Dataset, Preprocess
from harness.engine.cache import ProbabilityCache
from harness.engine.lane import Lane
from harness.engine.local import LocalEngine
from harness.engine.shard import Models, error_of
from harness.engine.task import ShardTask, Work
from harness.errors import DeviceError, ModelError
from harness.record.shard_table import Failure, ShardTable
from tests.engine.conftest import OUTPUTS, SIDE, FakeModel, Fakes, Memory, lane, probabilities_of

PREPROCESS = Preprocess(size=4, crop_fraction=1.0)
SHARDS = [(0, range(20)), (1, range(20, 40)), (2, range(40, 50))]
WORK = Work(Dataset(path=Path("memory"), preprocess=PREPROCESS), None, None, "", ())
VALUES = [(7 * row) % 250 for row in range(50)]


def tasks(shards: Sequence[tuple[int, range]] = SHARDS) -> list[ShardTask]:
    return [ShardTask(index, rows, WORK) for index, rows in shards]


def engine(memory: Memory, lanes: Sequence[Lane], *, bad_limit: int = 0, turns: bool = True) -> LocalEngine:
    return LocalEngine(Models(memory.set(), lanes, in_turns=turns), threads=2, bad_limit=bad_limit)


@pytest.mark.parametrize("turns", [True, False])
@pytest.mark.parametrize("candidates", [1, 3])
def test_every_image_is_read_once_for_all_models(fakes: Fakes, turns: bool, candidates: int) -> None:
    memory = Memory(VALUES)
    ids = ["reference", *(f"c{number}" for number in range(candidates))]
    tables = list(engine(memory, [lane(model) for model in ids], turns=turns).run(tasks()))
    assert [(table.index, table.rows) for table in tables] == SHARDS
    assert memory.reads == Counter(range(50))
    assert fakes.images == dict.fromkeys(ids, 50)
    assert fakes.loads == dict.fromkeys(ids, 1)
    assert all(list(table.outcomes) == ids for table in tables)


def test_every_candidate_has_the_turn_during_decoding_equally_often(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    real = Lane.answer

    def noted(self: Lane, *arguments: Any) -> Any:
        taken.append(self.spec.id)
        return real(self, *arguments)

    monkeypatch.setattr(Lane, "answer", noted)
    list(engine(Memory(VALUES), [lane(name) for name in ("reference", "a", "b", "c")]).run(tasks()))
    assert [taken[start : start + 4] for start in (0, 4, 8)] == [
        ["reference", "a", "b", "c"],
        ["reference", "b", "c", "a"],
        ["reference", "c", "a", "b"],
    ]


def test_rows_hold_what_the_models_gave(fakes: Fakes) -> None:
    tables = list(engine(Memory(VALUES), [lane("reference"), lane("ir")]).run(tasks()))
    pixels = np.array(VALUES, np.uint8)[:, None, None, None]
    reference, candidate = probabilities_of(pixels), probabilities_of(pixels, 1.01)
    labels = np.array(VALUES) % OUTPUTS
    for table in tables:
        rows = list(table.rows)
        np.testing.assert_array_equal(table.outcomes["reference"].probability_of_label, reference[rows, labels[rows]])
        assert not table.outcomes["reference"].max_abs_diff.any()
        np.testing.assert_allclose(
            table.outcomes["ir"].max_abs_diff, np.abs(candidate - reference)[rows].max(axis=1), rtol=1e-5
        )
        assert table.outcomes["ir"].top1.tolist() == labels[rows].tolist()
        assert set(table.seconds) == {"reference", "ir"}
        assert table.cached == frozenset()


def test_a_cached_reference_is_not_run(fakes: Fakes, tmp_path: Path) -> None:
    for _ in range(2):
        lanes = [lane("reference", ProbabilityCache(tmp_path, {"k": 1})), lane("ir")]
        tables = list(engine(Memory(VALUES), lanes).run(tasks()))
    assert fakes.images == {"reference": 50, "ir": 100}
    assert all(table.cached == {"reference"} and set(table.seconds) == {"ir"} for table in tables)


def test_bad_images_are_bad_rows(fakes: Fakes) -> None:
    memory = Memory(VALUES, {0: b"", 25: b"words"})
    tables = list(engine(memory, [lane("reference"), lane("ir")], bad_limit=2).run(tasks()))
    assert [list(table.bad) for table in tables] == [[0], [25], []]
    assert tables[0].bad[0] == "empty file"
    assert tables[1].bad[25].startswith("not an image")
    for model in ("reference", "ir"):
        outcome = tables[1].outcomes[model]
        assert (outcome.top1[5], outcome.rank_of_label[5]) == (-1, 0)
        assert np.isnan(outcome.max_abs_diff[5])
        assert (np.delete(outcome.rank_of_label, 5) == 1).all()
        assert outcome.top1[6] == VALUES[26] % OUTPUTS  # the rows behind it are not shifted
    assert fakes.images == {"reference": 48, "ir": 48}


@pytest.mark.parametrize(("bad_limit", "tables"), [(0, 0), (1, 1), (2, 1), (3, 3)])
def test_too_many_bad_images_end_it_but_all_are_listed(fakes: Fakes, bad_limit: int, tables: int) -> None:
    memory = Memory(VALUES, dict.fromkeys((0, 20, 49), b"") if bad_limit == 3 else dict.fromkeys((0, 20, 21, 49), b""))
    running = engine(memory, [lane("reference"), lane("ir")], bad_limit=bad_limit)
    found: list[ShardTable] = list(running.run(tasks()))
    assert {row for table in found for row in table.bad} == set(memory.bad)
    assert [row for table in found for row in table.rows] == list(range(50))  # each shard once, evaluated or scanned
    evaluated = [table for table in found if table.outcomes]
    assert (len(evaluated) < 3) == (bad_limit < 3)
    assert len(evaluated) <= tables
    assert memory.reads == Counter(range(50))


def test_a_shard_of_bad_images_only(fakes: Fakes, tmp_path: Path) -> None:
    memory = Memory(VALUES, dict.fromkeys(range(20, 40), b""))
    for _ in range(2):
        lanes = [lane("reference", ProbabilityCache(tmp_path, {"k": 1})), lane("ir")]
        tables = list(engine(memory, lanes, bad_limit=20).run(tasks()))
        assert [len(table.outcomes["ir"]) for table in tables] == [20, 20, 10]


def test_nan_names_the_image(fakes: Fakes) -> None:
    fakes.nan = frozenset({VALUES[23]})
    memory = Memory(VALUES, {20: b"", 21: b""})
    running = engine(memory, [lane("reference"), lane("ir")], bad_limit=9)
    found = list(running.run(tasks()))
    assert [set(table.failures) for table in found] == [set(), {"reference", "ir"}, set()]
    assert (
        found[1]
        .failures["reference"]
        .message.startswith("reference: returned NaN or infinity, first for the image image-23 ")
    )
    assert isinstance(error_of(found[1].failures["reference"]), ModelError)


def test_a_model_that_fails_is_in_the_table_and_takes_part_no_more(fakes: Fakes) -> None:
    fakes.error = DeviceError("ir: the device went away")
    found = list(engine(Memory(VALUES), [lane("reference"), lane("ir")]).run(tasks()))
    assert found[0].failures["ir"] == Failure("ir: the device went away", kind="DeviceError")
    assert isinstance(error_of(found[0].failures["ir"]), DeviceError)
    assert not any(table.outcomes for table in found)
    assert not found[2].failures


def test_taking_only_the_first_shard_stops_the_rest(fakes: Fakes) -> None:
    memory = Memory([1] * 400)
    shards = [(number, range(20 * number, 20 * number + 20)) for number in range(20)]
    stream = engine(memory, [lane("reference"), lane("ir")]).run(tasks(shards))
    assert next(stream).index == 0
    stream.close()
    assert max(memory.reads) < 200
    assert fakes.images["reference"] < 200


def decide(
    images: int, lanes: Sequence[Lane], memory: Memory | None = None
) -> tuple[list[ShardTable], list[ShardTable]]:
    """Return the tables of a run whose first images are evaluated before the rest, and what was told of these."""
    told: list[ShardTable] = []
    running = engine(memory or Memory(VALUES), lanes)
    running.first_rows, running.on_first = images, told.append
    return list(running.run(tasks())), told


def same_tables(one: Sequence[ShardTable], other: Sequence[ShardTable]) -> None:
    for a, b in zip(one, other, strict=True):
        plain, seconds = dataclasses.replace(a, seconds={}, latencies={}), set(a.seconds)
        assert plain.to_arrow().equals(dataclasses.replace(b, seconds={}, latencies={}).to_arrow(), check_metadata=True)
        assert seconds == set(b.seconds)


@pytest.mark.parametrize("images", [1, 8, 19])
def test_the_first_images_are_told_before_and_change_no_table(fakes: Fakes, images: int, tmp_path: Path) -> None:
    plain = list(engine(Memory(VALUES), [lane("reference"), lane("ir")]).run(tasks()))
    before = dict(fakes.images)
    memory = Memory(VALUES)
    tables, told = decide(images, [lane("reference"), lane("ir")], memory)
    same_tables(tables, plain)
    assert fakes.images == {model: 2 * count for model, count in before.items()}  # none is inferred twice
    assert memory.reads == Counter(range(50))
    (first,) = told
    assert first.rows == range(images)
    np.testing.assert_array_equal(first.outcomes["ir"].max_abs_diff, plain[0].outcomes["ir"].max_abs_diff[:images])
    cached = [
        decide(images, [lane("reference", ProbabilityCache(tmp_path, {"k": 1})), lane("ir")])[0] for _ in range(2)
    ]
    assert fakes.images["reference"] == 3 * before["reference"]
    for table, again in zip(*cached, strict=True):
        assert (table.cached, again.cached) == (frozenset(), {"reference"})
        np.testing.assert_array_equal(table.outcomes["ir"].max_abs_diff, again.outcomes["ir"].max_abs_diff)


@pytest.mark.parametrize("images", [0, 20, 64])
def test_as_many_first_images_as_a_shard_has_are_told_by_the_shard(fakes: Fakes, images: int) -> None:
    assert decide(images, [lane("reference"), lane("ir")])[1] == []


def test_images_that_do_not_fill_whole_batches_are_inferred_twice(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So that the shard's answers are those of the same batches, and the cache keeps no other ones."""
    found = Loaded("fake 1", "CPU", "a CPU", "f32", "0" * 64, {"batch": 5})
    monkeypatch.setattr(FakeModel, "load", lambda _: found)
    lanes = [lane("reference", ProbabilityCache(tmp_path, {"k": 1})), lane("ir")]
    _, told = decide(8, lanes)
    assert len(told) == 1
    assert fakes.images == {"reference": 58, "ir": 58}
    assert len(list(tmp_path.rglob("*.rows"))) == 3


def test_a_bad_image_among_the_first_leaves_the_telling_to_the_shard(fakes: Fakes) -> None:
    running = engine(Memory(VALUES, {3: b""}), [lane("reference"), lane("ir")], bad_limit=1)
    told: list[ShardTable] = []
    running.first_rows, running.on_first = 8, told.append
    assert [list(table.bad) for table in running.run(tasks())] == [[3], [], []]
    assert told == []


def test_nothing_wanted_is_nothing_read(fakes: Fakes) -> None:
    memory = Memory(VALUES)
    assert list(engine(memory, [lane("reference")]).run([])) == []
    assert not memory.reads
    assert not fakes.loads


def test_shards_that_nobody_waits_for_end_early_and_no_model_is_stopped(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun, abandoned = threading.Event(), threading.Event()

    def in_parts(self: FakeModel, pixels: Pixels) -> Probabilities:
        if self.seen.images[self.spec.id] == 40:  # the third shard, whose end nobody waits for
            begun.set()
            assert abandoned.wait(60)
        for _ in pixels:
            self.refuse_abandoned()
            self.seen.images[self.spec.id] += 1
        return probabilities_of(pixels)

    cached = ProbabilityCache(tmp_path, {"k": 1})
    list(engine(Memory(VALUES), [lane("reference", cached), lane("ir")]).run(tasks()))
    fakes.images.clear()
    fakes.loads.clear()
    monkeypatch.setattr(FakeModel, "_infer", in_parts)
    lanes = [lane("reference", cached), lane("ir")]
    running = engine(Memory(VALUES), lanes)
    stream = running.run(tasks())
    assert [next(stream).rows, next(stream).rows] == [range(20), range(20, 40)]
    assert begun.wait(60)
    running.models.abandon()
    abandoned.set()
    stream.close()
    assert fakes.images == {"ir": 40}
    running.models.resume()
    assert lanes[0].load() is not None  # it never was, and still can be
    pixels = np.zeros((3, SIDE, SIDE, 3), np.uint8)
    np.testing.assert_array_equal(lanes[1].answer(pixels, (b"a", b"b", b"c")).raw, probabilities_of(pixels))
    assert fakes.loads == {"reference": 1, "ir": 1}


def test_cached_answers_are_read_before_the_models_have_their_turn(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cached = ProbabilityCache(tmp_path, {"k": 1})
    plain = list(engine(Memory(VALUES), [lane("reference", cached), lane("ir")]).run(tasks()))
    held = []
    real = ProbabilityCache.get

    def noted(self: ProbabilityCache, digests: tuple[bytes, ...], outputs: int) -> Any:
        held.append((len(digests), running.models._turn.locked() and threading.get_ident() in takers))
        return real(self, digests, outputs)

    takers: set[int] = set()
    answers = Models.answers

    def answering(self: Models, *arguments: Any) -> Any:
        takers.add(threading.get_ident())
        try:
            return answers(self, *arguments)
        finally:
            takers.discard(threading.get_ident())

    monkeypatch.setattr(ProbabilityCache, "get", noted)
    monkeypatch.setattr(Models, "answers", answering)
    running = engine(Memory(VALUES), [lane("reference", cached), lane("ir")])
    again = list(running.run(tasks()))
    assert sorted(held) == [(10, False), (20, False), (20, True)]  # of the first shard, a part may be answered already
    for one, other in zip(plain, again, strict=True):
        assert other.cached == {"reference"}
        np.testing.assert_array_equal(one.outcomes["ir"].max_abs_diff, other.outcomes["ir"].max_abs_diff)
