"""A worker is the driver's equal or refuses: the same software, the same images."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from harness import errors
from harness.engine.spread.worker import Handed, Job, Problem, Ready, Worker
from harness.errors import ConfigError, DatasetError, HarnessError, WrongWidthError
from tests.engine.spread.conftest import MakeWork, model, setup_for


def test_a_worker_with_other_software_refuses(fake_backend: dict[str, Any], make_work: MakeWork) -> None:
    setup = setup_for(make_work())
    other = dataclasses.replace(setup, software={**setup.software, "fake": "0.1", "its code": "abc"})
    answer = Worker(other).ready()
    assert isinstance(answer, Problem)
    assert answer.kind == "ConfigError"
    assert "the software differs from that of the machine that started the run: " in answer.message
    assert f"fake numpy {np.__version__} instead of 0.1" in answer.message


def test_switches_are_the_drivers(
    fake_backend: dict[str, Any], make_work: MakeWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("HARNESS_TEST_SWITCH", "1")
    monkeypatch.setenv("HARNESS_TEST_OTHER", "1")
    setup = dataclasses.replace(
        setup_for(make_work()), switches={"HARNESS_TEST_SWITCH": "0", "HARNESS_TEST_OTHER": None}
    )
    assert isinstance(Worker(setup).ready(), Ready)
    assert os.environ["HARNESS_TEST_SWITCH"] == "0"
    assert "HARNESS_TEST_OTHER" not in os.environ


def test_answers_to_other_images_are_not_compared_with(fake_backend: dict[str, Any], make_work: MakeWork) -> None:
    work = make_work(model("tf"), model("npu", "NPU"))
    giving, taking = (Worker(dataclasses.replace(setup_for(work), models=(name,))) for name in ("tf", "npu"))
    for worker in (giving, taking):
        assert isinstance(worker.ready(), Ready)
    _, handed = giving.evaluate(Job(0, range(4), hands_on=True))
    assert isinstance(handed, Handed)
    answer, _ = taking.evaluate(Job(1, range(4, 8)), handed)
    assert isinstance(answer, Problem)
    assert "an image has different bytes here than on the node that ran the reference" in answer.message


def test_models_are_loaded_ahead_and_a_fault_waits_for_its_job(
    fake_backend: dict[str, Any], make_work: MakeWork
) -> None:
    from tests.backends.fake import Behaviour

    fake_backend["ir"] = Behaviour(fail_load=True)
    worker = Worker(setup_for(make_work()))
    worker.ready()
    worker.warm()
    assert fake_backend["tf"].loads == 1
    table, _ = worker.evaluate(Job(0, range(4)))
    assert not isinstance(table, Problem)
    assert (list(table.outcomes), list(table.failures)) == (["tf"], ["ir"])
    assert fake_backend["tf"].loads == 1


def test_the_cache_is_kept_for_the_processor_that_answered(fake_backend: dict[str, Any], make_work: MakeWork) -> None:
    from harness.machine.family import processor_family

    work = make_work(model("tf", cache_key={"cpu": "another processor", "sha256": "0"}))
    assert Worker(setup_for(work))._lane(work.models[0]).spec.cache_dir is None
    from harness.engine.cache import ProbabilityCache

    folder = work.dataset.path.parent
    work = make_work(model("tf", cache_folder=folder, cache_key={"cpu": "another processor"}))
    cache = Worker(setup_for(work))._lane(work.models[0]).cache
    assert isinstance(cache, ProbabilityCache)
    assert cache.folder == ProbabilityCache(folder, {"cpu": processor_family()}).folder


@pytest.mark.parametrize("error", [ConfigError("a"), DatasetError("b"), HarnessError("c")])
def test_a_problem_is_the_error_again(error: HarnessError) -> None:
    again = Problem.of(error).error("n1")
    assert (type(again), str(again)) == (type(error), f"on the node n1: {error}")


def test_a_problem_of_a_special_kind_keeps_its_exit_code() -> None:
    again = Problem.of(WrongWidthError("x")).error()
    assert again.exit_code == WrongWidthError("x").exit_code
    assert type(again) is errors.WrongWidthError
