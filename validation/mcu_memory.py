"""Peaks of SRAM that tools print for microcontrollers, beside the accounting of each engine's memory profile; nothing is fitted here.

A printed peak is the activations alone, or the activations and what the engine keeps besides. One build is one report: the projects of
MLPerf Tiny were made with convolutions apart from their input, whatever the version, those of the model zoo with the layout of their
version. The profiles' few constants were chosen on rows of these builds when the profiles were written (their files say on which).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from hwmodels.runtime import load_runtime
from sim.lower import layerwise_plan, lower
from sim.memory import ARENA, TABLES, Placement
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.mcu_rows import DATASETS, load_device_once, network, notes_of
from validation.measurement import Measurement
from validation.reader import load_dataset
from workloads.networks import NETWORKS

NAME = "microcontroller_sram"
Progress = Callable[[str], None]

#: Layout of the projects of MLPerf Tiny made with X-CUBE-AI.
MLPERF_LAYOUT = "x_cube_ai_9_0"
#: Layouts that may explain what is left: what they mean, and the profile that has them.
EXPLANATIONS: Mapping[str, str] = {
    "every tensor apart, no workspace": "ideal",
    "additions and depthwise convolutions in place, no workspace": "tinyengine",
    "convolutions over their dying input": "x_cube_ai_7_3",
    "convolutions apart, with workspace": "x_cube_ai_9_0",
}
#: Rows this far off are explained; so many of them are named.
FAR, NAMED = 0.1, 4


class Peak(NamedTuple):
    """Bytes of a network under a profile."""

    activations: int
    besides: int  # tables of the engine, gaps in its arena
    placement: Placement


def study(split: str | None = None, progress: Progress | None = None) -> list[Report]:
    """One report per build and printed part."""
    if split not in (None, "none"):
        raise DatasetError(f"split: '{split}' for {NAME}; nothing is refitted for it, 'none' is expected")
    rows, away = printed_rows()
    builds: dict[tuple[str, str], list[Measurement]] = {}
    for row in rows:
        builds.setdefault((build_of(row), notes_of(row)["part"]), []).append(row)
    reports = []
    for (build, part), members in sorted(builds.items()):
        if progress is not None:
            progress(f"{NAME}: {build}, {part}")
        reports.append(_report(f"{build}, {part}", members))
    return [replace(reports[0], left_out=away), *reports[1:]] if reports else []


def printed_rows() -> tuple[list[Measurement], dict[str, int]]:
    """Peaks of int8 networks that can be built, and why the others are left out."""
    kept: list[Measurement] = []
    away: dict[str, int] = {}
    for row in (row for name in DATASETS for row in load_dataset(name).rows if row.metric == "sram_bytes"):
        known = "no int8 network" if row.dtype != "int8" else "network is not built" if row.model not in NETWORKS else ""
        reason = notes_of(row).get("left_out", known)
        if reason:
            away[reason] = away.get(reason, 0) + 1
        else:
            kept.append(row)
    return kept, dict(sorted(away.items()))


def build_of(row: Measurement) -> str:
    """Runtime; for totals of X-CUBE-AI also whether the project was MLPerf Tiny's, the zoo's or TinyEngine's."""
    if not row.runtime.startswith("x_cube_ai") or notes_of(row)["part"] == "activations":
        return row.runtime
    source = row.source_id.partition("_")[0]
    return f"{row.runtime} ({'MLPerf Tiny' if source == 'mlperf' else 'model zoo' if source == 'stm32' else source})"


def profile_of(row: Measurement) -> str:
    """Memory profile whose layout applies to a row."""
    if row.runtime.startswith("x_cube_ai") and row.source_id.startswith("mlperf"):
        return MLPERF_LAYOUT
    return load_runtime(row.runtime).memory_profile


@cache
def peak(model: str, runtime: str, device: str, profile: str) -> Peak:
    """Peak of a network of the catalogue."""
    graph, board = network(model), load_device_once(device)
    placement = lower(graph, board, layerwise_plan(graph, board, runtime=runtime, profile=profile)).placement
    besides = sum(kept.get(name, 0) for kept in placement.overheads.values() for name in (TABLES, ARENA))
    return Peak(placement.activations_peak_bytes, besides, placement)


def predicted(row: Measurement, profile: str | None = None) -> int:
    """What the tool would print: activations, and with ``part=total`` the tables of the row's own version besides [B]."""
    layout = peak(row.model, row.runtime, row.device, profile or profile_of(row))
    if notes_of(row)["part"] == "activations":
        return layout.activations
    own = peak(row.model, row.runtime, row.device, load_runtime(row.runtime).memory_profile)
    return layout.activations + own.besides


def _report(name: str, rows: Iterable[Measurement]) -> Report:
    compared = [Compared(row, float(predicted(row)), baselines={"plain": float(predicted(row, "ideal"))}) for row in rows]
    profiles = sorted({profile_of(row.measurement) for row in compared})
    notes = [f"{name}: accounting of {', '.join(profiles)}"]
    far = sorted(
        {(round(row.error, 4), row.measurement.model): row for row in compared if abs(row.error) > FAR}.values(), key=_size
    )
    notes += [explained(row) for row in far[:NAMED]]
    return Report(NAME, "none", tuple(compared), "nothing", notes=tuple(notes))


def _size(row: Compared) -> float:
    return -abs(row.error)


def explained(row: Compared) -> str:
    """A row that is far off: what is missing, what is held at the predicted peak, and the layout that comes nearest."""
    known = row.measurement
    layout = peak(known.model, known.runtime, known.device, profile_of(known)).placement
    held = sorted(layout.held_at(layout.peak_step), key=lambda buffer: -buffer.bytes)[:3]
    other = {words: float(predicted(known, profile)) for words, profile in EXPLANATIONS.items()}
    other["the input kept apart to the end"] = row.predicted + _input_beside(known, layout)
    words, value = min(other.items(), key=lambda item: abs(item[1] / known.value - 1))
    return (
        f"{known.model} on {known.device}: {known.value - row.predicted:+,.0f} B are not explained; held at the predicted peak: "
        f"{', '.join(f'{b.tensor} {b.bytes:,}' for b in held)}; nearest: {words}, {value / known.value - 1:+.0%}"
    )


def _input_beside(row: Measurement, placement: Placement) -> int:
    """Bytes of the network's input where it is gone at the predicted peak [B]."""
    held = {name for buffer in placement.held_at(placement.peak_step) for name in buffer.tensors}
    return sum(tensor.bytes for tensor in network(row.model).inputs if tensor.name not in held)
