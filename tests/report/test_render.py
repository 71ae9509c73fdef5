from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ConfigError, RecordError
from harness.report.markdown import report as markdown
from harness.report.render import FORMATS, write_reports
from tests.report import records
from tests.report.records import record, table


def test_every_form_is_written_under_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    paths = write_reports(folder, record(), table(), FORMATS)
    assert [path.name for path in paths] == [
        "report.html",
        "report.md",
        "junit.xml",
        "predictions.csv",
        "pull-request.md",
        "badge.svg",
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in paths)
    assert paths[1].read_text(encoding="utf-8") == markdown.render(record(), table())


def test_class_names_reach_the_report(tmp_path: Path) -> None:
    (path,) = write_reports(tmp_path, record(), table(), ["md"], [f"name{number}" for number in range(20)])
    assert "7 name7" in path.read_text(encoding="utf-8")


def test_a_format_named_twice_is_written_once(tmp_path: Path) -> None:
    assert len(write_reports(tmp_path, record(), None, ["md", "md"])) == 1


def test_an_unknown_format_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no report format 'junt'; did you mean 'junit'"):
        write_reports(tmp_path, record(), None, ["junt"])


def test_csv_without_a_table_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no per-image table"):
        write_reports(tmp_path, record(), None, ["md", "csv"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["interrupted", "failed_to_run", "hostile", "many_candidates"])
def test_runs_without_a_good_end_have_their_reports(name: str, tmp_path: Path) -> None:
    assert len(write_reports(tmp_path, getattr(records, name)(), None, ["md", "junit"])) == 2


def test_rendering_from_the_record_alone_loads_nothing_heavy() -> None:
    code = (
        "import sys; from harness.report import render; "
        "heavy = {'pandas', 'scipy', 'matplotlib', 'pyarrow', 'numpy', 'rich', 'tensorflow', 'openvino', "
        "'jinja2', 'vl_convert'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"


FIXTURES = Path(__file__).parent / "fixtures"


@pytest.mark.parametrize("name", ["schema-1", "schema-1-minimal"])
def test_old_records_are_rendered_again_without_any_framework(name: str, tmp_path: Path) -> None:
    folder = shutil.copytree(FIXTURES / name, tmp_path / name)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'openvino', 'pandas', 'matplotlib'])); "
        "from harness.cli import main; sys.exit(main(['report', sys.argv[1], '--format', 'html,md,junit']))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [str(folder / file) for file in ("report.html", "report.md", "junit.xml")]
    assert "Content-Security-Policy" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_size_of_the_page_is_a_choice(tmp_path: Path) -> None:
    (path,) = write_reports(tmp_path, record(), table(), ["html"], html_bytes=100_000)
    assert path.stat().st_size <= 100_000
