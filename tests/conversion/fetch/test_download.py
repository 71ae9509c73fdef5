from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from harness.conversion.fetch import download as module
from harness.conversion.fetch.download import ResumingDownload
from harness.errors import DownloadError

CONTENT = os.urandom(300_000)
SHA = "a" * 96


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT", 0.0)


@pytest.fixture
def page(site: Any) -> Any:
    import sys

    made = sys.modules[type(site).__module__].Page(CONTENT)
    site.pages["/a.tgz"] = made
    return made


def run(site: Any, folder: Path, *, size: int = len(CONTENT), sha384: str = SHA, path: str = "/a.tgz") -> bytes:
    target = folder / "whole"
    ResumingDownload(folder / "a.tgz.part", size, sha384, quiet=True)(site.address + path, str(target))
    return target.read_bytes()


def test_whole_file_in_one_request_and_nothing_left_beside_it(site: Any, page: Any, tmp_path: Path) -> None:
    assert run(site, tmp_path) == CONTENT
    assert site.requests == [("/a.tgz", None, None)]
    assert [item.name for item in tmp_path.iterdir()] == ["whole"]


def test_a_cut_connection_is_taken_up_where_it_stopped(site: Any, page: Any, tmp_path: Path) -> None:
    page.cut = [100_000, 50_000]
    assert run(site, tmp_path) == CONTENT
    assert site.requests == [
        ("/a.tgz", None, None),
        ("/a.tgz", "bytes=100000-", '"one"'),
        ("/a.tgz", "bytes=150000-", '"one"'),
    ]


def test_many_cuts_with_progress_are_no_failure(site: Any, page: Any, tmp_path: Path) -> None:
    page.cut = [10_000] * 20
    assert run(site, tmp_path) == CONTENT
    assert len(site.requests) == 21


def test_cuts_without_progress_end_and_the_part_is_kept_for_the_next_run(site: Any, page: Any, tmp_path: Path) -> None:
    page.cut = [100_000] + [0] * 10
    with pytest.raises(DownloadError, match=r"was cut; 100000 of 300000 bytes are in"):
        run(site, tmp_path)
    assert (tmp_path / "a.tgz.part").read_bytes() == CONTENT[:100_000]
    page.cut, site.requests[:] = [], []
    assert run(site, tmp_path) == CONTENT
    assert site.requests == [("/a.tgz", "bytes=100000-", '"one"')]


def test_a_server_that_ignores_range_sends_everything_again(site: Any, page: Any, tmp_path: Path) -> None:
    page.cut, page.ranges = [100_000], False
    assert run(site, tmp_path) == CONTENT
    assert [item[1] for item in site.requests] == [None, "bytes=100000-"]


def test_a_file_that_changed_in_between_is_begun_again(site: Any, page: Any, tmp_path: Path) -> None:
    page.cut = [100_000, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadError):
        run(site, tmp_path)
    page.content, page.etag, page.cut = CONTENT[::-1], '"two"', []
    assert run(site, tmp_path) == CONTENT[::-1]


def test_another_part_than_asked_for_is_not_appended(site: Any, page: Any, tmp_path: Path) -> None:
    page.cut, page.wrong_part = [100_000], True
    assert run(site, tmp_path) == CONTENT


def test_a_weak_etag_is_not_used_to_go_on(site: Any, page: Any, tmp_path: Path) -> None:
    page.etag, page.cut = 'W/"one"', [100_000]
    assert run(site, tmp_path) == CONTENT
    assert site.requests[1] == ("/a.tgz", "bytes=100000-", None)


def test_a_part_of_another_archive_is_dropped(site: Any, page: Any, tmp_path: Path) -> None:
    page.cut = [100_000, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadError):
        run(site, tmp_path, sha384="b" * 96)
    page.cut, site.requests[:] = [], []
    assert run(site, tmp_path) == CONTENT
    assert site.requests == [("/a.tgz", None, None)]


def test_a_part_without_its_notes_or_too_long_is_dropped(site: Any, page: Any, tmp_path: Path) -> None:
    (tmp_path / "a.tgz.part").write_bytes(b"x" * 400_000)
    assert run(site, tmp_path) == CONTENT
    (tmp_path / "a.tgz.part").write_bytes(b"x" * 100)
    (tmp_path / "a.tgz.part.json").write_text("[no json")
    assert run(site, tmp_path) == CONTENT


def test_another_size_is_refused_before_a_byte_is_fetched(site: Any, page: Any, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"the file has 300000 bytes, but `archive\.bytes` states 299999"):
        run(site, tmp_path, size=299_999)
    assert (tmp_path / "a.tgz.part").stat().st_size == 0


def test_more_bytes_than_stated_are_refused_where_the_server_hides_the_size(
    site: Any, page: Any, tmp_path: Path
) -> None:
    page.hide_size = True
    with pytest.raises(DownloadError, match=r"sends more than the 200000 bytes"):
        run(site, tmp_path, size=200_000)
    assert (tmp_path / "a.tgz.part").stat().st_size <= 200_000


def test_a_part_that_is_longer_than_the_file_there_is_answered_in_words(site: Any, page: Any, tmp_path: Path) -> None:
    page.cut = [100_000, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadError):
        run(site, tmp_path)
    page.status = 416
    with pytest.raises(DownloadError, match="the server answered 416"):
        run(site, tmp_path)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_final(site: Any, page: Any, tmp_path: Path, status: int) -> None:
    page.status = status
    with pytest.raises(DownloadError, match=f"the server answered {status}"):
        run(site, tmp_path)
    assert len(site.requests) == 1


def test_a_passing_fault_is_tried_again(site: Any, page: Any, tmp_path: Path) -> None:
    page.status = 503
    with pytest.raises(DownloadError, match="the server answered 503"):
        run(site, tmp_path)
    assert len(site.requests) == 4


@pytest.mark.parametrize("location", ["file:///etc/hostname", "ftp://127.0.0.1/a.tgz"])
def test_a_way_out_of_http_is_not_followed(site: Any, page: Any, tmp_path: Path, location: str) -> None:
    page.status, page.location = 302, location
    with pytest.raises(DownloadError, match="not http or https"):
        run(site, tmp_path)


def test_a_redirect_within_http_is_followed(site: Any, page: Any, tmp_path: Path) -> None:
    site.pages["/old"] = type(page)(status=302, location="/a.tgz")
    assert run(site, tmp_path, path="/old") == CONTENT


def test_nobody_listening(tmp_path: Path) -> None:
    download = ResumingDownload(tmp_path / "part", 10, SHA, quiet=True)
    with pytest.raises(DownloadError, match="the connection was refused"):
        download("http://127.0.0.1:1/a.tgz", str(tmp_path / "whole"))


def test_two_downloads_of_one_file_do_not_mix(site: Any, page: Any, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / "a.tgz.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match="another process is downloading"):
            run(site, tmp_path)
