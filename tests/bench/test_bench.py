from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from harness.bench.__main__ import _marginal, table
from harness.bench.plot import svg
from harness.bench.repeated import repeated
from harness.bench.stages import bound
from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import Manifest

BOTH = {
    "scenario": "both models", "images": 100, "cores": 2, "achieved_images_per_second": 100.0,
    "bound_images_per_second": 125.0, "ratio": 0.8,
    "usual_bound_images_per_second": 112.0, "usual_ratio": 0.893, "peak_memory_bytes": 5e8,
    "startup": {"load_tf_seconds": 1.0},
    "core_seconds_per_image": {"decode": 0.002, "tf": 0.010, "ir": 0.004},
}  # fmt: skip
THREE = {
    **BOTH, "scenario": "three <candidates>", "achieved_images_per_second": 62.5,
    "core_seconds_per_image": {"decode": 0.002, "tf": 0.010, "ir": 0.004, "ir-2": 0.004, "ir-3": 0.004},
}  # fmt: skip


def test_the_bound_is_cores_over_the_sum_of_the_stages() -> None:
    assert bound({"decode": 0.002, "tf": 0.010, "ir": 0.004}, ["decode", "tf", "ir"], 2) == pytest.approx(125)
    assert bound({"decode": 0.002, "tf": 0.010, "ir": 0.004}, ["decode", "ir"], 2) == pytest.approx(2 / 0.006)


def test_the_marginal_cost_is_what_came_on_top_over_what_it_costs_alone() -> None:
    # both: 20 core-ms an image; three: 32; 12 on top for two candidates of 4 + 4 alone
    assert _marginal([BOTH, {}, THREE]) == pytest.approx(12 / 8)


def test_a_slower_machine_in_the_second_run_is_taken_out() -> None:
    slower = {
        **THREE,
        "achieved_images_per_second": 31.25,
        "core_seconds_per_image": {name: 2 * cost for name, cost in THREE["core_seconds_per_image"].items()},  # type: ignore[attr-defined]
    }
    assert _marginal([BOTH, {}, slower]) == pytest.approx(12 / 8)


def test_repeated_rows_read_the_same_files_under_unique_ids() -> None:
    base = ImageSet(
        "list", "x", Manifest(("a", "b"), np.array([1, 2], np.int32)), lambda row: b"ab"[row : row + 1], str
    )
    longer = repeated(base, 5)
    assert len(set(longer.manifest.image_ids)) == 5
    assert longer.manifest.labels.tolist() == [1, 2, 1, 2, 1]
    assert b"".join(longer.read(row) for row in range(5)) == b"ababa"
    assert longer.signature(3) == "1"


def test_the_plot_is_xml_with_a_bar_for_every_stage_and_names_escaped() -> None:
    picture = ET.fromstring(svg([BOTH, THREE]))
    titles = [node.text or "" for node in picture.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 3 + 5
    assert titles[0] == "decode: 1.00 ms"
    assert "three <candidates>" in "".join(picture.itertext())


def test_the_table_has_the_figures() -> None:
    text = table([BOTH], 1.05)
    assert "achieved 100.0 images/s, bound 125.0, ratio 0.800; peak memory 500 MB" in text
    assert "bound by the stages' medians 112.0, ratio 0.893" in text
    assert "inference alone: 1.05" in text
