"""A throw-away environment for the tools we compare with: their versions pinned, their dependencies apart from ours."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".peers"


def peer_python(name: str, requirements: list[str]) -> Path:
    """Python of an environment with the given packages; built on first use.

    Raises
    ------
    RuntimeError
        The packages cannot be installed.
    """
    folder = FOLDER / name
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        print(f"setting up {name}: {', '.join(requirements)}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        (folder / ".ready").touch()
    return python
