"""Errors as one line: what the project's own say as it stands, what libraries say in the same form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

#: Where the project's own errors are: what they say is meant for the user as it stands.
OWN_ERRORS = tuple(
    f"{name}.errors" for name in ("workloads", "hwmodels", "dataflows", "sim", "strategies", "validation", "boardless")
)


def describe(error: BaseException, words: Sequence[str] = ()) -> str:
    """One line for an error: the project's own say it all; what the parser says gets what stood there and the way to help.

    >>> from workloads.errors import GraphError
    >>> describe(GraphError("model.onnx: empty file; an ONNX model is expected"))
    'model.onnx: empty file; an ONNX model is expected'
    """
    if hasattr(error, "format_message"):
        return _usage(error, words)
    if any(kind.__module__ in OWN_ERRORS for kind in type(error).__mro__):
        return one_line(str(error))
    if isinstance(error, OSError):
        name = os.path.basename(str(error.filename or "")) or "standard output"
        wanted = "room to write" if error.filename is None else "a file that can be read"
        return one_line(f"{name}: {error.strerror or error}; {wanted} is expected; check the path")
    if isinstance(error, MemoryError):
        return "memory: too little on this machine for the network; a smaller one is expected; lower --batch or --dim"
    said = one_line(f"{type(error).__name__}: {error}")
    return f"internal: {said}; this is a defect of boardless; run again with --debug and report it"


def _usage(error: Any, words: Sequence[str]) -> str:
    """What the parser refuses: an unknown verb or option, a missing argument, a value of the wrong sort."""
    command = getattr(getattr(error, "ctx", None), "command_path", None) or "boardless"
    said = one_line(error.format_message()).rstrip(".")
    flags: Sequence[str] = getattr(getattr(error, "param", None), "opts", None) or ()
    given = next((after for flag, after in zip(words, words[1:], strict=False) if flag in flags), None)
    if given is not None and said.startswith("Invalid value"):
        said = f"{flags[0]}: '{given}'; {said.partition(': ')[2]}"
    verbs = getattr(getattr(getattr(error, "ctx", None), "command", None), "commands", None)
    if said.startswith("No such command") and verbs and "Did you mean" not in said:
        said += f"; one of {', '.join(verbs)} is expected"
    return f"{said}; see {command} --help"


def one_line(text: str) -> str:
    """A text without line breaks.

    >>> one_line("a  b   c")
    'a b c'
    """
    return " ".join(text.split())
