"""What the CPU rows teach -> data: multipliers of every core, overlays of the measured boards, half widths of intervals.

``python -m validation.cpu_write`` writes them anew from the project's own rows.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict

import numpy as np

from hwmodels.catalog import DEVICES
from hwmodels.core_files import CORES
from hwmodels.core_tree import core_tree
from hwmodels.costs.cpu import TERM_NAMES
from hwmodels.intervals import LearntInterval
from validation.cpu_rows import CpuRows, cpu_rows
from validation.cpu_study import Predictions, counted, predict
from validation.cpu_tree import CpuTree, Entity, fitted, grow, multipliers
from validation.interval_table import put_intervals
from validation.intervals import factor, spread
from validation.overlay import Overlay, UnitFit
from validation.reader import load_dataset

SOURCE = "Tencent/ncnn, benchmark/README.md"
#: What is known of a board -> the split whose errors are like it.
BASES = {
    "board calibrated": "leave-one-family-out",
    "few measurements": "few-shot:4",
    "data sheet only": "leave-one-device-out",
}


def core_text(text: str, values: dict[str, float], said: str) -> str:
    """A core file with other multipliers and what is said of them."""
    block = "".join(f"  {name}: {value:.3g}\n" for name, value in values.items())
    text = re.sub(r"(multipliers:\n  source: class_mean\n  status: fitted\n)(?:  \w+: \S+\n)+", rf"\g<1>{block}", text)
    return re.sub(r"  class_mean: (?:>-\n(?:    .*\n)+|\".*\"\n)", f"  class_mean: >-\n    {said}\n", text)


def write_cores(table: CpuRows, tree: CpuTree) -> None:
    """Multipliers of every CPU core, at its own decode width."""
    chips: dict[str, set[str]] = defaultdict(set)
    for entity in table.entities:
        chips[entity.core_class].add(entity.chip)
    for core, kin in core_tree().items():
        path, alone = CORES / f"{core}.yaml", Entity("", "", "", core)
        mean, _ = tree.prior(alone)
        count = len(chips.get(alone.core_class, ()))
        of = f"class {alone.core_class}, {count} chips measured" if kin.core_class and count else f"family {kin.family or 'of all'}"
        said = f"{of}: most probable multipliers of the tree of cores fitted to {SOURCE}"
        path.write_text(core_text(path.read_text(), dict(zip(TERM_NAMES, map(float, multipliers(alone, mean)), strict=True)), said))


def write_boards(table: CpuRows, tree: CpuTree, held: Predictions) -> None:
    """An overlay for every measured board."""
    members: dict[str, list[int]] = defaultdict(list)
    for i, entity in enumerate(table.entities):
        members[entity.device].append(i)
    for device, indices in sorted(members.items()):
        mine = np.isin(table.entity, indices)
        error = np.abs(held.seconds[mine] / table.measured[mine] - 1)
        units = {}
        for i in sorted(indices, key=lambda i: table.entities[i].unit):
            entity, rows = table.entities[i], np.flatnonzero(table.entity == i)
            mean, variance = tree.prior(entity, above_chip=True)
            theta, _ = fitted(table, rows, entity, mean, variance, tree.leaves[entity])
            units[entity.unit] = UnitFit(entity, theta, mean)
        networks = len({table.rows[i].model for i in np.flatnonzero(mine)})
        overlay = Overlay(
            device, "ncnn", "board calibrated", f"{SOURCE}: {int(mine.sum())} rows, {networks} networks", "leave-one-network-out",
            {"rows": int(mine.sum()), "mape": float(error.mean()), "median_ape": float(np.median(error))}, units,
        )  # fmt: skip
        overlay.write(DEVICES / f"{device}.fit.yaml")


def interval_rows(table: CpuRows) -> list[LearntInterval]:
    """Half widths by basis and kind of types, from cold splits."""
    rows = []
    for basis, split in BASES.items():
        found = predict(table, split)
        for integer in (False, True):
            chosen = np.flatnonzero(counted(table, integer) & np.isfinite(found.seconds))
            errors = np.log(found.seconds[chosen] / table.measured[chosen])
            chips = [table.entities[i].chip for i in table.entity[chosen]]
            width = factor(errors, found.deviation[chosen], chips) * float(np.median(spread(found.deviation[chosen])))
            rows.append(LearntInterval(basis, "int8" if integer else "float", width, len(chosen), split))
    return rows


def main() -> None:
    """Write cores, boards and intervals from the rows of the ncnn benchmark."""
    table = cpu_rows(load_dataset("ncnn").rows, lambda line: print(line, file=sys.stderr))
    tree = grow(table, np.ones(len(table), np.bool_))
    write_cores(table, tree)
    write_boards(table, tree, predict(table, "leave-one-network-out"))
    put_intervals("ncnn", interval_rows(table))


if __name__ == "__main__":
    main()
