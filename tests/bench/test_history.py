from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.bench.history import add_to_history, losses, read_history


def entry(rate: float, **changes: Any) -> dict[str, Any]:
    same = {"name": "n", "scenario": "both", "images": 100, "cpu": "c", "cores": 2, "quiet": True}
    return {**same, "images_per_second": rate, **changes}


def test_a_loss_of_more_than_five_percent_is_said_and_one_of_five_is_not() -> None:
    history = [entry(rate) for rate in (90.0, 100.0, 110.0)]
    assert losses(history, [entry(95.0)]) == []
    assert losses(history, [entry(94.9)]) == ["both: 94.9 images/s, 5.1 % below the median of the last 3 (100.0)"]
    (said,) = losses(history, [entry(50.0, quiet=False)])
    assert said.endswith("the machine was disturbed, measure again")


def test_only_quiet_runs_of_the_same_count_and_only_the_last_five() -> None:
    others = [entry(1000.0, **{key: value}) for key, value in
              {"quiet": False, "cpu": "d", "cores": 1, "images": 5, "scenario": "x", "name": "m"}.items()]  # fmt: skip
    assert losses(others, [entry(10.0)]) == []
    assert losses([entry(1000.0)] * 9 + [entry(10.0)] * 5, [entry(10.0)]) == []


def test_the_file_is_lines_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "below" / "history.jsonl"
    assert read_history(path) == []
    add_to_history(path, [entry(1.0)])
    with path.open("a") as stream:
        stream.write('{"images_per_second": "x"}\n[]\nwords\n')
    add_to_history(path, [entry(2.0), entry(3.0)])
    assert [item["images_per_second"] for item in read_history(path)] == [1.0, 2.0, 3.0]
