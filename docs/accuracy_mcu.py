"""Write docs/accuracy_mcu.md and its pictures anew from the rows of the project: python docs/accuracy_mcu.py"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pages import HERE, draw, filled, percent, table

import boardless as bl
from boardless.plots.across import across_devices
from boardless.plots.error_by import error_by
from validation.compare import Compared, Report, errors_of
from validation.mcu import DEVICE, FAMILY, boards_apart, energy_report, latency_report
from validation.mcu_flash import flash_reports
from validation.mcu_float import NETWORK as KNOWN_BOARD
from validation.mcu_float import study as float_study
from validation.mcu_memory import study as memory_study
from validation.mcu_rows import DATASETS
from validation.measurement import Measurement
from validation.metrics import ErrorMetrics
from validation.reader import load_dataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE, TEXT = HERE / "accuracy_mcu.md", HERE / "accuracy_mcu.txt"

#: Rows of the study that the model is held against: what, n.
ASKED = {FAMILY: 245, DEVICE: 190, "energy": 75}
#: The network of the picture, and devices from the smallest to the largest, each under a runtime it was measured with.
NETWORK = "mlperf_tiny_ic"
BOARDS = (
    ("nrf52840", None), ("lolin_d32", None), ("stm32g0b1", "hale"), ("nrf5340", "microtvm_cmsis_nn"), ("stm32l4r5", "x_cube_ai_8_1"),
    ("numaker_m467hj", "onnc"), ("stm32u575", "x_cube_ai_8_1"), ("stm32f746", "hale"), ("stm32h7a3", "x_cube_ai_8_1"),
    ("stm32h747", "x_cube_ai_10_0"), ("apollo510", None), ("raspberry_pi_3b_plus", None), ("raspberry_pi_4", None),
    ("raspberry_pi_5", None), ("jetson_nano", None), ("jetson_xavier", None), ("jetson_orin", None), ("rtx_3090", None), ("a100", None),
    ("h100", None),
)  # fmt: skip


def figures(errors: ErrorMetrics | None) -> list[str]:
    """n, mean and median error, share within 20 %."""
    assert errors is not None
    return [str(errors.n), percent(errors.mape), percent(errors.median_ape), percent(errors.within_20, 0)]


def interval(errors: ErrorMetrics | None) -> list[str]:
    """Share of the rows within their interval, and the median of upper over lower bound."""
    assert errors is not None
    width = "" if errors.interval_width is None else f"{errors.interval_width:.2f}"
    return [percent(errors.interval_coverage, 0), width]


def latency_table() -> str:
    """Both cold splits, the baselines beside."""
    rows = []
    for split in (FAMILY, DEVICE):
        report = latency_report(split)
        simpler = [percent(errors_of([_as(row, name) for row in report.rows]).mape, 0) for name in ("macs_only", "linear")]
        rows.append(
            [split, f"{len(report.rows)} of {ASKED[split]}", *figures(report.total())[1:], *interval(report.total()), *simpler]
        )
    count, mean, median = boards_apart()
    rows.append([f"{DEVICE}, the two ESP32 boards apart", f"{count} of {ASKED[DEVICE]}", percent(mean), percent(median), *[""] * 5])
    head = ("split", "n", "mean %", "median %", "within 20 %", "intervals hold %", "upper/lower", "MACs only %", "linear %")
    return table(head, rows)


def runtime_table() -> str:
    """Architectures left out, by runtime."""
    by = latency_report(FAMILY).by(lambda row: row.runtime)
    return table(
        ("runtime", "n", "mean %", "median %", "within 20 %", "intervals hold %", "upper/lower"),
        ([name, *figures(errors), *interval(errors)] for name, errors in by.items()),
    )


def energy_and_flash_table() -> str:
    """Energy with predicted latency; flash: constants, and constants with code."""
    weights, seen, unseen = flash_reports()
    named: tuple[tuple[str, Report], ...] = (
        ("energy, architecture left out, power of the configuration's other networks", energy_report()),
        ("flash: weights and biases as tools report them, nothing fitted", weights),
        ("flash: constants and code, same rows", seen),
        ("flash: constants and code, architecture left out", unseen),
    )
    return table(("figure", "n", "mean %", "median %", "within 20 %"), ([what, *figures(report.total())] for what, report in named))


def float_table() -> str:
    """Small fp32 networks by board: three numbers of each board, and the cold way."""
    reports = {report.split: report for report in float_study(load_dataset("tinyml_fc"))}
    known, new = (reports[split].by(lambda row: row.device) for split in (KNOWN_BOARD, DEVICE))
    rows = [[name, *figures(known[name])[:3], *figures(new[name])[1:3]] for name in known]
    total = [reports[split].total() for split in (KNOWN_BOARD, DEVICE)]
    rows.append(["all", *figures(total[0])[:3], *figures(total[1])[1:3]])
    return table(("board", "n", "board known: mean %", "median %", "board new: mean %", "median %"), rows)


def memory_table() -> str:
    """Peaks by build and part, with the plain count beside."""
    rows = []
    for report in memory_study():
        name, _, profile = report.notes[0].partition(": accounting of ")
        plain = errors_of([_as(row, "plain") for row in report.rows])
        rows.append([name, profile, *figures(report.total()), percent(plain.median_ape)])
    return table(("build, printed part", "profile", "n", "mean %", "median %", "within 20 %", "every tensor apart: median %"), rows)


def far_rows() -> str:
    """Rows of the peaks that are far off, with the buffers held there and the layout that comes nearest."""
    builds = ("x_cube_ai_8_1, activations", "x_cube_ai_10_0, activations", "x_cube_ai_7_3, activations", "tflm_cmsis_nn, total")
    reports = {report.notes[0].partition(":")[0]: report for report in memory_study()}
    return "\n".join(f"- {build}: {note}" for build in builds for note in reports[build].notes[1:])


def left_out() -> str:
    """Rows nobody uses, by reason."""
    return "\n".join(f"- {reason}: {count}" for reason, count in latency_report(FAMILY).left_out.items())


def _as(row: Compared, baseline: str) -> Compared:
    return replace(row, predicted=row.baselines[baseline], lower=None, upper=None)


def measured_seconds(runtimes: dict[str, str]) -> dict[str, list[float]]:
    """Device -> measured latencies of the network under the runtime shown."""
    found: dict[str, list[float]] = {}
    rows: list[Measurement] = [row for name in DATASETS for row in load_dataset(name).rows]
    for row in rows:
        if row.metric == "latency_s" and row.model == NETWORK and row.runtime == runtimes.get(row.device):
            found.setdefault(row.device, []).append(row.value)
    return found


def pictures() -> dict[str, Callable[..., Axes]]:
    """File name -> how it is drawn."""
    estimates = [bl.estimate(NETWORK, on=device, runtime=runtime) for device, runtime in BOARDS]
    measured = measured_seconds({found.device: str(found.settings.get("runtime")) for found in estimates})
    return {
        f"{NETWORK}_across_devices.png": partial(across_devices, estimates, measured),
        "microcontrollers_error_by_family.png": partial(error_by, latency_report(FAMILY), "family"),
    }


def page() -> str:
    """The text with its tables filled in."""
    parts = {
        "latency": latency_table, "runtimes": runtime_table, "energy_and_flash": energy_and_flash_table,
        "float": float_table, "memory": memory_table,
        "far": far_rows, "left_out": left_out,
    }  # fmt: skip
    return filled(TEXT.read_text(encoding="utf-8"), parts)


def main() -> None:
    """Write page and pictures."""
    PAGE.write_text(page(), encoding="utf-8")
    draw(pictures())


if __name__ == "__main__":
    main()
