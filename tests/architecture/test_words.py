"""The project speaks of itself alone: no machine's paths, no package-registry hosts; data files name their sources."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ABSOLUTE = re.compile(r"(?<![\w.])/(?:root|home|Users)/[\w.]")
HOSTS = re.compile("|".join(("pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.", "deb" + r"\.debian")), re.IGNORECASE)


def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    names = [name for name in listing.stdout.split("\0") if name]
    return [REPOSITORY / name for name in names if (REPOSITORY / name).is_file()]


def test_no_path_of_a_machine_and_no_registry_host() -> None:
    for path in tracked():
        if path.suffix in {".png", ".svg", ".gz"}:
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found = ABSOLUTE.search(text) or HOSTS.search(text)
        assert not found, f"{path.relative_to(REPOSITORY)}: {found.group(0) if found else ''}"


def test_no_file_is_large() -> None:
    for path in tracked():
        assert path.stat().st_size < 2_500_000, path


@pytest.mark.parametrize("folder", ["devices", "cores", "runtimes", "technologies"])
def test_data_files_name_their_sources(folder: str) -> None:
    for path in sorted((REPOSITORY / "hwmodels" / folder).glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        assert re.search(r"^sources?:", text, re.MULTILINE) or "source:" in text, path.name
        assert text.startswith("format: 1") or "\nformat: 1" in text, path.name
