"""``python -m boardless`` and the ``boardless`` command: run a verb; turn what goes wrong into one line and an exit status."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

#: Where the project's own errors are: what they say is meant for the user as it stands.
OWN_ERRORS = tuple(
    f"{name}.errors" for name in ("workloads", "hwmodels", "dataflows", "sim", "strategies", "validation", "boardless")
)

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
    except KeyboardInterrupt:
        return _fail("interrupted; no file was left half written; run the same command to start again", INTERRUPTED)
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


def describe(error: BaseException, words: Sequence[str] = ()) -> str:
    """One line for an error: the project's own say it all; what the parser says gets what stood there and the way to help.

    >>> from workloads.errors import GraphError
    >>> describe(GraphError("model.onnx: empty file; an ONNX model is expected"))
    'model.onnx: empty file; an ONNX model is expected'
    """
    if hasattr(error, "format_message"):
        return _usage(error, words)
    if any(kind.__module__ in OWN_ERRORS for kind in type(error).__mro__):
        return _one_line(str(error))
    if isinstance(error, OSError):
        name = os.path.basename(str(error.filename or "")) or "standard output"
        wanted = "room to write" if error.filename is None else "a file that can be read"
        return _one_line(f"{name}: {error.strerror or error}; {wanted} is expected; check the path")
    if isinstance(error, MemoryError):
        return "memory: too little on this machine for the network; a smaller one is expected; lower --batch or --dim"
    said = _one_line(f"{type(error).__name__}: {error}")
    return f"internal: {said}; this is a defect of boardless; run again with --debug and report it"


def _usage(error: Any, words: Sequence[str]) -> str:
    """What the parser refuses: an unknown verb or option, a missing argument, a value of the wrong sort."""
    command = getattr(getattr(error, "ctx", None), "command_path", None) or "boardless"
    said = _one_line(error.format_message()).rstrip(".")
    flags: Sequence[str] = getattr(getattr(error, "param", None), "opts", None) or ()
    given = next((after for flag, after in zip(words, words[1:], strict=False) if flag in flags), None)
    if given is not None and said.startswith("Invalid value"):
        said = f"{flags[0]}: '{given}'; {said.partition(': ')[2]}"
    verbs = getattr(getattr(getattr(error, "ctx", None), "command", None), "commands", None)
    if said.startswith("No such command") and verbs and "Did you mean" not in said:
        said += f"; one of {', '.join(verbs)} is expected"
    return f"{said}; see {command} --help"


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


def _replace_what_cannot_be_shown() -> None:
    """Have characters that the terminal's encoding lacks replaced instead of failing on them."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _one_line_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"boardless: warning: {_one_line(str(message))}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
