"""A shard is evaluated by one function, here or in another process, from plain data."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.base import ModelSpec
from harness.config import Dataset, Input, Preprocess
from harness.config.schema import Certify
from harness.dataset.image_set import open_image_set
from harness.engine.shard import error_of, evaluate_shard, failure_of, open_models
from harness.engine.task import ModelTask, ShardTask, Work, ordered
from harness.errors import AbsentDeviceError, DatasetError, DeviceError, ModelError
from harness.record.shard_table import Failure, ShardTable
from tests.backends.fake import Behaviour
from tests.conftest import CLASSES, SIZE, harness_environment, write_images

_WORKER = """
import pickle, sys
from harness.backends.registry import register
from harness.disk.checked_table import write_table
from harness.engine.shard import evaluate_shard, open_models
from tests.backends.fake import FACTS
from pathlib import Path
register(FACTS)
task = pickle.loads(Path(sys.argv[1]).read_bytes())
with open_models(task.work) as models:
    write_table(Path(sys.argv[2]), evaluate_shard(task, models).to_arrow())
"""


def model(name: str, **more: Any) -> ModelTask:
    spec = ModelSpec(name, "none.fake", Input(color="RGB"), "out", SIZE, CLASSES + 1, model_sha256="0" * 64)
    return ModelTask(spec, "fake", "reference" if name == "tf" else "candidate", **more)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    write_images(tmp_path / "images", 12, seed=3)
    dataset = Dataset(path=tmp_path / "images", classes=CLASSES, preprocess=Preprocess(size=SIZE))
    certify = Certify(seed=5)
    fingerprint = ordered(open_image_set(dataset), certify, 10).manifest.fingerprint()
    return Work(dataset, certify, 10, fingerprint, (model("tf"), model("ir")))


def evaluated(task: ShardTask) -> ShardTable:
    with open_models(task.work) as models:
        return evaluate_shard(task, models)


def plain(table: ShardTable) -> dict[str, Any]:
    """Return all that does not depend on the clock, as comparable values."""
    arrow = table.to_arrow()
    notes = {name: getattr(table, name) for name in ("index", "rows", "bad", "cached", "failures", "reported")}
    return {"columns": arrow.to_pydict(), **notes}


def test_a_task_means_the_same_in_another_process(fake_backend: dict[str, Any], work: Work, tmp_path: Path) -> None:
    from harness.disk.checked_table import read_table

    task = ShardTask(1, range(4, 10), work)
    (tmp_path / "task").write_bytes(pickle.dumps(task))
    subprocess.run(
        [sys.executable, "-c", _WORKER, tmp_path / "task", tmp_path / "table"],
        env=harness_environment(),
        check=True,
        timeout=120,
    )
    arrow = read_table(tmp_path / "table")
    assert arrow is not None
    elsewhere = ShardTable.from_arrow(arrow)
    assert plain(elsewhere) == plain(evaluated(task))
    assert len(elsewhere.outcomes["ir"]) == 6


def test_a_worker_that_sees_other_images_refuses(work: Work) -> None:
    listing = work.dataset.path.parent / "images.txt"
    lines = listing.read_text().splitlines()
    listing.write_text("\n".join(lines[1:]) + "\n")
    with pytest.raises(
        DatasetError, match="lists different images or labels here than on the machine that started the run"
    ):
        open_models(work)


def test_failures_and_reports_are_in_the_table(fake_backend: dict[str, Any], work: Work) -> None:
    fake_backend["ir"] = Behaviour(nan=True)
    table = evaluated(ShardTask(0, range(4), work))
    assert list(table.outcomes) == ["tf"]
    assert "returned NaN or infinity" in table.failures["ir"].message
    assert table.reported["tf"]["effective_precision"] == "f32"
    again = ShardTable.from_arrow(table.to_arrow())
    assert (again.failures, again.reported) == (table.failures, table.reported)


def test_a_model_without_a_part_is_not_asked(fake_backend: dict[str, Any], work: Work) -> None:
    with open_models(work) as models:
        table = evaluate_shard(ShardTask(0, range(4), work), models, without={"ir"})
    assert list(table.outcomes) == ["tf"]
    assert fake_backend["tf"].calls == 1
    assert "ir" not in fake_backend


def test_shards_together_are_the_whole(fake_backend: dict[str, Any], work: Work) -> None:
    parts = [evaluated(ShardTask(index, rows, work)) for index, rows in enumerate((range(3), range(3, 10)))]
    whole = evaluated(ShardTask(0, range(10), work))
    joined = np.concatenate([part.outcomes["ir"].top1_probability for part in parts])
    np.testing.assert_array_equal(joined, whole.outcomes["ir"].top1_probability)


@pytest.mark.parametrize("error", [ModelError("a"), DeviceError("b"), AbsentDeviceError("c")])
def test_a_failure_is_the_error_again(error: ModelError | DeviceError) -> None:
    again = error_of(failure_of(error))
    assert (type(again), str(again)) == (type(error), str(error))


def test_a_failure_of_an_unknown_kind_is_a_model_error() -> None:
    assert type(error_of(Failure("x", kind="KeyboardInterrupt"))) is ModelError
