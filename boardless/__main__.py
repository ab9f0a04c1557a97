"""``python -m boardless`` and the ``boardless`` command: run a verb; turn what goes wrong into one line and an exit status."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

ANSWERED, CHECK_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0 answered, 1 a check the user asked for failed, 2 bad input or bad usage, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _prepare_streams(words)
    try:
        return _run(words or ["--help"]) if words else max(BAD_INPUT, _run(["--help"]))
    except BrokenPipeError:
        _drop_output()
        return ANSWERED
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was written; run the same command to start again", INTERRUPTED)
    except Exception as error:
        if "--debug" in words:
            raise
        return _fail(f"error: {describe(error)}", BAD_INPUT)


def _run(words: list[str]) -> int:
    from typer.main import get_command

    from boardless.cli import app

    verb = get_command(app).main(words, prog_name="boardless", standalone_mode=False)
    status = verb() if callable(verb) else verb
    sys.stdout.flush()
    return int(status or ANSWERED)


def describe(error: BaseException) -> str:
    """One line for an error: the package's own say it all; a usage error of the command line gets the way to help.

    >>> describe(ValueError("model.onnx: empty file; an ONNX model is expected"))
    'model.onnx: empty file; an ONNX model is expected'
    """
    format_message = getattr(error, "format_message", None)
    if format_message is not None:
        context = getattr(error, "ctx", None)
        return _one_line(f"{format_message().strip().rstrip('.')}; see {context.command_path if context else 'boardless'} --help")
    if isinstance(error, ValueError):
        return _one_line(str(error)) or type(error).__name__
    if isinstance(error, OSError):
        return _one_line(
            f"{os.path.basename(str(error.filename or '')) or 'file'}: {error.strerror or error}; a readable file is expected"
        )
    if isinstance(error, MemoryError):
        return "memory: this machine has too little for the network; a smaller --batch or --dim is expected"
    return _one_line(
        f"internal: {type(error).__name__}: {error}; this is a defect of boardless; run again with --debug and report it"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


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


def _prepare_streams(words: list[str]) -> None:
    """Characters the terminal cannot show are replaced; warnings are one line each, none with ``--quiet``."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    if "--quiet" in words:
        warnings.simplefilter("ignore")
    warnings.showwarning = _one_line_warning


def _one_line_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"boardless: warning: {_one_line(str(message))}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
