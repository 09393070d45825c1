"""Special files are refused at once, and nobody's file is written over."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from ipcsim.files import open_plain, write_beside

SIGN = "made by ipcsim"
TEXT = f"<!-- {SIGN} -->\n"


def test_plain_files_and_links_to_them_are_read(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    (tmp_path / "link").symlink_to("plain")
    for name in ("plain", "link"):
        with open_plain(tmp_path / name) as file:
            assert file.read() == b"x"


def test_special_files_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")  # to open it would hang
    (tmp_path / "link").symlink_to("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "fifo", tmp_path / "link", tmp_path / "socket", Path("/dev/zero")):
            with pytest.raises(OSError, match="only plain files are read"):
                open_plain(path)
    with pytest.raises(IsADirectoryError):
        open_plain(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_plain(tmp_path / "nothing")


def test_a_page_is_renamed_into_place_with_the_usual_rights(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    before = os.umask(0o027)
    try:
        write_beside(page, TEXT, SIGN)
        first = page.stat()
        write_beside(page, TEXT + "more", SIGN)
    finally:
        os.umask(before)
    assert page.read_text() == TEXT + "more"
    assert page.stat().st_ino != first.st_ino
    assert stat.S_IMODE(page.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["page.html"]


@pytest.mark.parametrize("there", ["file", "link", "dangling", "fifo", "folder"])
def test_nothing_of_others_is_written_over(tmp_path: Path, there: str) -> None:
    page, victim = tmp_path / "page.html", tmp_path / "victim"
    victim.write_text(TEXT)  # even a page of ipcsim is not written to through a link
    if there == "file":
        page.write_text("a diary")
    elif there == "fifo":
        os.mkfifo(page)
    elif there == "folder":
        page.mkdir()
    else:
        page.symlink_to("victim" if there == "link" else "elsewhere")
    before = sorted(os.listdir(tmp_path)), page.lstat()
    with pytest.raises(OSError, match="written"):
        write_beside(page, "new", SIGN)
    assert (sorted(os.listdir(tmp_path)), page.lstat()) == before
    assert victim.read_text() == TEXT


def test_a_failed_write_leaves_the_old_page_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    page.write_text(TEXT)
    page.chmod(0o444)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="full"):
        write_beside(page, "new", SIGN)
    assert page.read_text() == TEXT
    assert os.listdir(tmp_path) == ["page.html"]
