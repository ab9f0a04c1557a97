"""What the rows of GPUs teach -> data: shares and gaps of the runtimes, half widths of intervals, which cards were measured.

``python -m validation.gpu_write`` writes them anew from the project's own rows. Words and sources of the profiles stay.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hwmodels import intervals
from hwmodels.intervals import DATA_SHEET, DECODING, LARGE_BATCH, MEASURED_CARD, OLD_HOSTS, PROMPT, SMALL_BATCH, LearntInterval
from hwmodels.runtime import RUNTIMES
from validation import decoder, gpu_engine
from validation.interval_table import put_intervals
from validation.intervals import SHARE, weighted_quantile
from validation.measurement import Measurement
from validation.predict import predicted
from validation.reader import load_dataset
from validation.timm_model import Choices
from validation.timm_rows import Run, runs_of
from validation.timm_study import MOVED, all_held, card_out

Floats = NDArray[np.float64]

#: Units of the costs that have one, and the factor to it.
UNITS = {"launch": ("us", 1e6), "run": ("ms", 1e3), "operation_energy": ("pJ", 1e12)}
#: Cells and networks predicted per card or GPU.
CELLS = 40


def cost_lines(values: Mapping[str, float], indent: str = "  ") -> list[str]:
    """Costs as a profile has them.

    >>> cost_lines({"matrix_share": 0.913, "launch": 4.31e-6})
    ['  matrix_share: 0.913', '  launch: 4.31 us']
    """
    lines = []
    for name, value in values.items():
        unit, factor = UNITS.get(name, ("", 1.0))
        lines.append(f"{indent}{name}: {value * factor:.3g} {unit}".rstrip())
    return lines


def with_costs(text: str, values: Mapping[str, float], architectures: Mapping[str, Mapping[str, float]] | None = None) -> str:
    """A profile with other fitted costs; those it states with a source of their own stay."""
    block = re.search(r"^costs:\n((?:  .*\n)+)", text, re.MULTILINE)
    assert block is not None
    head = [line for line in block[1].splitlines() if re.match(r"  (source|status):", line)]
    own = [line for line in block[1].splitlines() if "{" in line]
    lines = ["costs:", *head, *cost_lines(values), *own]
    text = text[: block.start()] + "\n".join(lines) + "\n" + text[block.end() :]
    if not architectures:
        return text
    listed = ["architectures:"]
    for name, costs in architectures.items():
        listed += [f"  {name}:", *(f"  {line}" for line in head), *cost_lines(costs, "    ")]
    text = re.sub(r"^architectures:\n(?:  .*\n)+", "", text, flags=re.MULTILINE)
    return re.sub(r"^sources:\n", "\n".join(listed) + "\nsources:\n", text, flags=re.MULTILINE)


def moved_runs(runs: Sequence[Run], runtime: str) -> list[Run]:
    """Runs whose shares a profile has: the newest of each card."""
    return [
        run for run in runs
        if (run.key.device, run.key.runtime, run.key.version) in MOVED
        and run.key.runtime == runtime and run.key.dtype == "amp_fp16" and run.key.phase == "infer"
    ]  # fmt: skip


def shares(runs: Sequence[Run]) -> dict[str, float]:
    """Shares of several cards together, their energy of an operation drawn to that of prompts of language models."""
    choices = Choices.pooled(runs)
    place, fits = choices.best(np.concatenate([run.seconds for run in runs]))
    found = dict(zip(choices.form.parameters, map(float, np.exp(fits[place].theta)), strict=True))
    half_channels, half_reduction = choices.names[place][1]
    return {**found, "half_channels": float(half_channels), "half_reduction": float(half_reduction)}


def half_width(errors: Floats, groups: Sequence[str]) -> float:
    """Quantile of |ln error| that holds 80 %, every group counting once."""
    _, index, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return weighted_quantile(np.abs(errors), 1.0 / counts[index], SHARE)


def torch_intervals(runs: Sequence[Run], runtime: str) -> list[LearntInterval]:
    """Families left out on the card itself; other chips left out (other cards where all measured ones have one chip)."""
    moved = moved_runs(runs, runtime)
    errors, names = [], []
    for run, held in zip(moved, all_held(moved), strict=True):
        errors.append(np.log(run.seconds / held.seconds))
        names += [f"{run.key.device} {group}" for group in run.groups]
    every = np.concatenate(errors)
    found = [LearntInterval(MEASURED_CARD, LARGE_BATCH, half_width(every, names), len(every), "leave-one-family-out")]
    chips = {run.rows[0].chip for run in moved}
    far, cards = [], []
    for target in moved:
        apart = [run for run in moved if (run.rows[0].chip != target.rows[0].chip if len(chips) > 1 else run is not target)]
        far.append(np.log(target.seconds / card_out(apart, target)))
        cards += [target.key.device] * len(target.rows)
    split = "leave-one-device-out" if len(chips) > 1 else "leave-one-card-out"
    width = half_width(np.concatenate(far), cards)
    return [*found, LearntInterval(DATA_SHEET, LARGE_BATCH, width, len(cards), split)]


def product_errors(rows: Iterable[Measurement]) -> tuple[Floats, list[Measurement]]:
    """ln(measured / predicted) of what a user gets, for the rows that can be predicted."""
    errors, kept = [], []
    for row in rows:
        try:
            value = predicted(row)
        except ValueError:
            continue
        if value:
            errors.append(np.log(row.value / value))
            kept.append(row)
    return np.array(errors), kept


def without_own(errors: Floats, groups: Sequence[str]) -> Floats:
    """Errors after the median of the other groups, each counting once: what a constant learnt on them would leave."""
    names = np.asarray(groups)
    medians = {name: float(np.median(errors[names == name])) for name in sorted(set(names))}
    return np.array([
        error - np.mean([medians[other] for other in medians if other != name]) for error, name in zip(errors, names, strict=True)
    ])  # fmt: skip


def host_intervals() -> list[LearntInterval]:
    """Eager runs of one image, each card with constants of the others."""
    by_card: dict[str, list[Measurement]] = defaultdict(list)
    for row in load_dataset("nasbench201_gpu"):
        if row.runtime == "torch_eager" and row.batch == 1:
            by_card[row.device].append(row)
    rows = [row for listed in by_card.values() for row in listed[:: max(1, len(listed) // CELLS)]]
    errors, kept = product_errors(rows)
    cards = [row.device for row in kept]
    return [LearntInterval(OLD_HOSTS, SMALL_BATCH, half_width(without_own(errors, cards), cards), len(kept), "leave-one-card-out")]


def engine_intervals() -> tuple[dict[str, float], list[LearntInterval]]:
    """Shares of TensorRT, its intervals on measured boards (families out) and on others (boards out)."""
    rows = gpu_engine.usable(load_dataset("jetson_tensorrt"))
    measured = np.array([row.value for row in rows])
    whole, seconds = gpu_engine.held_out(rows)
    families = [row.family for row in rows]
    found = [
        LearntInterval(MEASURED_CARD, SMALL_BATCH, half_width(np.log(measured / seconds), families), len(rows), gpu_engine.SPLIT)
    ]
    _, moved = gpu_engine.held_out(rows, boards=True)
    width = half_width(np.log(measured / moved), [row.device for row in rows])
    found.append(LearntInterval(DATA_SHEET, SMALL_BATCH, width, len(rows), "leave-one-device-out"))
    return dict(zip(whole.form.parameters, map(float, np.exp(whole.theta)), strict=True)), found


def language_intervals() -> list[LearntInterval]:
    """Tokens and prompts on one card: the wider of chips left out of the study and of what the profile predicts."""
    found = []
    for phase, kind in (("decode", DECODING), ("prefill", PROMPT)):
        rows, _, seconds = decoder.fitted(load_dataset("llm"), phase, cards=False)
        chips = [row.chip for row in rows]
        studied = half_width(np.log(np.array([decoder.seconds_of(row) for row in rows]) / seconds), chips)
        errors, kept = product_errors(rows)
        width = max(studied, half_width(errors, [row.chip for row in kept])) if len(kept) else studied
        found.append(LearntInterval(DATA_SHEET, kind, width, len(rows), decoder.SPLIT))
    return found


def vulkan_intervals() -> list[LearntInterval]:
    """Medians of the population on GPUs of the catalogue, each with the level of the others."""
    rows = [row for row in load_dataset("ncnn_vulkan") if "left_out" not in row.notes and "repeatable=no" not in row.notes]
    errors, kept = product_errors(rows)
    chips = [row.chip for row in kept]
    width = half_width(without_own(errors, chips), chips)
    return [LearntInterval(DATA_SHEET, SMALL_BATCH, width, len(kept), "leave-one-device-out")]


def cards_csv(counts: Mapping[tuple[str, str], int]) -> str:
    """The table of measured cards."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([["runtime", "device", "rows"], *([*key, rows] for key, rows in sorted(counts.items()))])
    return out.getvalue()


