"""Suite files: what they plan, and messages with file, line and the nearest name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.commands.config import json_schema
from harness.config.suite import LoadedSuite, Suite, load_suite, told_where
from harness.errors import ConfigError
from tests.conftest import PROJECT

WHOLE = """\
version: 1
name: nightly
sets:
  v1: {path: data/v1, images: 10}
  v2: {path: "${PLACE}/v2", labels: v2.txt}
runs:
  - a.yml
  - config: models/b.yml
    id: big
    sets: [v1, v2]
    limit: 64
    certify: 0.5
    set: {candidates.ir.device: GPU, gates.drop: null, dataset.classes: 7}
pixels: {max_gb: 1.5}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "suite.yml"
    path.write_text(text, encoding="utf-8")
    return path


def loaded(folder: Path, text: str, **environment: str) -> LoadedSuite:
    return load_suite(written(folder, text), environment)


def faults(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as error:
        loaded(folder, text)
    return str(error.value).replace(f"{folder}/", "")


def test_configurations_by_sets(tmp_path: Path) -> None:
    suite = loaded(tmp_path, WHOLE, PLACE="/data/$x")
    assert (suite.name, suite.pixels.share, suite.pixels.max_gb, suite.folder) == ("nightly", True, 1.5, tmp_path)
    assert [run.id for run in suite.runs] == ["a", "big-v1", "big-v2"]
    assert [run.config for run in suite.runs] == [tmp_path / "a.yml", *[tmp_path / "models/b.yml"] * 2]
    own = ('candidates.ir.device="GPU"', "gates.drop=null", "dataset.classes=7")
    assert suite.runs[0].overrides == ()
    assert suite.runs[1].overrides == ('dataset.path="data/v1"', "dataset.images=10", *own)
    assert suite.runs[2].overrides == ('dataset.path="/data/$x/v2"', 'dataset.labels="v2.txt"', *own)
    assert [(run.limit, run.certify) for run in suite.runs] == [(None, None), (64, 0.5), (64, 0.5)]


def test_what_it_plans_is_what_the_configuration_becomes(tmp_path: Path) -> None:
    """A value with everything that YAML and variables could take for something else arrives as it was written."""
    from harness.config.origin import Origin
    from harness.config.override import apply

    value = "a: b # ${HOME} $${x} \"'\\ ü\n - {"
    text = yaml.safe_dump({"version": 1, "name": "n", "runs": [{"config": "a.yml", "set": {"name": value}}]})
    (run,) = loaded(tmp_path, text.replace("${HOME}", "$${HOME}").replace("$${x}", "$$${x}"), x="y").runs
    data: dict[str, Any] = {}
    assert apply(run.overrides[0], data, Origin(tmp_path), {"HOME": "wrong", "x": "wrong"}) == []
    assert data == {"name": value.replace("$${x}", "$${x}")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("limit: 64", "limt: 64"), "suite.yml:11: runs[1].limt: unknown key; did you mean `limit`?"),
        (("pixels:", "pixles:"), "suite.yml:14: pixles: unknown key; did you mean `pixels`?"),
        (("labels: v2", "lables: v2"), "suite.yml:5: sets.v2.lables: unknown key; did you mean `labels`?"),
        (("[v1, v2]", "[v1, v22]"), "suite.yml:10: runs[1].sets[1]: there is no set 'v22'; did you mean 'v2'?"),
        (("[v1, v2]", "[]"), "suite.yml:10: runs[1].sets: is empty"),
        (
            ("[v1, v2]", "[v1, v1]"),
            "suite.yml:8: runs[1]: the id 'big-v1' is already used by suite.yml:8: runs[1]",
        ),
        (("id: big", "id: a/b"), "suite.yml:9: runs[1].id"),
        (("  - a.yml", "  - a b.yml"), "suite.yml:7: runs[0].config: the name of this file is not an id"),
        (
            ("  - a.yml", "  - {id: A, config: c.yml}\n  - a.yml"),
            "the id 'a' is already used by suite.yml:7: runs[0]",
        ),
        (("  - a.yml", "  - 7"), "suite.yml:7: runs[0]: should be a mapping"),
        (("limit: 64", "limit: 0"), "suite.yml:11: runs[1].limit: should be greater than or equal to 1"),
        (("certify: 0.5", "certify: 500"), "suite.yml:12: runs[1].certify"),
        (("gates.drop", "gtes.drop"), "no configuration has the key `gtes`; did you mean `gates`?"),
        (("${PLACE}", "${PLACES}"), "suite.yml:5: sets.v2.path: the variable PLACES is not set"),
        (("version: 1", "version: 2"), "suite.yml:1: version: 2 is not supported"),
        (("version: 1", "version: yes"), "suite.yml:1: version"),
        (("name: nightly\n", ""), "suite.yml: name: is missing"),
        (("name: nightly", "name: nightly\nname: b"), "suite.yml:3: name: appears twice, first in line 2"),
        (("- a.yml", "- !!python/name:os.system a"), "suite.yml:7: runs[0]: the tag"),
        (("max_gb: 1.5", "max_gb: -1"), "suite.yml:14: pixels.max_gb"),
    ],
)
def test_faults_name_file_line_and_the_nearest(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in WHOLE
    text = WHOLE.replace(*change)
    found = faults(tmp_path, text.replace("${PLACE}", "/data"))
    assert said in found
    assert "fault" in found.splitlines()[0]


@pytest.mark.parametrize("runs", ["[]", "null", "{}", "x"])
def test_no_runs(tmp_path: Path, runs: str) -> None:
    assert "suite.yml:3: runs" in faults(tmp_path, f"version: 1\nname: a\nruns: {runs}\n")


def test_all_faults_at_once(tmp_path: Path) -> None:
    text = WHOLE.replace("${PLACE}", "").replace("[v1, v2]", "[v3, v4]").replace("labels", "lables")
    assert "3 faults in the suite" in faults(tmp_path, text)


def test_a_configuration_is_no_suite(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a configuration, not a suite; run it with `harness validate`"):
        load_suite(PROJECT / "configs" / "demo.yml")


def test_no_such_file(tmp_path: Path) -> None:
    written(tmp_path, WHOLE)
    with pytest.raises(ConfigError, match="did you mean"):
        load_suite(tmp_path / "suit.yml")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("--set dataset.path: x is y", "suite.yml:4: sets.v1.path: x is y"),
        ("--set dataset.images=10: x", "suite.yml:4: sets.v1.images: x"),
        ("--set dataset.classes.more: x", "suite.yml:13: runs[1].set.dataset.classes.more: x"),
        ("--set candidates[0].device: x", "suite.yml:13: runs[1].set.candidates.ir.device: x"),
        ("--set candidates[0].model: x", "--set candidates[0].model: x"),
        ("--set dataset.pathological: x", "--set dataset.pathological: x"),
        ("config.yml:3: name: x", "config.yml:3: name: x"),
    ],
)
def test_a_fault_of_what_the_suite_sets_names_its_line(tmp_path: Path, said: str, told: str) -> None:
    run = loaded(tmp_path, WHOLE, PLACE="/").runs[1]
    with pytest.raises(ConfigError) as error, told_where(run):
        raise ConfigError("b.yml: 1 fault", [said])
    assert str(error.value).replace(f"{tmp_path}/", "").splitlines() == ["b.yml: 1 fault", f"  {told}"]


def test_the_stored_schema_is_in_step_and_the_examples_keep_to_it() -> None:
    stored = (PROJECT / "configs" / "suite-schema.json").read_text(encoding="utf-8")
    assert stored == json_schema(suite=True), "run `harness config schema --suite > configs/suite-schema.json`"
    assert set(json.loads(stored)["properties"]) == set(Suite.model_fields)
    examples = sorted((PROJECT / "configs" / "suites").glob("*.yml"))
    assert examples
    for path in examples:
        assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=../suite-schema.json\n")
        for run in load_suite(path).runs:
            assert run.config.is_file()
