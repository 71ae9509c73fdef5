"""Runs that others hand over: rendered in every form, compared, accepted as a baseline, tracked, listed in an index."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.campaign.kind import PROJECT, Kind, command
from tests.campaign.mutations import mutate_bytes, mutate_text, mutate_values

FORMATS = "html,md,junit,csv,pr,badge"


def _run(folder: Path) -> Path:
    """Return the record in a copy of the run that ``prepare`` made beside the campaign's folders."""
    for name in ("run", "other"):
        shutil.copytree(folder.parent / "a run", folder / name)
    return folder / "run" / "run.json"


def _predictions(folder: Path) -> Path:
    return _run(folder).with_name("predictions.parquet")


def _alone(folder: Path) -> Path:
    """Return a record without a table of its images, which nothing is counted again from."""
    path = _run(folder)
    path.with_name("predictions.parquet").unlink()
    return path


def _use_run(path: Path) -> object:
    from harness.judging.recount import read_sound_record

    return read_sound_record(path.parent)


def _render(path: Path) -> object:
    return command("report", path.parent, "--format", FORMATS)


def _render_alone(path: Path) -> object:
    return command("report", path.parent, "--format", FORMATS.replace("csv,", ""))


def _compare(path: Path) -> object:
    return command("compare", path.parent, path.parents[1] / "other", "--json")


def _compare_boards(path: Path) -> object:
    others = [path.parents[1] / name for name in ("other", "third")]
    shutil.copytree(others[0], others[1], dirs_exist_ok=True)
    return command("compare", "--all", *others, path.parent)


def _index(path: Path) -> object:
    return command("report", "--index", path.parents[1])


def _update(path: Path) -> object:
    return command("baseline", "update", path.parent, path.parents[1] / "baseline.json")


def _track(path: Path) -> object:
    from harness.judging.recount import read_sound_record
    from harness.tracking.entry import entry_of

    return entry_of(read_sound_record(path.parent))


def _summary(path: Path) -> object:
    from harness.judging.recount import read_sound_record
    from harness.report.github import annotations_of, append_summary, command

    found = [command(item) for item in annotations_of(read_sound_record(path.parent))]
    append_summary(path.parents[1] / "summary.md", "\n".join(found), "report.md")
    (path.parents[1] / "summary.md").unlink()
    return found


def _baseline(folder: Path) -> Path:
    _run(folder)
    command("baseline", "update", folder / "run", folder / "baseline.json")
    return folder / "baseline.json"


def _use_baseline(path: Path) -> object:
    from harness.judging.baseline.store import read_baseline

    read_baseline(path)
    command("report", path.with_name("run"), "--format", "pr", "--baseline", path)
    return command("baseline", "check", path.with_name("run"), path)


def _old_baseline(folder: Path) -> Path:
    path = folder / "baseline.json"
    shutil.copy(PROJECT / "tests" / "judging" / "baseline" / "fixtures" / "baseline-1.json", path)
    return path


def _use_old_baseline(path: Path) -> object:
    from harness.judging.baseline.store import read_baseline

    return read_baseline(path)


def _suite_record(folder: Path) -> Path:
    from harness.record.suite import SuiteRecord, SuiteRunPart, write_suite

    _run(folder)
    parts = (SuiteRunPart(id="run", config="a.yml", state="done", exit_code=0), SuiteRunPart(id="b", config="b.yml"))
    record = SuiteRecord(
        harness_version="1", name="s", suite_file="s.yml", started_utc="2025-01-01T00:00:00Z", status="complete",
        exit_code=0, seconds=1.5, runs=parts,
    )  # fmt: skip
    return write_suite(folder, record)


def _use_suite_record(path: Path) -> object:
    from harness.record.suite import read_suite
    from harness.report import suite_junit
    from harness.report.facts.suite import suite_text
    from harness.report.html import suite_page
    from harness.report.terminal.suite import reasons, suite_table

    text = suite_text(path.parent, read_suite(path.parent))
    return suite_page.render(text), suite_junit.render(text), reasons(text), suite_table(text)


def _class_names(folder: Path) -> Path:
    import json

    record = _run(folder)
    names = folder / "names.txt"
    names.write_text("".join(f"class {number}\n" for number in range(10)))
    plain = json.loads(record.read_text())
    plain["config"]["dataset"]["class_names"] = str(names)
    record.write_text(json.dumps(plain))
    return names


def _use_class_names(path: Path) -> object:
    import hashlib
    import json

    record = path.with_name("run") / "run.json"
    plain = json.loads(record.read_text())
    plain["dataset"]["class_names_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    record.write_text(json.dumps(plain))
    return command("report", path.with_name("run"), "--format", "md")


PAGES: tuple[Kind, ...] = (
    Kind("record", _run, mutate_values, _use_run),
    Kind("per-image table", _predictions, mutate_bytes, _use_run),
    Kind("record, rendered", _run, mutate_values, _render, share=0.1, addresses=None),
    Kind("record without its table, rendered", _alone, mutate_values, _render_alone, share=0.2, addresses=None),
    Kind("per-image table, rendered", _predictions, mutate_bytes, _render, share=0.2, addresses=None),
    Kind("record, compared", _run, mutate_values, _compare, share=0.5),
    Kind("record among three", _run, mutate_values, _compare_boards, share=0.3),
    Kind("record in an index", _alone, mutate_values, _index, share=0.03, addresses=None),
    Kind("record for a baseline", _alone, mutate_values, _update, share=0.5),
    Kind("record for a tracker", _alone, mutate_values, _track, share=0.5),
    Kind("record for GitHub", _alone, mutate_values, _summary, share=0.5),
    Kind("baseline of today", _baseline, mutate_values, _use_baseline, share=0.5),
    Kind("baseline", _old_baseline, mutate_values, _use_old_baseline),
    Kind("record of a suite", _suite_record, mutate_values, _use_suite_record, share=0.5),
    Kind("names of classes for a report", _class_names, mutate_text, _use_class_names, share=0.2),
)
