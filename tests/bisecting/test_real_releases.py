"""`harness bisect` between two real releases of OpenVINO: on demand only, since it installs both."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.cli import main
from tests.conftest import PROJECT

RANGE = os.environ.get("BISECT_OPENVINO", "")


@pytest.mark.skipif(not RANGE, reason="set BISECT_OPENVINO=GOOD..BAD, such as 2026.0.0..2026.1.0; uv installs both")
def test_each_version_is_run_by_its_own_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = RANGE.split("..")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    demo = str(PROJECT / "configs" / "demo.yml")
    (tmp_path / "board").mkdir()
    own = ["--set", "candidates.ir.model=board/ir.xml", "--set", "gates.drop=null"]
    assert main(["convert", demo, *own]) == 0
    assert main(["capsule", "make", demo, "board/demo.capsule", *own]) == 0
    capsys.readouterr()
    options = ["--good", good, "--bad", bad, "--out", "runs", "--json", "--set", "candidates.ir.model=board/ir.xml"]
    code = main(["bisect", "board/demo.capsule", *options])
    found = json.loads(capsys.readouterr().out)
    assert code == found["exit_code"]
    assert code in (0, 1)
    assert (found["package"], found["versions"][0], found["versions"][-1]) == ("openvino", good, bad)
    tried = {trial["version"]: trial for trial in found["trials"]}
    for version in (good, bad):
        assert tried[version]["verdict"] == "PASS"
        record = json.loads((Path("runs") / version / "run.json").read_text())
        assert record["environment"]["versions"]["openvino"] == version
