"""Running the command line inside the test: status, standard output, standard error."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

from boardless.__main__ import main


class Ran(NamedTuple):
    """What a command left behind."""

    status: int
    output: str
    errors: str


def boardless(*words: str | Path) -> Ran:
    """Run ``boardless WORDS`` and catch what it prints."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        status = main([str(word) for word in words])
    return Ran(status, output.getvalue(), errors.getvalue())


def refused(*words: str | Path) -> str:
    """The one line with which a command refuses its input; checks status, streams and form."""
    ran = boardless(*words)
    assert ran.status == 2, ran
    assert ran.output == ""
    lines = ran.errors.splitlines()
    assert len(lines) == 1, ran.errors
    assert lines[0].startswith("boardless: error: ")
    assert "Traceback" not in lines[0] and "internal:" not in lines[0]
    return lines[0].removeprefix("boardless: error: ")
