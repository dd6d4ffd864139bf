"""Files are whole or not there."""

from __future__ import annotations

import gzip
import os
import stat
from pathlib import Path

import pytest

from mmtui.formats import writing
from mmtui.formats.writing import WriteError, write_file


def test_a_file_that_exists_is_kept_without_force(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text("old")

    with pytest.raises(WriteError, match=r"x\.md: exists already \(--force writes over it\)"):
        write_file(path, b"new")
    with pytest.raises(WriteError, match="is the trace itself"):
        write_file(path, b"new", source=path)

    assert path.read_text() == "old"


def test_force_keeps_the_mode_and_follows_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "x.md", tmp_path / "link.md"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)

    write_file(link, b"new", force=True)

    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_gz_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    write_file(tmp_path / "a.json.gz", b"text")
    write_file(tmp_path / "b.json.gz", b"text")

    assert gzip.decompress((tmp_path / "a.json.gz").read_bytes()) == b"text"
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_a_disk_that_fills_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.md"
    path.write_text("old")
    real, wrote = os.write, []

    def full(fd: int, data: bytes) -> int:
        if wrote:
            raise OSError(28, "No space left on device")
        wrote.append(1)
        return real(fd, bytes(data)[:2])

    monkeypatch.setattr(writing.os, "write", full)
    with pytest.raises(WriteError, match=r"x\.md: not written: No space left on device"):
        write_file(path, b"new text", force=True)

    monkeypatch.undo()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.md"]


def test_a_device_is_written_to_and_not_replaced() -> None:
    before = os.stat("/dev/full")

    with pytest.raises(WriteError, match="/dev/full: not written: No space left on device"):
        write_file(Path("/dev/full"), b"x", force=True)

    assert os.path.samestat(before, os.stat("/dev/full"))


def test_a_folder_that_is_not_there_or_a_folder_itself(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"x\.md: not written: No such file or directory"):
        write_file(tmp_path / "none" / "x.md", b"x")
    with pytest.raises(WriteError, match="is a directory"):
        write_file(tmp_path, b"x", force=True)


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="no /sys, which takes no new files even from root")
def test_a_folder_that_takes_no_files() -> None:
    with pytest.raises(WriteError, match=r"/sys/kernel/x\.md: not written: (Permission|Operation not|Read-only)"):
        write_file(Path("/sys/kernel/x.md"), b"x")
