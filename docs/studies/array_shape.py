"""Study: what array shape and buffer suit MobileNetV2, by energy-delay product and area?

    python docs/studies/array_shape.py [FOLDER]

Shapes from 8 x 8 to 64 x 64 and scratchpads from 32 KiB to 2 MiB on the generic NPU ``systolic_32x32``; the energy of a scratchpad
access follows its size. Writes ``study_array_shape.png`` and ``study_array_shape.csv`` into the folder (docs/pictures by default).
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from writing import folder, save, tidy, write_table

import boardless as bl
from hwmodels.costs.area import mac_mm2, sram_mm2
from hwmodels.costs.array_energy import sram_read_joules, sram_write_joules

NETWORK, DEVICE, NODE_NM = "mobilenet_v2", "systolic_32x32", 28
SHAPES = ((8, 8), (8, 32), (32, 8), (16, 16), (16, 64), (64, 16), (32, 32), (64, 64))
SCRATCHPADS_KIB = (32, 64, 128, 256, 512, 1024, 2048)
#: A scratchpad is built of banks of at most this size, of which one is read at a time [KiB].
BANK_KIB, WORD_BITS = 32, 128


def row(shape: tuple[int, int], kib: int) -> dict[str, Any]:
    """One design: its latency, energy and area."""
    bank = min(kib, BANK_KIB) * 1024
    read, write = (law(bank, WORD_BITS, NODE_NM) * 8 / WORD_BITS for law in (sram_read_joules, sram_write_joules))
    changes = {
        "units.array.shape": f"[{shape[0]}, {shape[1]}]",
        "memories.scratchpad.capacity": f"{kib} KiB",
        "memories.scratchpad.read_energy": f"{read * 1e12:.4f} pJ/B",
        "memories.scratchpad.write_energy": f"{write * 1e12:.4f} pJ/B",
    }
    found = bl.estimate(NETWORK, DEVICE, dtype="int8", set=changes)
    area = sram_mm2(kib * 1024, NODE_NM) + shape[0] * shape[1] * mac_mm2(8, NODE_NM)
    energy = found.energy_j or float("nan")
    return {
        "rows": shape[0], "columns": shape[1], "scratchpad_kib": kib, "latency_s": found.latency_s, "energy_j": energy,
        "edp_js": energy * found.latency_s, "area_mm2": area,
    }  # fmt: skip


def front(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Designs whose energy-delay product is at least one percent less than that of every smaller one, by area."""
    kept: list[dict[str, Any]] = []
    for one in sorted(rows, key=lambda r: (r["area_mm2"], r["edp_js"])):
        if not kept or one["edp_js"] < 0.99 * kept[-1]["edp_js"]:
            kept.append(one)
    return kept


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    """Energy-delay product against area, a colour per shape, the scratchpad beside the points of the front."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 5.2), layout="constrained")
    axes = figure.subplots()
    colours = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#882255", "#999933")
    for shape, colour in zip(SHAPES, colours, strict=True):
        mine = [r for r in rows if (r["rows"], r["columns"]) == shape]
        axes.plot(
            [r["area_mm2"] for r in mine],
            [r["edp_js"] * 1e6 for r in mine],
            "o-",
            ms=4.5,
            lw=0.8,
            color=colour,
            label=f"{shape[0]} x {shape[1]}",
        )
    best = front(rows)
    axes.plot(
        [r["area_mm2"] for r in best],
        [r["edp_js"] * 1e6 for r in best],
        color="#333333",
        lw=1.4,
        drawstyle="steps-post",
        label="worth its area",
    )
    for r in best:
        axes.annotate(
            f"{r['scratchpad_kib']} KiB",
            (r["area_mm2"], r["edp_js"] * 1e6),
            xytext=(5, -10),
            textcoords="offset points",
            fontsize=7.5,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"area of multipliers and scratchpad at {NODE_NM} nm [mm²]")
    axes.set_ylabel("energy-delay product [µJ s]")
    axes.set_title(f"{NETWORK} in int8 on weight-stationary arrays: shape and scratchpad", loc="left", fontsize=10)
    tidy(axes)
    axes.legend(frameon=False, fontsize=8, title="rows x columns", title_fontsize=8)
    save(figure, path, dpi=110)


def main() -> None:
    """Run the study and write its table and picture."""
    target = folder()
    rows = [row(shape, kib) for shape, kib in itertools.product(SHAPES, SCRATCHPADS_KIB)]
    write_table(rows, target / "study_array_shape.csv")
    picture(rows, target / "study_array_shape.png")
    for one in front(rows):
        design = f"{one['rows']:3} x {one['columns']:<3} {one['scratchpad_kib']:5} KiB  {one['area_mm2']:6.3f} mm2"
        print(f"{design}  {one['latency_s']:.3e} s  {one['energy_j']:.3e} J  {one['edp_js']:.3e} J s")


if __name__ == "__main__":
    main()
