"""The guide shows what the tool prints: commands are run and compared, Python is executed.

After a change of numbers: ``pytest tests/boardless/test_guide.py --update-golden``.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from tests.boardless.commands import boardless

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide.md"
BLOCK = re.compile(r"```text\n\$ boardless (?P<words>[^\n]+)\n(?P<shown>.*?)```", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def shown(words: str, before: str) -> str:
    """What the block of a command must hold: as many lines of its output as it holds now, then dots; all where it has no dots."""
    ran = boardless(*shlex.split(words), "--quiet")
    assert ran.status == 0, ran.errors
    lines = ran.output.splitlines()
    head = before.rstrip().splitlines()
    asked = re.fullmatch(r"\.\.\.(\d+)", head[0]) if head else None
    if asked is None and (not head or head[-1] != "..."):
        return ran.output
    kept = lines[: int(asked[1]) if asked else len(head) - 1]
    return "\n".join([*kept, "..."]) + "\n" if len(kept) < len(lines) else ran.output


def test_commands_print_what_the_guide_says(request: pytest.FixtureRequest) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert len(BLOCK.findall(text)) >= 6
    now = BLOCK.sub(lambda block: f"```text\n$ boardless {block['words']}\n{shown(block['words'], block['shown'])}```", text)
    if request.config.getoption("--update-golden"):
        GUIDE.write_text(now, encoding="utf-8")
    assert now == GUIDE.read_text(encoding="utf-8")


def test_python_of_the_guide_runs() -> None:
    blocks = PYTHON.findall(GUIDE.read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(block, str(GUIDE), "exec"), {})
        assert "mobilenet_v2 on raspberry_pi_4" in printed.getvalue()


def test_every_option_the_guide_names_exists() -> None:
    options = set(re.findall(r"`(--[a-z-]+)", GUIDE.read_text(encoding="utf-8")))
    helps = "".join(
        boardless(verb, "--help").output
        for verb in ("estimate", "simulate", "memory", "explain", "map", "devices", "compare", "optimize", "explore")
    )
    assert options and not {option for option in options if option not in helps}
