from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from harness.bench.__main__ import main, table
from harness.bench.plot import svg
from harness.bench.repeated import repeated
from harness.bench.scenario import Passed, figures
from harness.bench.stages import Costs, bound
from harness.dataset.image_set import ImageSet
from harness.dataset.manifest import Manifest

BOTH = {
    "scenario": "both models", "images": 100, "cores": 2, "achieved_images_per_second": 100.0,
    "bound_images_per_second": 125.0, "ratio": 0.8,
    "usual_bound_images_per_second": 112.0, "usual_ratio": 0.893, "peak_memory_bytes": 5e8,
    "startup": {"load_tf_seconds": 1.0}, "rounds": [{}],
    "core_seconds_per_image": {"decode": 0.002, "tf": 0.010, "ir": 0.004},
    "usual_core_seconds_per_image": {"decode": 0.002, "tf": 0.010, "ir": 0.004},
}  # fmt: skip
THREE = {
    **BOTH, "scenario": "three <candidates>", "achieved_images_per_second": 62.5,
    "core_seconds_per_image": {"decode": 0.002, "tf": 0.010, "ir": 0.004, "ir-2": 0.004, "ir-3": 0.004},
    "usual_core_seconds_per_image": {"decode": 0.002, "tf": 0.010, "ir": 0.004, "ir-2": 0.004, "ir-3": 0.004},
}  # fmt: skip


def test_the_bound_is_cores_over_the_sum_of_the_stages() -> None:
    assert bound({"decode": 0.002, "tf": 0.010, "ir": 0.004}, ["decode", "tf", "ir"], 2) == pytest.approx(125)
    assert bound({"decode": 0.002, "tf": 0.010, "ir": 0.004}, ["decode", "ir"], 2) == pytest.approx(2 / 0.006)


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
    texts = {node.text or "": float(node.get("x") or 0) for node in picture.iter("{http://www.w3.org/2000/svg}text")}
    bars = [node for node in picture.iter("{http://www.w3.org/2000/svg}rect") if node.get("fill") == "#555555"]
    ends = [float(bar.get("x") or 0) + float(bar.get("width") or 0) for bar in bars]
    achieved = [place for text, place in texts.items() if text.startswith("achieved")]
    assert all(end < place for end, place in zip(ends, achieved, strict=True))  # a short bar cuts nothing off
    assert "three <candidates>" in "".join(picture.itertext())


def test_the_table_has_the_figures() -> None:
    text = table([BOTH], 1.05)
    assert "achieved 100.0 images/s, bound 125.0, ratio 0.800; peak memory 500 MB" in text
    assert "bound by the stages' medians 112.0, ratio 0.893" in text
    assert "inference alone: 1.05" in text


def measured(decode: float, ir: float) -> Costs:
    """Return stages that took so many core-seconds an image each time, all of them computing."""
    costs = Costs()
    costs.add("decode", [(decode, 2 * decode)] * 2, 1, 2)
    costs.add("ir", [(ir / 2, ir)] * 2, 1, 2)
    return costs


def test_the_ratio_of_each_pass_is_to_the_stages_around_it() -> None:
    """100 images. The machine is half as fast in the second pass, stages included: its ratio is the same."""
    fast = measured(0.001, 0.004).with_those_of(measured(0.001, 0.004))  # 2 + 4 core-ms: 333 images/s
    slow = measured(0.002, 0.008).with_those_of(measured(0.002, 0.008))
    mixed = measured(0.001, 0.004).with_those_of(measured(0.002, 0.008))  # medians: 3 + 6 core-ms
    found = figures(
        [Passed(0.375, 0.7, fast), Passed(0.75, 1.4, slow), Passed(0.6, 1.0, mixed)], ["decode", "ir"], 100, 2
    )
    assert [each["ratio"] for each in found["rounds"]] == pytest.approx([0.8, 0.8, 0.5])
    assert [each["usual_ratio"] for each in found["rounds"]] == pytest.approx([0.8, 0.8, 0.75])
    assert found["ratio"] == pytest.approx(0.8)
    assert found["usual_ratio"] == pytest.approx(0.8)
    assert found["achieved_images_per_second"] == pytest.approx(100 / 0.6)
    assert found["bound_images_per_second"] == pytest.approx(2 / 0.006)
    assert found["core_seconds_per_image"] == {"decode": pytest.approx(0.002), "ir": pytest.approx(0.004)}
    assert found["usual_core_seconds_per_image"] == {"decode": pytest.approx(0.003), "ir": pytest.approx(0.006)}


def test_without_stages_there_is_no_bound() -> None:
    found = figures([Passed(0.5, 1.0, Costs())], ["decode", "ir"], 100, 2)
    assert found["achieved_images_per_second"] == pytest.approx(200)
    assert found["bound_images_per_second"] is None
    assert found["usual_ratio"] is None
    assert found["core_seconds_per_image"] == {}


def test_several_rounds_show_the_least_and_the_most() -> None:
    rounds = [
        {"achieved_images_per_second": 90.0, "ratio": 0.75, "usual_ratio": 0.9},
        {"achieved_images_per_second": 110.0, "ratio": 0.85, "usual_ratio": 0.875},
    ]
    shown = "of 2 rounds: achieved 90.0 to 110.0, ratio 0.750 to 0.850, by medians 0.875 to 0.900"
    assert shown in table([{**BOTH, "rounds": rounds}], 1.0)
    assert "rounds" not in table([BOTH], 1.0)


@pytest.mark.parametrize("option", ["--images", "--repeat", "--rounds", "--candidates", "--incumbent-images"])
@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5"])
def test_numbers_that_measure_nothing_are_refused(
    option: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "configs/demo.yml", f"{option}={value}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"argument {option}: '{value}' is not a whole number from 1" in capsys.readouterr().err
