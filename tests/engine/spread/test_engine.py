"""What comes out of the spreading engine is what the local one gives, whoever is lost on the way."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.engine.local import LocalEngine
from harness.engine.shard import open_models
from harness.engine.spread.placement import Group
from harness.engine.spread.worker import Job, Ready, Setup
from harness.engine.task import ShardTask, Work
from harness.errors import DatasetError, DeviceError, ModelError
from harness.feeding.pixel_store import PixelStore
from harness.record.shard_table import ShardTable
from tests.backends.fake import Behaviour
from tests.engine.spread.conftest import InProcess, MakeWork, engine_for, lost, model, tasks_of

APART = (Group(("tf", "ir"), {"CPU": 1.0}, 2), Group(("npu", "npu2"), {"CPU": 1.0, "NPU": 1.0}, 2))


def locally(work: Work) -> dict[int, ShardTable]:
    with open_models(work) as models:
        return {table.index: table for table in LocalEngine(models, threads=1).run(tasks_of(work))}


def plain(table: ShardTable) -> dict[str, Any]:
    """Return all that does not depend on the clock and the number of threads, as comparable values."""
    notes = {name: getattr(table, name) for name in ("index", "rows", "bad", "cached", "failures", "reported")}
    return {"columns": table.to_arrow().to_pydict(), "order": list(table.outcomes), **notes}


def assert_equal(found: Sequence[ShardTable], expected: dict[int, ShardTable]) -> None:
    assert sorted(table.index for table in found) == sorted(expected)
    for table in found:
        assert plain(table) == plain(expected[table.index])


@pytest.mark.parametrize("seed", range(4))
def test_tables_are_those_of_the_local_engine_in_whatever_order_they_come(
    fake_backend: dict[str, Any], make_work: MakeWork, seed: int
) -> None:
    work = make_work()
    found = list(engine_for(work, InProcess(seed=seed)).run(tasks_of(work)))
    assert found[0].index == 0
    assert_equal(found, locally(work))


def test_the_first_shard_is_alone_until_it_is_known_how_outputs_are_read(
    fake_backend: dict[str, Any], make_work: MakeWork
) -> None:
    tf, ir = model("tf"), model("ir")
    auto = (
        dataclasses.replace(tf, spec=dataclasses.replace(tf.spec, activation="auto")),
        dataclasses.replace(ir, spec=dataclasses.replace(ir.spec, activation=None)),
    )
    work = make_work(*auto)
    cluster = InProcess()
    running = engine_for(work, cluster).run(tasks_of(work))
    assert next(running).index == 0
    assert [job.index for job, _ in cluster.jobs] == [0]
    rest = list(running)
    assert all(job.applied == {"tf": "none", "ir": "none"} for job, _ in cluster.jobs[1:])
    assert_equal(rest, {index: table for index, table in locally(work).items() if index})


@pytest.mark.parametrize("seed", range(4))
def test_candidates_on_other_devices_are_compared_with_the_answers_that_the_first_group_gave(
    fake_backend: dict[str, Any], make_work: MakeWork, seed: int
) -> None:
    work = make_work(model("tf"), model("npu", "NPU"), model("ir"), model("npu2", "NPU"))
    cluster = InProcess(seed=seed)
    assert_equal(list(engine_for(work, cluster, *APART).run(tasks_of(work))), locally(work))
    asked = Counter((job.index, setup.models) for job, setup in cluster.jobs)
    assert set(asked.values()) == {1}
    assert len(asked) == 2 * len(tasks_of(work))


def test_a_candidate_that_fails_elsewhere_takes_no_further_part(
    fake_backend: dict[str, Any], make_work: MakeWork
) -> None:
    fake_backend["npu"] = Behaviour(nan=True)
    work = make_work(model("tf"), model("npu", "NPU"), model("ir"))
    cluster = InProcess()
    groups = (Group(("tf", "ir"), {"CPU": 1.0}, 1), Group(("npu",), {"CPU": 1.0, "NPU": 1.0}, 1))
    found = list(engine_for(work, cluster, *groups).run(tasks_of(work)))
    assert "returned NaN or infinity" in found[0].failures["npu"].message
    assert all(list(table.outcomes) == ["tf", "ir"] for table in found)
    assert not any(table.failures for table in found[1:])
    assert sum(setup.models == ("npu",) for _, setup in cluster.jobs) == 1


def test_tables_come_in_order_where_that_is_wanted(fake_backend: dict[str, Any], make_work: MakeWork) -> None:
    work = make_work(images=80)
    found = list(engine_for(work, InProcess(seed=5), in_order=True).run(tasks_of(work)))
    assert [table.index for table in found] == list(range(20))
    other = [table.index for table in engine_for(work, InProcess(seed=5)).run(tasks_of(work))]
    assert other != sorted(other)  # so that the order above is no accident


def test_another_run_decodes_nothing_where_its_workers_see_the_same_folder(
    fake_backend: dict[str, Any], make_work: MakeWork, tmp_path: Path
) -> None:
    work = make_work()
    store = PixelStore(tmp_path / "pixels", "key", 10**9)
    taken = []
    for _ in range(2):
        engine = engine_for(work, InProcess())
        engine.setup = dataclasses.replace(engine.setup, pixels=store.shared(writers=3))
        found = list(engine.run(tasks_of(work)))
        assert_equal(found, locally(work))
        taken.append(sum(table.not_decoded for table in found))
    assert taken == [0, 22]


class Losing:
    """Loses the worker of the given jobs, as often as it is said."""

    def __init__(self, times: dict[int, int], **how: Any) -> None:
        self.left, self.how = Counter(times), how
        self.lost = 0

    def __call__(self, job: Job, setup: Setup) -> BaseException | None:
        if setup.alone_seconds is None and self.left[job.index] > 0:
            self.left[job.index] -= 1
            self.lost += 1
            return lost(**self.how)
        return None


@pytest.mark.parametrize("times", [{2: 1}, {0: 1}, {0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, {5: 2}])
def test_what_a_lost_worker_had_is_done_by_others(
    fake_backend: dict[str, Any], make_work: MakeWork, times: dict[int, int]
) -> None:
    work = make_work()
    script = Losing(times)
    cluster = InProcess(script)
    found = list(engine_for(work, cluster).run(tasks_of(work)))
    assert script.lost == sum(times.values())
    assert {table.index: table.outcomes["ir"].top1.tolist() for table in found} == {
        index: table.outcomes["ir"].top1.tolist() for index, table in locally(work).items()
    }


def test_a_node_that_leaves_counts_against_no_shard(fake_backend: dict[str, Any], make_work: MakeWork) -> None:
    work = make_work()
    cluster = InProcess(Losing({3: 10}, with_node=True))
    assert_equal(list(engine_for(work, cluster).run(tasks_of(work))), locally(work))
    assert all(setup.alone_seconds is None for setup in cluster.started)


def test_a_model_that_ends_workers_is_named_and_the_others_go_on(
    fake_backend: dict[str, Any], make_work: MakeWork, tmp_path: Path
) -> None:
    """The third try gives each model a process of its own, so that the one which dies is known."""
    (tmp_path / "dying.fake").write_text(json.dumps({"die": True}))
    work = make_work(model("tf"), model("bad", file=tmp_path / "dying.fake"), model("ir"), images=10)
    cluster = InProcess(lambda job, setup: lost() if setup.alone_seconds is None and "bad" not in job.without else None)
    found = list(engine_for(work, cluster).run(tasks_of(work)))
    assert "bad: the process that ran CPU died (signal 9)" in found[0].failures["bad"].message
    assert [table.index for table in found][:1] == [0]
    assert all(list(table.outcomes) == ["tf", "ir"] for table in found)
    assert sum(setup.alone_seconds is not None for setup in cluster.started) == 1


def test_a_shard_that_ends_even_careful_workers_is_given_up_with_its_models(
    fake_backend: dict[str, Any], make_work: MakeWork
) -> None:
    work = make_work()
    cluster = InProcess(lambda job, setup: lost("out of memory") if job.index == 1 else None)
    with pytest.raises(ModelError, match=r"shard 1 was abandoned: 3 workers .* with tf, ir, .*\(out of memory\)"):
        list(engine_for(work, cluster).run(tasks_of(work)))
    assert sum(job.index == 1 for job, _ in cluster.jobs) == 3


def test_only_the_first_workers_load_before_they_are_asked(fake_backend: dict[str, Any], make_work: MakeWork) -> None:
    """A model that ends whoever loads it would else end one worker after the other."""
    work = make_work()
    cluster = InProcess(Losing({2: 1}))
    list(engine_for(work, cluster).run(tasks_of(work)))
    assert len(cluster.started) == 4
    assert len(cluster.warmed) <= 3


def test_a_worker_that_hangs_is_ended_and_its_shard_done_by_another(
    fake_backend: dict[str, Any], make_work: MakeWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time passes only while nobody answers, so that a busy machine is no worker that hangs."""
    clock = [0.0]

    class Timed(InProcess):
        def wait(self, tickets: Sequence[int], seconds: float) -> list[int]:
            found = super().wait(tickets, seconds)
            clock[0] += 0.0 if found else 0.1
            return found

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr("harness.engine.spread.staff.time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    work = make_work()
    hung: list[int] = []

    def script(job: Job, setup: Setup) -> str | None:
        if job.index == 2 and not hung:
            hung.append(job.index)
            return "hang"
        return None

    found = list(engine_for(work, Timed(script), timeout_seconds=0.3).run(tasks_of(work)))
    assert clock[0] > 0.3
    assert hung == [2]
    assert_equal(found, locally(work))


class _Absent:
    """A worker that ends while it starts."""

    def __init__(self, setup: Setup) -> None:
        pass

    def close(self) -> None:
        pass

    def ready(self) -> Ready:
        raise lost("no room")


def test_workers_that_end_while_they_start_end_the_run(make_work: MakeWork, fake_backend: dict[str, Any]) -> None:
    work = make_work()
    with pytest.raises(DeviceError, match="3 workers failed to start, the last one because no room"):
        list(engine_for(work, InProcess(worker=_Absent)).run(tasks_of(work)))


def test_a_cluster_that_starts_no_worker_ends_the_run(make_work: MakeWork, fake_backend: dict[str, Any]) -> None:
    class Nothing(InProcess):
        def wait(self, tickets: Sequence[int], seconds: float) -> list[int]:
            return []

    work = make_work()
    with pytest.raises(DeviceError, match=r"started no worker for tf, ir within 0.05 s; check `ray status`"):
        list(engine_for(work, Nothing(), timeout_seconds=0.05).run(tasks_of(work)))


def test_workers_that_see_other_images_end_the_run(make_work: MakeWork, fake_backend: dict[str, Any]) -> None:
    work = make_work()
    running = engine_for(work, InProcess()).run(tasks_of(work))
    listing = work.dataset.path.parent / "images.txt"
    listing.write_text("\n".join(listing.read_text().splitlines()[1:]) + "\n")
    with pytest.raises(
        DatasetError, match="lists different images or labels here than on the machine that started the run"
    ):
        list(running)


@pytest.mark.parametrize(("limit", "evaluated"), [(0, False), (2, True)])
def test_too_many_bad_images_end_the_inference_and_all_are_named(
    fake_backend: dict[str, Any], make_work: MakeWork, limit: int, evaluated: bool
) -> None:
    work = make_work()
    names = work.open_images().manifest.image_ids
    for row in (1, 21):
        (work.dataset.path / names[row]).write_bytes(b"")
    found = list(engine_for(work, InProcess(), bad_limit=limit).run(tasks_of(work)))
    assert {row for table in found for row in table.bad} == {1, 21}
    assert sorted(table.index for table in found) == list(range(6))
    assert found[-1].is_evaluated == evaluated


class _Trivial:
    """A worker that decodes and infers nothing."""

    def __init__(self, setup: Setup) -> None:
        pass

    def close(self) -> None:
        pass

    def ready(self) -> Ready:
        return Ready("node", 1, "cpu")

    def evaluate(self, job: Job, handed: Any) -> tuple[ShardTable, None]:
        count = len(job.rows)
        return ShardTable(job.index, job.rows, (b"",) * count, ("",) * count, {}, {}), None


def test_no_more_shards_are_begun_than_workers_will_soon_take(
    fake_backend: dict[str, Any], make_work: MakeWork
) -> None:
    work = make_work(images=4)
    tasks = [ShardTask(number, range(number, number + 1), work) for number in range(500)]
    cluster = InProcess(worker=_Trivial)
    assert len(list(engine_for(work, cluster, Group(("tf", "ir"), {"CPU": 1.0}, 4)).run(tasks))) == 500
    assert cluster.most_waiting <= 2 * 4
