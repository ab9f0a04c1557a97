"""README: one screen, true, with the commands that exist and a picture that is there."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def readme() -> str:
    return (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_one_screen() -> None:
    assert len(readme().splitlines()) <= 90


def test_shows_the_two_commands() -> None:
    assert "make demo" in readme() and "make test" in readme()


def test_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", readme())
    assert pictures
    for picture in pictures:
        assert (REPOSITORY / picture).is_file(), picture


def test_commands_exist() -> None:
    from typer.main import get_command

    from boardless.cli import app

    verbs = set(get_command(app).commands)  # type: ignore[attr-defined]
    shown = set(re.findall(r"^\$? ?boardless (\w+)", readme(), re.MULTILINE))
    assert shown and shown <= verbs, shown - verbs


def test_shown_output_is_what_the_tool_prints() -> None:
    from tests.boardless.commands import boardless

    blocks = re.findall(r"```\n\$ boardless ([^\n]+)\n(.*?)```", readme(), re.DOTALL)
    assert blocks
    for command, shown in blocks:
        printed = boardless(*command.split(), "--quiet").output.splitlines()
        for line in shown.strip().splitlines():
            assert line.rstrip() in printed, f"README shows what `boardless {command}` does not print: {line}"
