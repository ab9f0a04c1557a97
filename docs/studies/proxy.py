"""Study: how well do MACs stand for latency? Ten thousand cells of NAS-Bench-201 on a Jetson AGX Xavier.

    python docs/studies/proxy.py [FOLDER] [NUMBER]

With the eager framework, whose host hands every kernel over by itself. A survey shows the same picture for random DARTS networks on
this board: 80 to 120 ms at equal MACs, MACs 26 % apart at equal latency. Writes ``study_proxy.png`` and ``study_proxy.csv`` (a row per
hundredth network) into the folder (docs/pictures by default). The rows go into ``study_proxy.rows`` in the current folder: a run that
is stopped goes on where it was.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from writing import folder, save, tidy, write_table

import boardless as bl
from boardless.progress import Rate
from boardless.space import Space
from workloads.networks.nasbench201 import EDGES, OPERATIONS

DEVICE, RUNTIME = "jetson_xavier", "torch_eager"
NETWORKS = 10_000
#: What stands behind words.
PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
#: Half width of what counts as equal.
EQUAL = 0.01


def sample(number: int) -> tuple[str, ...]:
    """Different random cells by name, the same in every run."""
    every = ["".join(letters) for letters in itertools.product(OPERATIONS, repeat=len(EDGES))]
    chosen = np.random.default_rng(0).choice(len(every), min(number, len(every)), replace=False)
    return tuple(f"nasbench201:{every[i]}" for i in sorted(chosen.tolist()))


def spreads(macs: NDArray[np.float64], seconds: NDArray[np.float64]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Range of the latency at the median of the MACs, and of the MACs at the median latency: both the middle 98 %."""
    low, high = np.quantile(seconds[np.abs(macs / np.median(macs) - 1) < EQUAL], (0.01, 0.99))
    few, many = np.quantile(macs[np.abs(seconds / np.median(seconds) - 1) < EQUAL], (0.01, 0.99))
    return (float(low), float(high)), (float(few), float(many))


def picture(macs: NDArray[np.float64], seconds: NDArray[np.float64], path: Path) -> None:
    """Every network by MACs and latency, with both spreads."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(macs / 1e6, seconds * 1e3, ".", ms=2, color="#0072B2", alpha=0.35, rasterized=True)
    (low, high), (few, many) = spreads(macs, seconds)
    middle, typical = float(np.median(macs)) / 1e6, float(np.median(seconds)) * 1e3
    axes.plot([middle, middle], [low * 1e3, high * 1e3], color="#D55E00", lw=2.5)
    axes.annotate(
        f"{low * 1e3:.0f} to {high * 1e3:.0f} ms at {middle:.0f} M MACs", (middle, high * 1e3), xytext=(6, 4),
        textcoords="offset points", color="#D55E00", fontsize=9, bbox=PAPER,
    )  # fmt: skip
    axes.plot([few / 1e6, many / 1e6], [typical, typical], color="#333333", lw=2.5)
    axes.annotate(
        f"{few / 1e6:.0f} to {many / 1e6:.0f} M MACs ({1 - few / many:.0%}) at {typical:.0f} ms", (many / 1e6, typical),
        xytext=(6, -14), textcoords="offset points", color="#333333", fontsize=9, bbox=PAPER,
    )  # fmt: skip
    axes.set_xlabel("million MACs")
    axes.set_ylabel("latency [ms]")
    axes.set_title(f"{len(macs):,} cells of NAS-Bench-201 on {DEVICE}, {RUNTIME}", loc="left", fontsize=10)
    tidy(axes)
    save(figure, path, dpi=90)


def main() -> None:
    """Run the study and write its table and picture."""
    target = folder()
    space = Space(
        "study_proxy", sample(int(sys.argv[2]) if len(sys.argv) > 2 else NETWORKS), (DEVICE,), {}, {"runtime": (RUNTIME,)}
    )
    with Rate("estimating") as progress:
        found = bl.explore(space, progress=progress.show)
    rows = [row for row in found.rows() if row["status"] == "ok"]
    found.close()
    macs, seconds = (np.array([row[name] for row in rows], float) for name in ("macs", "latency_s"))
    write_table([{name: row[name] for name in ("network", "macs", "latency_s")} for row in rows[::100]], target / "study_proxy.csv")
    picture(macs, seconds, target / "study_proxy.png")
    (low, high), (few, many) = spreads(macs, seconds)
    print(f"{len(rows)} of {space.size} networks; MACs {macs.min() / 1e6:.0f} to {macs.max() / 1e6:.0f} M")
    print(f"at {np.median(macs) / 1e6:.0f} M MACs: {low * 1e3:.1f} to {high * 1e3:.1f} ms, {high / low:.2f} to one")
    print(f"at {np.median(seconds) * 1e3:.1f} ms: {few / 1e6:.0f} to {many / 1e6:.0f} M MACs, {1 - few / many:.0%}")
    print(f"rank correlation of MACs and latency: {np.corrcoef(macs.argsort().argsort(), seconds.argsort().argsort())[0, 1]:.2f}")


if __name__ == "__main__":
    main()
