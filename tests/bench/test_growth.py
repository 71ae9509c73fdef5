from __future__ import annotations

import pytest

from harness.bench.growth import main, table
from harness.bench.stages import Costs
from harness.errors import ConfigError

ONE = {
    "pictures": "small", "cores": 2, "images": 1000, "candidates": 1, "round": 0, "peak_memory_bytes": 5e8,
    "achieved_images_per_second": 250.0, "pipeline_processor_seconds_per_image": 0.009,
    "usual_core_seconds_per_image": {"decode": 0.001, "resize": 0.001, "ir": 0.005},
    "usual_processor_seconds_per_image": {"decode": 0.001, "resize": 0.001, "ir": 0.004},
}  # fmt: skip
THREE = {
    **ONE, "candidates": 3, "achieved_images_per_second": 100.0, "pipeline_processor_seconds_per_image": 0.019,
    "usual_core_seconds_per_image": {"decode": 0.001, "resize": 0.001, "ir": 0.005, "ir-2": 0.005, "ir-3": 0.005},
    "usual_processor_seconds_per_image": {"decode": 0.001, "resize": 0.001, "ir": 0.004, "ir-2": 0.004, "ir-3": 0.004},
}  # fmt: skip


def test_the_table_compares_within_a_round_and_shows_medians_with_the_least_and_the_most() -> None:
    """Marginal costs of 1.2, 1.7 and 0.7: 20, 25 and 15 core-ms an image against 8."""
    rows = [{**row, "round": round_} for round_ in range(3) for row in (ONE, THREE)]
    rows[3]["achieved_images_per_second"], rows[5]["achieved_images_per_second"] = 80.0, 2 / 0.015
    rows[5]["peak_memory_bytes"] = 6e8
    other = {**ONE, "pictures": "large", "achieved_images_per_second": 1.0}
    assert table([*rows, other]) == [
        "| small | 2 | 1 | 1,000 | 250.0 (250.0, 250.0) |  |  | 500 MB |",
        "| small | 2 | 3 | 1,000 | 100.0 (80.0, 133.3) | 1.20 (0.70, 1.70) | 1.25 (1.25, 1.25) | 600 MB |",
        "| large | 2 | 1 | 1,000 | 1.0 |  |  | 500 MB |",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pictures", "data/val"], "--pictures data/val: expected NAME=PATH"),
        (["--pictures", "small="], "--pictures small=: expected NAME=PATH"),
        (["--pictures", "=data/val"], "--pictures =data/val: expected NAME=PATH"),
        (["--pictures", "small=a", "--pictures", "small=b"], "--pictures small=b: the name is there twice"),
        (["--pictures", "small=a", "--labels", "small"], "--labels small: expected NAME=PATH"),
        (["--pictures", "small=a", "--labels", "large=b.txt"], "--labels large=...: no --pictures has this name"),
    ],
)
def test_options_that_name_nothing_are_refused(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["configs/demo.yml", *options]) == ConfigError.exit_code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--candidates=1,0", "--images=512,", "--repeat=0"])
def test_numbers_that_measure_nothing_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["configs/demo.yml", option])
    assert ended.value.code == 2
    assert "is not a whole number from 1" in capsys.readouterr().err


def test_the_bound_takes_the_cheapest_measurement_and_the_usual_bound_the_median() -> None:
    first, second = Costs(), Costs()
    first.add("decode", [(3.0, 4.0), (9.0, 9.0)], 100, 2)
    second.add("decode", [(2.0, 5.0)], 100, 2)
    found = first.with_those_of(second)
    assert found.core == {"decode": pytest.approx(2.0 * 2 / 100)}
    assert found.usual_core == {"decode": pytest.approx(3.0 * 2 / 100)}
    assert found.processor == {"decode": pytest.approx(4.0 / 100)}
