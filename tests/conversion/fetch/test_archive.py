from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config import Config
from harness.conversion import fetch
from harness.conversion.fetch import download as download_module
from harness.errors import EXIT_NOT_COMPLETED, EXIT_USAGE, ConfigError, DownloadError

GRAPH = os.urandom(200_000)


def tgz(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(GRAPH)
            tar.addfile(info, io.BytesIO(GRAPH))
    return buffer.getvalue()


ARCHIVE = tgz("./net_frozen.pb", "net.ckpt")

Make = Callable[..., Config]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "_WAIT", 0.0)


@pytest.fixture
def make(site: Any, configure: Callable[..., Config], tmp_path: Path) -> Make:
    """Return a function that makes a configuration with an archive on the local server."""

    def with_archive(content: bytes = ARCHIVE, **changes: Any) -> Config:
        archive = {
            "url": f"{site.address}/a.tgz",
            "bytes": len(content),
            "sha384": hashlib.sha384(content).hexdigest(),
            "members": ["net_frozen.pb"],
            "folder": "models",
            **changes,
        }
        return configure(tmp_path / "models" / "net_frozen.pb", lambda data: data.update(archive=archive))

    return with_archive


def serve(site: Any, content: bytes, path: str = "/a.tgz", **options: Any) -> Any:
    import sys

    site.pages[path] = sys.modules[type(site).__module__].Page(content, **options)
    return site.pages[path]


def test_fetch_downloads_verifies_and_unpacks(site: Any, make: Make, tmp_path: Path) -> None:
    serve(site, ARCHIVE)
    assert fetch(make(), quiet=True) == [tmp_path / "models" / "net_frozen.pb"]
    assert (tmp_path / "models" / "net_frozen.pb").read_bytes() == GRAPH
    assert sorted(item.name for item in (tmp_path / "models").iterdir()) == ["a.tgz", "net_frozen.pb"]


def test_no_network_is_used_where_the_archive_is_there(
    site: Any, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.tgz").write_bytes(ARCHIVE)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    first = fetch(config, quiet=True)
    before = first[0].stat().st_mtime_ns
    assert fetch(config, quiet=True) == first
    assert first[0].stat().st_mtime_ns == before


def test_a_broken_download_is_taken_up_by_the_next_run(site: Any, make: Make, tmp_path: Path) -> None:
    page = serve(site, ARCHIVE, cut=[150_000, 0, 0, 0, 0, 0])
    with pytest.raises(DownloadError, match=r"150000 of \d+ bytes are in"):
        fetch(make(), quiet=True)
    assert not (tmp_path / "models" / "net_frozen.pb").exists()
    page.cut, site.requests[:] = [], []
    fetch(make(), quiet=True)
    assert site.requests == [("/a.tgz", "bytes=150000-", '"one"')]
    assert (tmp_path / "models" / "net_frozen.pb").read_bytes() == GRAPH


def test_the_mirror_is_asked_where_the_first_address_fails(site: Any, make: Make, tmp_path: Path) -> None:
    serve(site, ARCHIVE, "/mirror/b.tgz")
    fetch(make(mirrors=[f"{site.address}/none", f"{site.address}/mirror/b.tgz"]), quiet=True)
    assert [item[0] for item in site.requests] == ["/a.tgz", "/none", "/mirror/b.tgz"]
    assert (tmp_path / "models" / "a.tgz").read_bytes() == ARCHIVE


def test_the_mirror_goes_on_where_the_first_address_stopped(site: Any, make: Make) -> None:
    serve(site, ARCHIVE, cut=[150_000, 0, 0, 0, 0, 0])
    serve(site, ARCHIVE, "/b.tgz", etag='"other"')
    fetch(make(mirrors=[f"{site.address}/b.tgz"]), quiet=True)
    assert site.requests[-1] == ("/b.tgz", "bytes=150000-", None)


def test_a_wrong_file_of_the_right_size_is_refused_and_not_kept(site: Any, make: Make, tmp_path: Path) -> None:
    serve(site, bytes(len(ARCHIVE)))
    with pytest.raises(DownloadError, match=r"not the archive: its size is right, but its sha384 is not") as caught:
        fetch(make(), quiet=True)
    assert caught.value.exit_code == EXIT_NOT_COMPLETED
    assert list((tmp_path / "models").iterdir()) == []


def test_two_halves_of_different_files_are_noticed_and_fetched_again(site: Any, make: Make, tmp_path: Path) -> None:
    page = serve(site, bytes(len(ARCHIVE)), cut=[150_000, 0, 0, 0, 0, 0], etag="")
    with pytest.raises(DownloadError):
        fetch(make(), quiet=True)
    page.content, page.cut, site.requests[:] = ARCHIVE, [], []
    fetch(make(), quiet=True)
    assert [item[1] for item in site.requests] == ["bytes=150000-", None]
    assert (tmp_path / "models" / "a.tgz").read_bytes() == ARCHIVE


@pytest.mark.parametrize("content", [b"short", bytes(len(ARCHIVE))])
def test_a_wrong_file_in_the_way_is_refused_in_words_and_left_alone(
    site: Any, make: Make, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.tgz").write_bytes(content)
    with pytest.raises(DownloadError, match=r"not the archive: .* states .*; delete it \(`rm .*a\.tgz`\) and run"):
        fetch(make(), quiet=True)
    assert (tmp_path / "models" / "a.tgz").read_bytes() == content
    assert site.requests == []


def test_every_address_that_failed_is_named(site: Any, make: Make) -> None:
    serve(site, b"small", "/b.tgz")
    with pytest.raises(DownloadError) as caught:
        fetch(make(mirrors=[f"{site.address}/b.tgz"]), quiet=True)
    lines = str(caught.value).splitlines()
    assert lines[0] == "a.tgz could not be downloaded"
    assert "/a.tgz: the server answered 404" in lines[1]
    assert f"/b.tgz: the file has 5 bytes, but `archive.bytes` states {len(ARCHIVE)}" in lines[2]


def test_an_archive_with_a_way_out_writes_nothing(site: Any, make: Make, tmp_path: Path) -> None:
    evil = tgz("net_frozen.pb", "../../evil.pb")
    serve(site, evil)
    with pytest.raises(DownloadError, match="leads outside of the folder"):
        fetch(make(evil), quiet=True)
    assert [item.name for item in tmp_path.rglob("*.pb")] == []


def test_without_an_archive_the_message_says_what_to_add(configure: Make, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"config\.yml.*nothing to fetch; add to the configuration\n  archive:"
    ) as error:
        fetch(configure(tmp_path / "net.pb"))
    assert error.value.exit_code == EXIT_USAGE


def test_a_folder_that_cannot_be_made(site: Any, make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadError, match=r"archive\.folder: .*file.*--set archive\.folder=FOLDER"):
        fetch(make(folder="file/models"), quiet=True)


def test_progress_goes_to_stderr_and_only_where_wanted(
    site: Any, make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(site, ARCHIVE)
    fetch(make(), quiet=True)
    assert capsys.readouterr() == ("", "")
    (tmp_path / "models" / "a.tgz").unlink()
    fetch(make())
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"downloading {site.address}/a.tgz (0.4 MB)\n"
