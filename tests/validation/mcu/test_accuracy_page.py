"""The page of accuracies: its tables are those of the reports, its pictures are there and small."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import boardless as bl
from boardless.plots.across import across_devices

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("accuracy_mcu", DOCS / "accuracy_mcu.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DOCS)
        spec.loader.exec_module(module)
    return module


def test_tables_are_those_of_the_reports(script: ModuleType) -> None:
    """Medians of the tables that need no refit, to a point of percent; the others are made by the same script."""
    page = (DOCS / "accuracy_mcu.md").read_text(encoding="utf-8")
    assert "{" not in page and script.left_out() in page
    for words in script.TEXT.read_text(encoding="utf-8").split("{")[0].splitlines():
        assert words in page
    for table, column in ((script.memory_table(), 4), (script.float_table(), 3)):
        for line in table.splitlines()[2:]:
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            shown = next(row for row in page.splitlines() if row.startswith(f"| {cells[0]} | {cells[1]} |"))
            assert float(shown.split("|")[1 + column]) == pytest.approx(float(cells[column]), abs=1.0)


def test_pictures_of_the_page_are_there_and_small() -> None:
    found = re.findall(r"\]\((pictures/.*?\.png)\)", (DOCS / "accuracy_mcu.md").read_text(encoding="utf-8"))
    assert len(found) == 2 and all(0 < (DOCS / name).stat().st_size < 150_000 for name in found)


def test_devices_on_one_axis() -> None:
    """A dot for each device, slowest on top; a bar where there is an interval, rings where it was measured."""
    from matplotlib import pyplot

    some = bl.estimate("mlperf_tiny_ad", on="stm32h743")
    slow = replace(some, device="slow", settings={"runtime": "engine"}, latency_s=1.0, latency_interval_s=(0.5, 2.0))
    fast = replace(some, device="fast", settings={"unit": "gpu"}, latency_s=1e-3, latency_interval_s=None)
    _, axes = pyplot.subplots()
    across_devices([slow, fast], {"slow": [0.9, 1.1]}, axes)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fast, gpu", "slow, engine"]
    lines = [
        (str(line.get_label()), np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()) for line in axes.lines
    ]
    assert ("predicted", [1e-3, 1.0], [0, 1]) in lines and ("measured", [0.9, 1.1], [1, 1]) in lines
    assert [x for _, x, y in lines if y == [1, 1]] == [[0.5, 2.0], [0.9, 1.1]]
    pyplot.close("all")
