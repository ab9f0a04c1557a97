"""Pictures: labels, number of bars and data; nothing overlaps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from boardless.memory_view import memory_view
from boardless.plots import arena, breakdown, comparison, memory_map, memory_order, pictures, roofline, timeline
from boardless.plots.breakdown import slowest
from boardless.plots.roofline import main_level, points
from boardless.plots.style import COLOURS, label_of, phase_colours, picture_name, png, scale_of, tick
from boardless.results import MemoryResult, Result
from sim.estimate import estimate as closed_form
from sim.lower import lower
from sim.results import MemoryUse
from sim.simulation import estimate_of_trace, simulate
from tests.boardless.cases import estimate, operator, too_large
from tests.cases import LOWERINGS, lowered, random_graph, toy_device, toy_unit


@pytest.fixture
def simulated(random_generator: np.random.Generator) -> Result:
    schedule = lowered(random_graph(random_generator, layers=10), toy_device(toy_unit(join="max")))
    trace = simulate(schedule)
    return Result.of(estimate_of_trace(schedule, trace), schedule, trace)


def bars(axes: Any) -> list[Any]:
    return [patch for patch in axes.patches if patch.get_width() > 0]


def test_breakdown_has_a_bar_per_phase_and_its_length_is_the_latency() -> None:
    axes = breakdown(estimate())
    lengths = sorted(round(bar.get_width(), 9) for bar in bars(axes))
    assert lengths == [0.2, 0.5, 0.8, 1.5]  # ms: 1.5 + 0.5 of conv_1, 0.8 + 0.2 of fc; the fused operator has none
    assert axes.get_xlabel() == "latency [ms]"
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0  conv_1", "1  fc"]
    assert "every operator, 3.00 ms in all" in axes.get_title("left")


def test_breakdown_of_overlapping_phases_starts_them_all_at_zero() -> None:
    row = operator("a", (("compute", 2e-3), ("dram", 1e-3)), join="max", latency_s=2e-3)
    assert [bar.get_x() for bar in bars(breakdown(estimate((row,))))] == [0.0, 0.0]


def test_breakdown_of_a_long_network_shows_the_slowest() -> None:
    rows = tuple(operator(f"op_{k}", (("compute", (k + 1) * 1e-6),)) for k in range(180))
    axes = breakdown(estimate(rows))
    assert len(bars(axes)) == 30
    assert axes.get_yticklabels()[0].get_text() == "179  op_179"
    assert axes.get_yticklabels()[-1].get_text() == "150 others: 11.3 ms, 69.5 %"  # 1 + ... + 150 us of 16.29 ms
    assert [len(part) for part in slowest(estimate(rows), 30)] == [30, 150]


def test_roofline_points_by_hand() -> None:
    case = estimate()
    assert main_level(case) == "dram"
    point = points(case, "dram")[0]
    assert (point.intensity_macs_per_byte, point.rate_macs_per_s) == (1000 / 5120, 1000 / 2e-3)
    assert [p.name for p in points(case, "dram")] == ["conv_1", "fc"]


def test_roofline_tells_level_unit_and_bounds() -> None:
    axes = roofline(estimate())
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("intensity [MAC/B], bytes of dram", "rate [MAC/s]")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said[:2] == ["bound by compute", "bound by dram"] and "0  conv_1  66.7 %" in said


def test_roofline_numbers_do_not_cover_each_other() -> None:
    rows = tuple(operator(f"op_{k}", (("compute", (1 + k / 100) * 1e-3),)) for k in range(12))
    axes = roofline(estimate(rows))
    renderer = axes.figure.canvas.get_renderer()
    boxes = [note.get_bbox_patch() or note for note in axes.texts if note.get_text().isdigit()]
    from matplotlib.text import Text

    extents = [Text.get_window_extent(note, renderer) for note in boxes]
    assert len(extents) == 8
    assert not any(a.overlaps(b) for i, a in enumerate(extents) for b in extents[:i])


def test_timeline_has_a_row_per_resource_and_ends_with_the_run(simulated: Result) -> None:
    axes = timeline(simulated)
    assert simulated.trace is not None
    resources = {event.resource for event in simulated.trace.events}
    assert len(axes.get_yticklabels()) == len(resources)
    factor = {"ps": 1e-12, "ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}[axes.get_xlabel().removeprefix("time [").removesuffix("]")]
    assert axes.get_xlim()[1] * factor == pytest.approx(simulated.latency_s)
    assert all("busy" in text.get_text() for text in axes.get_yticklabels())


def test_memory_map_draws_a_near_capacity_and_tells_a_far_one() -> None:
    near = memory_map(Result.of(too_large()))
    assert "capacity 512 KiB" in [text.get_text() for text in near.get_legend().get_texts()]
    assert "sram: peak 600 KiB of 512 KiB, does not fit" in near.get_title("left")
    far = memory_map(Result.of(estimate()))
    assert "dram: peak 6 KiB of 1 GiB" in far.get_title("left")
    assert [text.get_text() for text in far.get_legend().get_texts()] == ["weights", "activations", "peak"]


def test_memory_map_has_a_panel_per_memory_in_use(simulated: Result) -> None:
    axes = memory_map(simulated)
    used = [name for name, use in simulated.memory.items() if use.peak_bytes > 0]
    assert [panel.get_title("left").split("\n")[-1].split(":")[0] for panel in axes.figure.axes] == used


@pytest.mark.parametrize("layers", [3, 40])
def test_arena_has_a_rectangle_per_buffer_and_names_that_fit(random_generator: np.random.Generator, layers: int) -> None:
    schedule = lowered(random_graph(random_generator, layers), toy_device())
    result = MemoryResult.of(closed_form(schedule), schedule)
    view = memory_view(schedule, lambda *given: lower(*given, LOWERINGS))
    axes = arena(replace(result, view=view))
    assert len(axes.patches) == len(view.buffers)
    figure = axes.figure
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert list(pictures([replace(result, view=view)])) == [
        "random_toy_memory_map.png",
        "random_toy_arena.png",
        "random_toy_memory_order.png",
    ]


def test_orders_before_and_after_with_their_peaks() -> None:
    schedule = lowered(random_graph(np.random.default_rng(2), 12), toy_device())
    view = memory_view(schedule, lambda *given: lower(*given, LOWERINGS))
    result = replace(
        MemoryResult.of(closed_form(schedule), schedule), view=replace(view, given_peak_bytes=max(view.given_loads) + 1)
    )
    axes = memory_order(result)
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said[0].startswith("as the network has it: ") and said[1].startswith("the order found: ")
    assert said[2] == "no order holds less"
    assert [len(line.get_xdata()) for line in axes.lines if line.get_marker() == "v"] == [1, 1]


def test_memory_map_marks_the_peak_where_activations_are(simulated: Result) -> None:
    marked = []
    for panel in memory_map(simulated).figure.axes:
        name = panel.get_title("left").split("\n")[-1].split(":")[0]
        factor = {"B": 1, "KiB": 1024, "MiB": 2**20}[panel.get_ylabel().removeprefix("held [").removesuffix("]")]
        for mark in (line for line in panel.lines if line.get_marker() == "v"):
            marked.append(name)
            assert mark.get_ydata()[0] * factor == pytest.approx(simulated.memory[name].peak_bytes)
    assert marked == [name for name, use in simulated.memory.items() if use.activations_bytes]


def test_comparison_says_values_and_what_does_not_fit() -> None:
    axes = comparison([estimate(), too_large()])
    said = [text.get_text() for text in axes.texts]
    assert said == ["3.00 ms", "3.00 ms (does not fit)"]
    assert [panel.get_xlabel() for panel in axes.figure.axes] == ["latency [s]", "energy [J]"]


def test_files_and_their_names(simulated: Result) -> None:
    drawn = pictures([simulated])
    assert list(drawn) == [f"random_toy_{name}.png" for name in ("roofline", "breakdown", "memory_map", "timeline")]
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())
    several = pictures([Result.of(estimate()), Result.of(estimate(device="other"))])
    assert {"small_devices_comparison.png", "small_devices_across.png"} <= set(several)


def test_the_same_drawing_gives_the_same_bytes() -> None:
    assert png(lambda axes: breakdown(estimate(), axes)) == png(lambda axes: breakdown(estimate(), axes))


@pytest.mark.parametrize("number", [1, 10, 180])
def test_no_two_labels_of_an_axis_overlap(number: int) -> None:
    rows = tuple(operator(f"features/stage{k}/conv/Conv2D_{k}", (("compute", (k % 7 + 1) * 1e-6),)) for k in range(number))
    for figure in (breakdown, roofline):
        axes = figure(estimate(rows))
        axes.figure.draw_without_rendering()
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            boxes = [label.get_window_extent() for label in labels if label.get_text() and label.get_visible()]
            assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_an_empty_memory_and_no_macs_are_drawn() -> None:
    row = operator("copy", (("dram", 1e-3),), macs=0)
    bare = Result.of(estimate((row,), memory={"dram": MemoryUse("dram", 0, 0, 0, 0, None)}))
    assert len(pictures([bare])) == 3


def test_colours_tell_phases_apart() -> None:
    colours = phase_colours(["compute", "dram", "l2", "overhead", "packing", "flash"])
    assert len(set(colours.values())) == 6
    assert colours["compute"] == COLOURS["compute"]


def test_axis_words_and_units() -> None:
    assert label_of("held_bytes", "KiB") == "held [KiB]"
    assert scale_of("latency_s", 0.0) == (1.0, "s")
    assert scale_of("energy_j", 2e-5) == (1e-6, "µJ")
    assert [tick(value) for value in (1e-4, 0.001, 1.0, 1000.0, 1e9)] == ["100 µ", "1 m", "1", "1 k", "1 G"]
    assert picture_name("../net", "a b", "roofline") == "..-net_a-b_roofline.png"
