"""``python -m boardless`` and the ``boardless`` command: run a verb; turn what goes wrong into one line and an exit status."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from boardless.refusals import describe, one_line

ANSWERED, CHECK_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 answered, 1 a check the user asked for failed, 2 bad input or bad usage, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _replace_what_cannot_be_shown()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if "--quiet" in words else "default")
        warnings.showwarning = _one_line_warning
        return _guarded(words)


def _guarded(words: list[str]) -> int:
    """Run, and meet everything that can go wrong."""
    try:
        return _run(words) if words else max(BAD_INPUT, _run(["--help"]))
    except BrokenPipeError:
        _drop_output()
        return ANSWERED
    except KeyboardInterrupt as stopped:
        kept = str(stopped) or "no file was left half written; run the same command to start again"
        return _fail(f"interrupted; {kept}", INTERRUPTED)
    except Exception as error:
        if "--debug" in words:
            raise
        return _fail(f"error: {describe(error, words)}", BAD_INPUT)


def _run(words: list[str]) -> int:
    from typer.main import get_command

    from boardless.cli import app

    verb = get_command(app).main(words, prog_name="boardless", standalone_mode=False)
    status = verb() if callable(verb) else verb
    sys.stdout.flush()
    return int(status or ANSWERED)


def _fail(line: str, status: int) -> int:
    _drop_partial_line()
    print(f"boardless: {line}", file=sys.stderr)
    return status


def _drop_partial_line() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")


def _drop_output() -> None:
    """Point standard output nowhere, so that the flush at exit does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _replace_what_cannot_be_shown() -> None:
    """Have characters that the terminal's encoding lacks replaced instead of failing on them."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _one_line_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"boardless: warning: {one_line(str(message))}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
