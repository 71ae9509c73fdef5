"""Files of a run: written atomically, read back, and refused in words."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.disk.atomic import cannot_write, make_folder, write_atomically
from harness.errors import RecordError
from harness.record import RunRecord, read_predictions, read_record, write_predictions, write_record
from harness.record.schema import (
    SCHEMA_VERSION,
    Accuracy,
    Agreement,
    BadImage,
    ComparisonPart,
    DatasetPart,
    Drop,
    Flips,
    GatePart,
    ModelPart,
    PrecisionPart,
)
from harness.record.store import to_json

FIXTURES = Path(__file__).parent / "fixtures"


def record(**changes: Any) -> RunRecord:
    rate = Accuracy(correct=3, total=4, percent=75.0, ci95_percent=(30.06, 95.44))
    model = ModelPart(
        id="ir",
        role="candidate",
        backend="openvino",
        device="CPU",
        device_name="A processor",
        precision=PrecisionPart(requested="f32", effective="f32"),
        model="ir.xml",
        model_sha256="0" * 64,
        details={"batch": 1},
        top1=rate,
        top5=None,
        images_per_second=100.5,
    )
    comparison = ComparisonPart(
        reference="tf",
        candidate="ir",
        top1_agreement=Agreement(count=4, total=4, percent=100.0),
        flips=Flips(fixed=0, broken=0, changed_wrong=0),
        drop=Drop(top1_pp=0.0, top5_pp=0.0, top1_ci95_pp=(-49.0, 49.0), top1_p_value=1.0),
        max_abs_diff=3.5e-6,
        mean_abs_diff=1e-9,
    )
    fields: dict[str, Any] = {
        "harness_version": "0.1.0",
        "name": "n",
        "status": "complete",
        "exit_code": 0,
        "started_utc": "2025-01-02T03:04:05+00:00",
        "config": {"version": 1, "gates": {"parity": None}},
        "environment": {"cores": 2},
        "dataset": DatasetPart(
            name="val",
            form="list",
            images=4,
            listed=4,
            evaluated=4,
            bad_images=(BadImage(id="é.jpg", reason="cut off"),),
            fingerprint="f" * 64,
        ),
        "models": (model,),
        "comparisons": (comparison,),
        "gates": (GatePart(gate="drop", model="ir", verdict="pass", measured={"top1_pp": 0.0}, reason="fine"),),
        "timing": {"wall_seconds": 1.5, "stream_seconds": None},
    }
    return RunRecord(**(fields | changes))


def refused(run: Path) -> str:
    with pytest.raises(RecordError) as caught:
        read_record(run)
    assert caught.value.exit_code == 3
    return str(caught.value)


class TestRecord:
    def test_round_trip_by_folder_and_by_file(self, tmp_path: Path) -> None:
        written = record()
        path = write_record(tmp_path, written)
        assert path == tmp_path / "run.json"
        for run in (tmp_path, path):
            again = read_record(run)
            assert again.model_dump() == written.model_dump()
            assert again.folder == tmp_path
        assert written.folder is None

    def test_it_is_one_json_document_that_people_can_read(self, tmp_path: Path) -> None:
        text = write_record(tmp_path, record()).read_text(encoding="utf-8")
        assert text == to_json(record())
        assert text.endswith("}\n")
        assert "é.jpg" in text
        assert json.loads(text)["schema_version"] == SCHEMA_VERSION == 1

    @pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
    def test_what_is_not_finite_becomes_null(self, number: float) -> None:
        gate = GatePart(gate="g", model="m", verdict="error", measured={"value": number}, reason="r")
        loose = {"a": [1, number, {"b": (number,)}]}
        data = json.loads(to_json(record(gates=(gate,), environment=loose)), parse_constant=pytest.fail)
        assert data["gates"][0]["measured"] == {"value": None}
        assert data["environment"] == {"a": [1, None, {"b": [None]}]}

    def test_fields_with_numbers_take_only_finite_ones(self) -> None:
        with pytest.raises(ValueError, match="finite"):
            Accuracy(correct=1, total=1, percent=math.nan, ci95_percent=None)

    def test_a_name_that_is_not_utf8_can_be_written(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"caf\xe9.yml")
        write_record(tmp_path, record(config_file=name))
        assert read_record(tmp_path).config_file == name

    def test_a_record_of_schema_1_stays_readable(self) -> None:
        old = read_record(FIXTURES / "schema-1")
        assert (old.schema_version, old.status, old.exit_code) == (1, "complete", 5)
        assert old.dataset.bad_images == (BadImage(id="broken.JPEG", reason="not an image"),)
        assert [(item.id, item.role) for item in old.models] == [("tf", "reference"), ("ir", "candidate")]
        assert old.models[1].top1 is not None
        assert (old.models[1].top1.correct, old.models[1].top1.total) == (509, 650)
        assert old.comparisons[0].flips == Flips(fixed=0, broken=0, changed_wrong=0)
        assert [item.verdict for item in old.gates] == ["pass", "not_applicable", "inconclusive"]
        frame = old.to_pandas()
        assert list(frame["image_id"])[:2] == ["a.JPEG", "b.JPEG"]
        assert list(frame["ir.top1"])[:2] == [65, 970]

    def test_a_field_of_a_later_harness_is_passed_over(self, tmp_path: Path) -> None:
        data = json.loads(to_json(record()))
        data["new_field"] = 1
        data["models"][0]["new_field"] = 1
        (tmp_path / "run.json").write_text(json.dumps(data))
        assert read_record(tmp_path).name == "n"

    @pytest.mark.parametrize("version", [2, 99])
    def test_a_newer_schema_is_refused_in_words(self, tmp_path: Path, version: int) -> None:
        (tmp_path / "run.json").write_text(json.dumps({"schema_version": version, "anything": "else"}))
        expected = (
            f"{tmp_path}/run.json: written by a newer harness (run record schema {version}, this one reads up to 1); "
            "upgrade the harness"
        )
        assert refused(tmp_path) == expected

    @pytest.mark.parametrize("version", ['"2"', "2.0", "true", "null", '"1"'])
    def test_a_version_that_is_no_whole_number(self, tmp_path: Path, version: str) -> None:
        (tmp_path / "run.json").write_text(f'{{"schema_version": {version}}}')
        assert "it has no schema_version" in refused(tmp_path)

    @pytest.mark.parametrize("version", [0, -1])
    def test_a_version_that_never_was(self, tmp_path: Path, version: int) -> None:
        data = json.loads(to_json(record())) | {"schema_version": version}
        (tmp_path / "run.json").write_text(json.dumps(data))
        assert "not a valid run record: schema_version" in refused(tmp_path)

    def test_every_cut_is_refused(self, tmp_path: Path) -> None:
        text = to_json(record()).rstrip()
        path = tmp_path / "run.json"
        for length in range(0, len(text), 97):
            path.write_text(text[:length], encoding="utf-8")
            assert "not valid JSON" in refused(tmp_path)

    @pytest.mark.parametrize("text", ["NaN", '{"schema_version": NaN}', "[" * 100_000])
    def test_no_json(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "run.json").write_text(text)
        assert "not valid JSON" in refused(tmp_path)

    @pytest.mark.parametrize("text", ["[]", "3", '"text"', "null", "{}"])
    def test_other_json(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "run.json").write_text(text)
        assert "not a run record: it has no schema_version; give the folder of a run" in refused(tmp_path)

    def test_a_wrong_field_is_named(self, tmp_path: Path) -> None:
        data = json.loads(to_json(record()))
        data["models"][0]["top1"]["correct"] = -1
        (tmp_path / "run.json").write_text(json.dumps(data))
        assert "not a valid run record: models.0.top1.correct: " in refused(tmp_path)

    def test_missing(self, tmp_path: Path) -> None:
        assert "no run record found; give the folder of a run" in refused(tmp_path)
        assert "no run record found" in refused(tmp_path / "no")

    def test_not_text(self, tmp_path: Path) -> None:
        (tmp_path / "run.json").write_bytes(b"\xff\xfe\x00")
        assert "not UTF-8" in refused(tmp_path)

    def test_a_folder_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "run.json").mkdir()
        assert "no run record found" in refused(tmp_path / "run.json")
        assert "cannot be read: Is a directory" in refused(tmp_path)


class TestPredictions:
    TABLE = pa.table({"image_id": ["a", "b"], "label": pa.array([1, 2], pa.int32()), "tf.top1": pa.array([1, 3])})

    def test_round_trip(self, tmp_path: Path) -> None:
        assert write_predictions(tmp_path, self.TABLE) == tmp_path / "predictions.parquet"
        for run in (tmp_path, tmp_path / "run.json"):  # the record's own path serves as well
            table = read_predictions(run)
            assert table is not None
            assert table.equals(self.TABLE)

    def test_a_folder_called_like_a_partition_adds_no_column(self, tmp_path: Path) -> None:
        folder = tmp_path / "name=value"
        folder.mkdir()
        write_predictions(folder, self.TABLE)
        table = read_predictions(folder)
        assert table is not None
        assert table.column_names == self.TABLE.column_names

    def test_none(self, tmp_path: Path) -> None:
        assert read_predictions(tmp_path) is None

    @pytest.mark.parametrize("keep", [0, 3, 100, -1])
    def test_damaged(self, tmp_path: Path, keep: int) -> None:
        path = write_predictions(tmp_path, self.TABLE)
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(RecordError, match=r"predictions\.parquet: damaged .*; run `harness validate` again"):
            read_predictions(tmp_path)

    def test_to_pandas(self, tmp_path: Path) -> None:
        write_predictions(tmp_path, self.TABLE)
        write_record(tmp_path, record())
        frame = read_record(tmp_path).to_pandas()
        assert list(frame.columns) == ["image_id", "label", "tf.top1"]
        assert frame["tf.top1"].tolist() == [1, 3]

    def test_to_pandas_without_a_table(self, tmp_path: Path) -> None:
        with pytest.raises(RecordError, match="this record: has no per-image table"):
            record().to_pandas()
        with pytest.raises(RecordError, match=r"has no per-image table"):
            record().in_folder(tmp_path).to_pandas()


class TestWriting:
    def test_a_new_file_and_a_replaced_one(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        write_atomically(path, b"one")
        write_atomically(path, b"two")
        assert path.read_bytes() == b"two"
        assert os.listdir(tmp_path) == ["f"]

    @pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
    def test_a_failure_keeps_the_old_file_and_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number))

        path = tmp_path / "f"
        write_atomically(path, b"one")
        monkeypatch.setattr(os, call, fail)
        with pytest.raises(RecordError) as caught:
            write_atomically(path, b"two")
        assert str(caught.value).startswith(f"{path}: cannot be written: {os.strerror(number)}; ")
        if number in (errno.ENOSPC, errno.EDQUOT):
            assert "free some space, then run the same command with --resume" in str(caught.value)
        assert path.read_bytes() == b"one"
        assert os.listdir(tmp_path) == ["f"]

    def test_an_interruption_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(_: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(tmp_path / "f", b"one")
        assert os.listdir(tmp_path) == []

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_a_full_disk_for_real(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fdopen = os.fdopen

        def full(handle: int, mode: str) -> Any:
            os.dup2(os.open("/dev/full", os.O_WRONLY), handle)
            return fdopen(handle, mode)

        monkeypatch.setattr(os, "fdopen", full)
        with pytest.raises(RecordError, match="No space left"):
            write_atomically(tmp_path / "f", b"one" * 100_000)
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o002, 0o664), (0o000, 0o666)])
    def test_the_umask_is_respected(self, tmp_path: Path, mask: int, mode: int) -> None:
        code = (
            f"import os, sys, pathlib; os.umask({mask}); from harness.record.store import write_atomically; "
            "write_atomically(pathlib.Path(sys.argv[1]), b'x')"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "f")], check=True)
        assert (tmp_path / "f").stat().st_mode & 0o777 == mode

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(RecordError, match="choose another folder with --out"):
            write_atomically(tmp_path / "no" / "f", b"x")

    def test_a_folder_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "f").mkdir()
        with pytest.raises(RecordError, match="cannot be written"):
            write_atomically(tmp_path / "f", b"x")
        assert os.listdir(tmp_path) == ["f"]

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def denied(**_: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr("tempfile.mkstemp", denied)
        with pytest.raises(RecordError, match="choose a folder that you can write to with --out"):
            write_atomically(tmp_path / "f", b"x")

    @pytest.mark.parametrize(
        ("number", "option", "mend"),
        [
            (errno.ENOSPC, None, "free some space, then run the same command with --resume"),
            (errno.ENOSPC, "--html", "free some space, then run the same command again"),
            (errno.EROFS, "--html", "choose a folder that you can write to with --html"),
            (errno.EACCES, "", "choose a folder that you can write to"),
            (errno.EIO, "", "choose another folder"),
        ],
    )
    def test_the_mend_names_the_option_that_chose_the_place(self, number: int, option: str | None, mend: str) -> None:
        text = str(cannot_write(Path("f"), OSError(number, "why"), option))
        assert text == f"f: cannot be written: why; {mend}"

    def test_make_folder(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "a" / "b")
        make_folder(tmp_path / "a" / "b")
        (tmp_path / "file").touch()
        with pytest.raises(RecordError, match="cannot be written"):
            make_folder(tmp_path / "file" / "b")
