"""Write docs/accuracy_gpu.md and its pictures anew from the rows of the project: python docs/accuracy_gpu.py"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from pages import HERE, draw, filled, percent, table

from boardless.plots.error_by import error_by
from validation.compare import Compared, Report, baselines_of, errors_of
from validation.metrics import ErrorMetrics
from validation.studies import validate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE, TEXT = HERE / "accuracy_gpu.md", HERE / "accuracy_gpu.txt"

#: Rows of the studies that the models are held against: n.
ASKED = {"ncnn_vulkan": 712, "llm decode": 121, "llm prefill, one card": 37}


@cache
def reports(dataset: str) -> tuple[Report, ...]:
    """Reports of a dataset under its own splits."""
    return tuple(validate(dataset, progress=lambda line: print(line, file=sys.stderr)))


HEAD = ("run", "n", "mean %", "median %", "Spearman", "intervals hold %", "upper/lower")


def figures(errors: ErrorMetrics | None) -> list[str]:
    """n, mean and median error, rank correlation, intervals."""
    assert errors is not None
    rank = "" if errors.spearman is None else f"{errors.spearman:.3f}"
    width = "" if errors.interval_width is None else f"{errors.interval_width:.2f}"
    return [f"{errors.n:,}", percent(errors.mape), percent(errors.median_ape), rank, percent(errors.interval_coverage, 0), width]


def report_of(dataset: str, name: str) -> Report:
    """One report by its name."""
    return next(report for report in reports(dataset) if report.dataset == name)


def by_run(report: Report, baseline: str = "") -> list[list[str]]:
    """A row per group, then all rows, then the mean of the groups."""
    rows = []
    groups = report.groups()
    for group in groups:
        name = " ".join(str(group.key[part]) for part in ("chip", "runtime", "dtype"))
        simple = group.baselines.get(baseline)
        rows.append(
            [name, *figures(group.errors), *([] if simple is None else [f"{percent(simple.mape)} / {percent(simple.median_ape)}"])]
        )
    every = baselines_of(report.rows).get(baseline)
    rows.append(
        ["all rows", *figures(report.total()), *([] if every is None else [f"{percent(every.mape)} / {percent(every.median_ape)}"])]
    )
    return rows


def timm_table(phase: str) -> str:
    """Inference or training steps, families left out, with the coarse form beside."""
    rows = by_run(report_of("timm", f"timm {phase}"), "coarse")
    built = report_of("timm", f"timm {phase}, networks of the catalogue").total()
    rows.append(["networks our catalogue builds, by its graphs", *figures(built), ""])
    return table((*HEAD, "MACs and activations alone, mean / median %"), rows)


def sheet_table() -> str:
    """Cards predicted from their data sheet."""
    rows = []
    for name, said in (
        ("timm infer, other chips", "every card of the chip left out"),
        ("timm infer, other cards", "the card alone left out"),
    ):
        rows += [[f"{said}: {row[0]}", *row[1:]] for row in by_run(report_of("timm", name))]
    return table(HEAD, rows)


def other_table() -> str:
    """Vulkan, TensorRT, language models."""
    rows = []
    for dataset in ("ncnn_vulkan", "jetson_tensorrt", "llm"):
        for report in reports(dataset):
            asked = ASKED.get(report.dataset)
            found = figures(report.total())
            found[0] += f" of {asked}" if asked else ""
            rows.append([f"{report.dataset}, {report.split}", *found])
    return table(HEAD, rows)


def cells_table() -> str:
    """Cells of NAS-Bench-201: device, batch and type."""
    (report,) = reports("nasbench201_gpu")
    members: dict[str, list[Compared]] = {}
    for row in report.rows:
        known = row.measurement
        members.setdefault(f"{known.device}, {known.dtype}, batch {known.batch}", []).append(row)
    rows = []
    for name, listed in members.items():
        errors = errors_of(listed)
        kendall = "" if errors.kendall is None else f"{errors.kendall:.2f}"
        line = baselines_of(listed)["macs_line"]
        rows.append([
            name, f"{errors.n:,}", percent(errors.mape), percent(errors.median_ape), kendall, percent(errors.interval_coverage, 0),
            f"{errors.interval_width:.2f}", percent(line.mape),
        ])  # fmt: skip
    head = ("device", "n", "mean %", "median %", "Kendall", "intervals hold %", "upper/lower", "a + b MACs, mean %")
    return table(head, rows)


def left_out() -> str:
    """Rows nobody uses, by reason."""
    lines = []
    for dataset in ("timm", "ncnn_vulkan", "jetson_tensorrt", "llm"):
        counted: dict[str, int] = {}
        for report in reports(dataset):
            counted |= report.left_out
        lines += [f"- {dataset}: {reason}: {count:,}" for reason, count in counted.items() if count]
    return "\n".join(lines)


def parameters() -> str:
    """Shares found on all rows, run by run."""
    return "\n".join(f"- {note}" for name in ("timm infer", "timm train") for note in report_of("timm", name).notes)


def pictures() -> dict[str, Callable[..., Axes]]:
    """File name -> how it is drawn."""
    return {
        "timm_error_by_family.png": partial(error_by, report_of("timm", "timm infer"), "family"),
        "ncnn_vulkan_error_by_chip.png": partial(error_by, reports("ncnn_vulkan")[0], "chip"),
        "llm_decode_error_by_chip.png": partial(error_by, report_of("llm", "llm decode"), "chip"),
    }


def page() -> str:
    """The text with its tables filled in."""
    parts: dict[str, Callable[[], str]] = {
        "timm": partial(timm_table, "infer"), "training": partial(timm_table, "train"),
        "sheet": sheet_table, "other": other_table, "cells": cells_table,
        "left_out": left_out, "parameters": parameters,
    }  # fmt: skip
    return filled(TEXT.read_text(encoding="utf-8"), parts)


def main() -> None:
    """Write page and pictures."""
    PAGE.write_text(page(), encoding="utf-8")
    draw(pictures())


if __name__ == "__main__":
    main()
