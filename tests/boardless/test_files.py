"""Output files: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from boardless.errors import UsageError
from boardless.files import write_all, write_bytes, write_text


def test_writes_utf8_and_leaves_nothing_beside(tmp_path: Path) -> None:
    write_text(tmp_path / "out.json", "41 µJ\n")
    assert (tmp_path / "out.json").read_text(encoding="utf-8") == "41 µJ\n"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_replaces_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    write_text(target, "new")
    assert target.read_text() == "new"


def test_a_failure_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UsageError, match=r"out\.json: No space left on device; a file that can be written is expected"):
        write_text(target, "new")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"out\.json: No such file or directory"):
        write_text(tmp_path / "nowhere" / "out.json", "new")
    assert not (tmp_path / "nowhere").exists()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write_text(tmp_path / "link.json", "new")
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "real.json").read_text() == "new"


def test_a_device_is_written_as_it_is() -> None:
    write_bytes(Path(os.devnull), b"gone")
    assert not Path(os.devnull).is_file()


def test_several_files_into_a_new_folder(tmp_path: Path) -> None:
    written = write_all(tmp_path / "a" / "b", {"one.png": b"1", "two.png": b"2"})
    assert [p.name for p in written] == ["one.png", "two.png"]
    assert written[1].read_bytes() == b"2"


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UsageError, match="a folder that can be written is expected"):
        write_all(tmp_path / "taken", {"one.png": b"1"})