def main() -> None:
    """Write profiles, intervals and measured cards."""
    runs = runs_of(load_dataset("timm"), lambda line: print(line, file=sys.stderr))
    counts: Counter[tuple[str, str]] = Counter()
    for name in ("torch_eager", "torch_compile"):
        moved = moved_runs(runs, name)
        counts.update({(name, run.key.device): len(run.rows) for run in moved})
        kinds = {"ampere": [run for run in moved if run.key.device == "rtx_3090"],
                 "blackwell": [run for run in moved if run.key.device != "rtx_3090"]}  # fmt: skip
        path = RUNTIMES / f"{name}.yaml"
        apart = {kind: shares(listed) for kind, listed in kinds.items() if listed and len(listed) < len(moved)}
        path.write_text(with_costs(path.read_text(encoding="utf-8"), shares(moved), apart), encoding="utf-8")
        put_intervals(name, [*torch_intervals(runs, name), *(host_intervals() if name == "torch_eager" else [])])
    values, found = engine_intervals()
    path = RUNTIMES / "tensorrt.yaml"
    path.write_text(
        with_costs(path.read_text(encoding="utf-8"), {**values, "half_channels": 64.0, "half_reduction": 32.0}), encoding="utf-8"
    )
    put_intervals("tensorrt", found)
    counts.update(Counter(("tensorrt", row.device) for row in gpu_engine.usable(load_dataset("jetson_tensorrt"))))
    put_intervals("llama_cpp", language_intervals())
    put_intervals("ncnn_vulkan", vulkan_intervals())
    intervals.CARDS.write_text(cards_csv(counts), encoding="utf-8")


if __name__ == "__main__":
    main()
