"""Output files: written beside, then renamed, so that none is ever left half written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from boardless.errors import UsageError


def write_text(path: str | Path, text: str) -> None:
    """Write one text file as UTF-8, whole or not at all."""
    write_bytes(Path(path), text.encode("utf-8"))


def write_all(folder: str | Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write several files into a folder, made if it is not there; the paths in order."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}; a folder that can be written is expected; name another") from None
    for name, content in contents.items():
        write_bytes(folder / name, content)
    return [folder / name for name in contents]


def write_bytes(path: Path, content: bytes) -> None:
    """Write one file, whole or not at all; a device or pipe such as /dev/null is written as it is."""
    given, path = path, path.resolve()
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with beside.open("xb") as file:
                file.write(content)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{given}: {error.strerror or error}; a file that can be written is expected; name another") from None
