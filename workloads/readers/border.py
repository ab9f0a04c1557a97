"""The border between file libraries and the project: whatever a broken file makes them raise becomes one GraphError line."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workloads.errors import GraphError

#: What parsers of protobuf and flatbuffer data raise on bytes that are not what they claim to be.
BROKEN = (
    struct.error, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RuntimeError,
    MemoryError, BufferError, EOFError,
)  # fmt: skip


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Errors raised inside carry the file name; parser errors become :class:`GraphError`.

    Parameters
    ----------
    path : Path
        The file being read.
    kind : str
        What it should be, for the message, e.g. ``"ONNX"``.
    """
    try:
        yield
    except GraphError as error:
        text = _one_line(error)
        if text == str(error) and text.startswith(str(path)):
            raise
        raise type(error)(text if text.startswith(str(path)) else f"{path}: {text}") from error
    except BROKEN as error:
        raise GraphError(
            f"{path}: not readable ({type(error).__name__}: {_one_line(error)}); an intact {kind} file is expected"
        ) from error


def file_bytes(path: Path, kind: str) -> bytes:
    """Content of a file that must exist and not be empty.

    Raises
    ------
    GraphError
        Where there is no such file, it is a folder, cannot be opened or is empty.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise GraphError(f"{path}: no such file; a path of an {kind} file or a catalogue name is expected") from None
    except (OSError, ValueError) as error:
        raise GraphError(f"{path}: cannot be read ({_one_line(error)}); an {kind} file is expected") from None
    if not content:
        raise GraphError(f"{path}: empty file; an {kind} file is expected")
    return content


def _one_line(error: BaseException, longest: int = 600) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= longest else text[: longest - 3] + "..."
