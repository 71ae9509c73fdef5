from __future__ import annotations

import pytest

from harness.engine.spread.placement import Node, Wanted, device_resources, place
from harness.errors import AbsentDeviceError, ConfigError

TF, IR = Wanted("tf", "CPU"), Wanted("ir", "CPU")


@pytest.mark.parametrize(
    ("device", "resources"),
    [
        ("CPU", set()),
        ("NPU", {"NPU"}),
        ("GPU.1", {"GPU"}),
        ("gpu", {"GPU"}),
        ("AUTO", set()),
        ("AUTO:GPU,CPU", {"GPU"}),
        ("HETERO:NPU,GPU.0", {"NPU", "GPU"}),
        ("AUTO:-GPU", set()),
        ("MULTI:NPU(2),CPU", {"NPU"}),
    ],
)
def test_resources_of_a_device(device: str, resources: set[str]) -> None:
    assert device_resources(device) == resources


def test_models_are_placed_by_device_and_the_reference_where_a_processor_is_free() -> None:
    nodes = [Node("a", {"CPU": 4.0}), Node("b", {"CPU": 2.0, "NPU": 1.0})]
    placement = place([TF, Wanted("npu", "NPU"), IR], nodes, {}, None)
    first, second = placement.groups
    assert (first.models, dict(first.needs), first.workers) == (("tf", "ir"), {"CPU": 1.0}, 5)
    assert (second.models, dict(second.needs), second.workers) == (("npu",), {"CPU": 1.0, "NPU": 1.0}, 1)


def test_a_worker_takes_what_is_asked_for() -> None:
    placement = place([TF, Wanted("gpu", "GPU")], [Node("a", {"CPU": 8.0, "GPU": 2.0})], {"CPU": 2, "GPU": 0.5}, None)
    first, second = placement.groups
    assert dict(first.needs) == {"CPU": 2.0}
    assert dict(second.needs) == {"CPU": 2.0, "GPU": 0.5}
    assert (first.workers, second.workers) == (1, 3)  # of four that fit, one is left to the reference


def test_as_many_workers_as_are_wanted() -> None:
    placement = place([TF, IR], [Node("a", {"CPU": 2.0})], {}, 7)  # a cluster may grow
    assert [group.workers for group in placement.groups] == [7]


def test_a_candidate_without_its_device_is_refused() -> None:
    with pytest.raises(AbsentDeviceError, match=r"npu: no node of the cluster offers NPU .*CPU: 1, NPU: 1"):
        place([TF, Wanted("npu", "NPU")], [Node("a", {"CPU": 4.0, "GPU": 1.0})], {}, None)


def test_device_and_cores_have_to_be_on_one_node() -> None:
    nodes = [Node("a", {"CPU": 4.0}), Node("b", {"CPU": 1.0, "NPU": 1.0})]
    with pytest.raises(AbsentDeviceError, match="npu: no node"):
        place([TF, Wanted("npu", "NPU")], nodes, {"CPU": 2}, None)


def test_an_optional_candidate_without_its_device_is_left_out() -> None:
    placement = place([TF, IR, Wanted("npu", "NPU", optional=True)], [Node("a", {"CPU": 4.0})], {}, None)
    assert [group.models for group in placement.groups] == [("tf", "ir")]
    assert placement.absent["npu"].unavailable
    assert placement.absent["npu"].kind == "AbsentDeviceError"


def test_a_cluster_without_the_cores_is_refused() -> None:
    with pytest.raises(ConfigError, match="a worker takes 8 cores, but the largest of 2 nodes has 4"):
        place([TF], [Node("a", {"CPU": 2.0}), Node("b", {"CPU": 4.0})], {"CPU": 8}, None)
