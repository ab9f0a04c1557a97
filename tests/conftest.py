"""What every test may ask for: a seeded generator, headless plots, accepted reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boardless  # noqa: F401  # isort: skip  # before numpy: it holds linear algebra to one thread
import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run: a gate must not depend on luck. HYPOTHESIS_PROFILE=default draws new ones.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

os.environ.setdefault("MPLBACKEND", "Agg")

GOLDEN = Path(__file__).parent / "golden"
REPOSITORY = Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="accept the present reports as the new golden files")


@pytest.fixture
def random_generator(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the test's name: same test, same draws."""
    return np.random.default_rng(list(request.node.name.encode()))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the accepted one of that name; ``--update-golden`` accepts it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no accepted report {name}; run pytest with --update-golden and read it"
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of reference data beside the checkout; tests that need it are skipped where it is not there."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no folder of reference data beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    """Close every figure a test leaves open."""
    yield
    import sys

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
