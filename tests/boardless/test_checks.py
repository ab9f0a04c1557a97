"""Checks a user asks for: figures, limits in any unit, and what counts as working memory."""

from __future__ import annotations

import pytest

from boardless.checks import failures, figure, limits
from boardless.errors import UsageError
from sim.results import MemoryUse
from tests.boardless.cases import estimate, operator, too_large


def failed(*texts: str) -> list[str]:
    return failures(estimate(), limits(texts, [estimate()]))


@pytest.mark.parametrize(
    ("text", "holds"),
    [("latency=3ms", True), ("latency=2.9 ms", False), ("energy=6mJ", True), ("energy=5 mJ", False), ("dram=6KiB", True),
     ("dram=6kB", False)],
)  # fmt: skip
def test_limits_in_their_units(text: str, holds: bool) -> None:
    assert (failed(text) == []) is holds


def test_says_device_figure_and_limit() -> None:
    assert failed("latency=2ms", "energy=1mJ") == ["board: latency 3.00 ms > 2.00 ms", "board: energy 6.00 mJ > 1.00 mJ"]


def test_sram_is_all_working_memory_of_the_chip() -> None:
    memory = {
        "dtcm": MemoryUse("tcm", 100, 0, 100, 0, 1000),
        "axi_sram": MemoryUse("sram", 200, 0, 200, 0, 1000),
        "flash": MemoryUse("flash", 400, 400, 0, 0, 1000),
    }
    case = estimate(memory=memory)
    assert [figure(case, name) for name in ("sram", "dtcm", "flash", "dram")] == [300, 100, 400, 0]


def test_a_figure_that_is_not_known_fails() -> None:
    case = estimate((operator("a", (("compute", 1e-3),), energy_j=None),))
    assert failures(case, limits(["energy=1J"], [case])) == ["board: energy is not known, so it is not within 1.00 J"]


def test_require_fit() -> None:
    assert failures(estimate(), [], require_fit=True) == []
    assert "does not fit: sram" in failures(too_large(), [], require_fit=True)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latency", "NAME=VALUE is expected"),
        ("speed=1ms", "'speed' is no figure of this answer"),
        ("latency=1 MHz", "latency=1 MHz"),
        ("latency=fast", "latency=fast"),
        ("latency=3", "latency=3"),
        ("latency=nan s", "latency=nan s"),
    ],
)
def test_refusals(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        failed(text)
    assert str(caught.value).startswith("--fail-over: ") and said in str(caught.value)
