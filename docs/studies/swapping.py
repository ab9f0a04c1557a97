"""Study: networks of the VGG class on a microcontroller, swapped to flash or to an SD card. What does less SRAM cost, by policy?

    python docs/studies/swapping.py [FOLDER]

Writes ``study_swapping.png`` and ``study_swapping.csv`` into the folder (docs/pictures by default).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from writing import COLOURS, folder, save, tidy, write_table

import boardless as bl

DEVICE = "stm32h743"
NETWORKS = ("alexnet", "vgg16")
STORAGES = {"nor_quad": "quad serial flash", "sd_sdio": "SD card, 4 bits"}
POLICIES = {"on_demand": "on demand", "greedy": "greedy, ahead", "optimal": "optimal"}
SRAM_KIB = (128, 256, 512)


def table() -> list[dict[str, Any]]:
    """A row per network, storage, policy and size of the SRAM; int8."""
    return [
        row
        for network in NETWORKS
        for storage in STORAGES
        for policy in POLICIES
        for kib in SRAM_KIB
        if (row := _row(network, storage, policy, kib)) is not None
    ]


def _row(network: str, storage: str, policy: str, kib: int) -> dict[str, Any] | None:
    """One run; ``None`` where an operator does not fit even in its smallest parts."""
    try:
        result = bl.estimate(
            network, DEVICE, dtype="int8", strategy=[f"swap:to={storage},policy={policy},limit={kib}KiB,effort=0.1"]
        )
    except ValueError as error:
        print(f"{network}, {storage}, {policy}, {kib} KiB: {error}")
        return None
    told = result.extra["swap"]
    return {
        "network": network, "storage": storage, "policy": policy, "sram_kib": kib, "latency_s": result.latency_s,
        "computing_s": told["computing_s"], "exposed_s": told["exposed_s"], "energy_j": result.energy_j,
        "read_mb": told["read_bytes"] / 1e6, "written_mb": told["written_bytes"] / 1e6, "wear_per_run": told["wear_per_run"],
    }  # fmt: skip


def picture(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Time and energy against SRAM, one column per network and storage, one line per policy."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(11, 5.2), layout="constrained")
    grid = figure.subplots(2, 4, sharex=True)
    for column, (network, storage) in enumerate((n, s) for n in NETWORKS for s in STORAGES):
        mine = [row for row in rows if (row["network"], row["storage"]) == (network, storage)]
        for axes, key in zip(grid[:, column], ("latency_s", "energy_j"), strict=True):
            for colour, (policy, words) in zip(COLOURS, POLICIES.items(), strict=False):
                line = [row for row in mine if row["policy"] == policy]
                axes.plot([r["sram_kib"] for r in line], [r[key] for r in line], "o-", ms=4, color=colour, label=words)
            axes.set_ylim(0, 1.08 * max(row[key] for row in mine))
            axes.set_xticks(SRAM_KIB, [str(kib) for kib in SRAM_KIB], fontsize=8)
            tidy(axes)
        grid[0, column].axhline(mine[0]["computing_s"], color="#555555", lw=0.9, ls="--", label="computing alone")
        grid[0, column].set_title(f"{network}, {STORAGES[storage]}", loc="left", fontsize=10)
        grid[1, column].set_xlabel("SRAM used [KiB]")
    grid[0, 0].set_ylabel("time of one inference [s]")
    grid[1, 0].set_ylabel("energy of one inference [J]")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    save(figure, path)


def main() -> None:
    """Run the study and write its table and picture."""
    where, rows = folder(), table()
    write_table(rows, where / "study_swapping.csv")
    picture(rows, where / "study_swapping.png")
    for row in rows:
        print(
            "{network:8} {storage:9} {policy:10} {sram_kib:4} KiB  {latency_s:8.2f} s ({exposed_s:7.2f} s exposed)  {energy_j:7.2f} J  "
            "read {read_mb:6.1f} MB  written {written_mb:6.1f} MB".format(**row)
        )


if __name__ == "__main__":
    main()
