"""Progress: silent for quick work and when asked to be quiet, plain lines where there is no terminal."""

from __future__ import annotations

import io

import pytest

from boardless import progress
from boardless.progress import Steps


def said(monkeypatch: pytest.MonkeyPatch, patience_s: float, *, quiet: bool) -> str:
    monkeypatch.setattr(progress, "PATIENCE_S", patience_s)
    stream = io.StringIO()
    with Steps("estimate", 2, quiet=quiet, stream=stream) as steps:
        steps.next("raspberry_pi_4")
        steps.next("stm32h743")
    return stream.getvalue()


def test_quick_work_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, 60.0, quiet=False) == ""


def test_slow_work_says_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, -1.0, quiet=False) == (
        "boardless: estimate 1 of 2: raspberry_pi_4\nboardless: estimate 2 of 2: stm32h743\n"
    )


def test_long_steps_say_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    stream = io.StringIO()
    with Steps("validating", 2, stream=stream) as steps:
        steps.next("ncnn")
        steps.within("fold 1 of 65")
        monkeypatch.setattr(progress, "PATIENCE_S", 60.0)
        steps.within("too soon")
    assert stream.getvalue() == "boardless: validating 1 of 2: ncnn\nboardless: validating 1 of 2: fold 1 of 65\n"


def test_quiet_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, -1.0, quiet=True) == ""


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    stream = Terminal()
    with Steps("estimate", 2, stream=stream) as steps:
        steps.next("raspberry_pi_4")
    assert "estimate raspberry_pi_4" in stream.getvalue()
