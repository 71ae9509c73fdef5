from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from harness.conversion.fetch.unpack import unpack
from harness.errors import DownloadError


def member(
    name: str, data: bytes = b"content", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    return info, data


def archive(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    path = folder / "a.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "deep" / "build"
    made.mkdir(parents=True)
    return made


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_everything_or_only_what_was_asked_for(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path, member("./a.pb", b"A"), member("sub", kind=tarfile.DIRTYPE), member("sub/b.pb", b"B"))
    assert unpack(packed, folder, ["sub/b.pb"]) == [folder / "sub/b.pb"]
    assert files(folder) == ["sub/b.pb"]
    assert sorted(unpack(packed, folder)) == [folder / "a.pb", folder / "sub/b.pb"]
    assert (folder / "a.pb").read_bytes() == b"A"
    assert (folder / "sub/b.pb").read_bytes() == b"B"


def test_a_missing_member_is_named_with_the_nearest(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path, member("v2/net_frozen.pb"))
    with pytest.raises(
        DownloadError, match=r"it does not contain `v2/net_frozn.pb`; did you mean `v2/net_frozen.pb`\?"
    ):
        unpack(packed, folder, ["v2/net_frozn.pb"])
    assert files(folder) == []


@pytest.mark.parametrize(
    ("evil", "why"),
    [
        (member("../evil"), "leads outside"),
        (member("sub/../../evil"), "leads outside"),
        (member("..\\evil"), "leads outside"),
        (member("/tmp/evil"), "leads outside"),
        (member("C:/evil"), "leads outside"),
        (member("evil", kind=tarfile.SYMTYPE, link="/etc/hostname"), "is a link"),
        (member("evil", kind=tarfile.SYMTYPE, link="good.pb"), "is a link"),
        (member("evil", kind=tarfile.LNKTYPE, link="../evil"), "is a link"),
        (member("evil", kind=tarfile.CHRTYPE), "is a device"),
        (member("evil", kind=tarfile.FIFOTYPE), "is a device"),
        (member("good.pb/evil"), "is in 'good.pb', which is a file"),
        (member("/".join("d" * 1500)), "has no name, or one of more than 64 folders"),
        (member(""), "has no name"),
        (member("."), "has no name"),
    ],
)
def test_an_evil_member_is_refused_before_anything_is_written(
    tmp_path: Path, folder: Path, evil: tuple[tarfile.TarInfo, bytes], why: str
) -> None:
    packed = archive(tmp_path, member("good.pb"), evil)
    with pytest.raises(DownloadError, match=f"nothing was unpacked: its member .* {why}"):
        unpack(packed, folder)
    assert files(tmp_path) == ["a.tgz"]


def test_a_way_out_is_refused_even_where_only_another_member_is_wanted(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path, member("good.pb"), member("../evil"))
    with pytest.raises(DownloadError, match="leads outside"):
        unpack(packed, folder, ["good.pb"])
    assert files(tmp_path) == ["a.tgz"]


def test_a_link_in_the_folder_does_not_lead_out(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "outside").mkdir()
    (folder / "sub").symlink_to(tmp_path / "outside")
    packed = archive(tmp_path, member("sub/evil"))
    with pytest.raises(DownloadError, match=r"is a link to .*outside"):
        unpack(packed, folder)
    assert files(tmp_path / "outside") == []


def test_a_link_in_the_place_of_a_member_is_replaced_and_not_followed(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "precious").write_bytes(b"mine")
    (folder / "a.pb").symlink_to(tmp_path / "precious")
    unpack(archive(tmp_path, member("a.pb", b"A")), folder)
    assert (tmp_path / "precious").read_bytes() == b"mine"
    assert not (folder / "a.pb").is_symlink()


def test_a_bomb_is_refused(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path, member("zeros", bytes(70 * 2**20)))
    assert packed.stat().st_size < 2**20
    with pytest.raises(DownloadError, match="it would unpack to more than 67108864 bytes"):
        unpack(packed, folder)
    assert files(folder) == []


def test_a_member_that_only_claims_to_be_huge_is_refused_without_reading_it(tmp_path: Path, folder: Path) -> None:
    info = tarfile.TarInfo("huge")
    info.size = 2**50
    packed = tmp_path / "a.tar"
    packed.write_bytes(info.tobuf() + bytes(1024))
    with pytest.raises(DownloadError, match="would unpack to more than"):
        unpack(packed, folder)


def test_what_is_there_already_is_left_alone_and_what_differs_is_replaced(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path, member("a.pb", b"A"), member("b.pb", b"B"))
    (folder / "a.pb").write_bytes(b"A")
    (folder / "b.pb").write_bytes(b"X")
    os.utime(folder / "a.pb", (1, 1))
    unpack(packed, folder)
    assert (folder / "a.pb").stat().st_mtime == 1
    assert (folder / "b.pb").read_bytes() == b"B"
    assert files(folder) == ["a.pb", "b.pb"]


def test_a_cut_off_archive_leaves_nothing_behind(tmp_path: Path, folder: Path) -> None:
    packed = archive(tmp_path, member("a.pb", b"A"), member("b.pb", os.urandom(100_000)))
    packed.write_bytes(packed.read_bytes()[:50_000])
    with pytest.raises(DownloadError, match="cut off, or not a tar archive"):
        unpack(packed, folder)
    assert files(folder) == []


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", bytes(10_000), b"\x1f\x8b\x08broken"])
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, folder: Path, content: bytes) -> None:
    (tmp_path / "a.tgz").write_bytes(content)
    with pytest.raises(DownloadError, match=r"not a tar archive|contains no file"):
        unpack(tmp_path / "a.tgz", folder)


def test_a_member_does_not_replace_a_folder_or_the_archive_itself(tmp_path: Path) -> None:
    packed = archive(tmp_path, member("a.tgz"))
    with pytest.raises(DownloadError, match="would replace"):
        unpack(packed, tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(DownloadError, match="would replace"):
        unpack(archive(tmp_path, member("sub")), tmp_path)


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cannot be unpacked"):
        unpack(archive(tmp_path, member("a.pb")), tmp_path / "missing")
