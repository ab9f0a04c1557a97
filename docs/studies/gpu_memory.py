"""Study: inference of networks that do not fit a GPU's memory. How much slower, by policy, the less of it there is?

    python docs/studies/gpu_memory.py [FOLDER]

Writes ``study_gpu_memory.png`` and ``study_gpu_memory.csv`` into the folder (docs/pictures by default).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from writing import COLOURS, folder, save, tidy, write_table

import boardless as bl

DEVICE = "rtx_3090"
BATCHES = {"vgg16": 16, "resnet50": 32}

#: Parameters of ``swap`` -> how the line is called.
POLICIES = {
    "policy=optimal,effort=0.1": "ahead, optimal",
    "policy=greedy": "ahead, greedy",
    "policy=on_demand": "on demand, page-locked",
    "policy=on_demand,memory=pageable": "on demand, ordinary memory",
    "memory=unified": "page faults",
}  # fmt: skip

#: Share of what the network needs that the GPU has.
SHARES = (1.05, 0.8, 0.6, 0.4, 0.2, 0.1)


def table() -> list[dict[str, Any]]:
    """A row per network, policy and share of the memory."""
    rows = []
    for network, batch in BATCHES.items():
        alone = bl.estimate(network, DEVICE, batch=batch)
        needed = alone.memory["dram"].peak_bytes
        for policy in POLICIES:
            for share in SHARES:
                spec = f"swap:to=host,{policy},limit={round(share * needed)}"
                result = bl.estimate(network, DEVICE, batch=batch, strategy=[spec])
                told = result.extra["swap"]
                rows.append({
                    "network": network, "batch": batch, "policy": POLICIES[policy], "share": share,
                    "memory_mb": share * needed / 1e6, "latency_s": result.latency_s, "slowdown": result.latency_s / alone.latency_s,
                    "moved_mb": (told["read_bytes"] + told["written_bytes"]) / 1e6, "exposed_s": told["exposed_s"],
                })  # fmt: skip
    return rows


def picture(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Slowdown against the share of the memory that is there, one line per policy."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(9.5, 4), layout="constrained")
    for axes, (network, batch) in zip(figure.subplots(1, 2, sharey=True), BATCHES.items(), strict=True):
        for colour, words in zip(COLOURS, POLICIES.values(), strict=True):
            line = [row for row in rows if (row["network"], row["policy"]) == (network, words)]
            wide = words == "ahead, optimal"  # the next line often lies on it
            axes.plot(
                [100 * r["share"] for r in line], [r["slowdown"] for r in line], "o-", ms=7 if wide else 3.5, lw=4 if wide else 1.5,
                color=colour, label=words,
            )  # fmt: skip
        axes.set_yscale("log")
        axes.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
        axes.minorticks_off()
        axes.invert_xaxis()
        axes.set_xlabel("memory there, of what the network needs [%]")
        axes.set_title(f"{network}, batch {batch}, {DEVICE}", loc="left", fontsize=10)
        tidy(axes)
    axes = figure.axes[0]
    axes.set_ylabel("time, times that with all of it")
    axes.legend(frameon=False, fontsize=9)
    save(figure, path)


def main() -> None:
    """Run the study and write its table and picture."""
    where, rows = folder(), table()
    write_table(rows, where / "study_gpu_memory.csv")
    picture(rows, where / "study_gpu_memory.png")
    for row in rows:
        print("{network:9} {policy:28} {share:5.0%}  {latency_s:8.4f} s  x{slowdown:5.2f}  moved {moved_mb:7.0f} MB".format(**row))


if __name__ == "__main__":
    main()
