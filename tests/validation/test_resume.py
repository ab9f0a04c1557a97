"""Counts are taken up where they were stopped, and counted anew when what they follow from changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from validation import resume
from validation.resume import Folds


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_stopped_count_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "BATCH", 2)
    asked: list[str] = []

    def count(name: str, stop_at: str = "e") -> np.ndarray:
        if name == stop_at:
            raise KeyboardInterrupt
        asked.append(name)
        return np.array([float(ord(name)), 0.1])

    with pytest.raises(KeyboardInterrupt):
        resume.counted("key", list("abcdefg"), count)
    assert asked == list("abcd")
    rows = resume.counted("key", list("abcdefga"), lambda name: count(name, ""))
    assert asked == list("abcdefg")
    assert rows[:, 0].tolist() == [ord(name) for name in "abcdefga"] and set(rows[:, 1]) == {0.1}


def test_another_key_is_another_count() -> None:
    one = resume.counted("one", ["a"], lambda name: np.array([1.0]))
    two = resume.counted("two", ["a"], lambda name: np.array([2.0]))
    assert (one[0, 0], two[0, 0], resume.counted("one", ["a"], lambda name: np.array([3.0]))[0, 0]) == (1.0, 2.0, 1.0)


def test_a_broken_file_is_counted_anew(tmp_path: Path) -> None:
    resume.counted("key", ["a"], lambda name: np.array([1.0]))
    (path,) = (tmp_path / "boardless" / "counts").glob("*.json")
    path.write_text("{not json", encoding="utf-8")
    assert resume.counted("key", ["a"], lambda name: np.array([5.0]))[0, 0] == 5.0


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert resume.counted("key", ["a"], lambda name: np.array([1.0]))[0, 0] == 1.0


def test_folds_are_taken_up_again() -> None:
    first = np.zeros(4)
    folds = Folds("key", (first,))
    first[[1, 3]] = 2.0, 4.0
    folds.add("odd", np.array([1, 3]))
    folds.write()
    again = np.zeros(4)
    found = Folds("key", (again,))
    assert "odd" in found and "even" not in found and list(again) == [0.0, 2.0, 0.0, 4.0]
    assert "odd" not in Folds("other key", (np.zeros(4),))
    assert "odd" not in Folds("key", (np.zeros(4),), keep=False)


def test_a_spoiled_file_is_no_fold(tmp_path: Path) -> None:
    Folds("key", (np.zeros(2),)).write()
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(b"half")
    assert "odd" not in Folds("key", (np.zeros(2),))
