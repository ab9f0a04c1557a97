"""Study: a keyword spotter and a camera network share one microcontroller. Who misses deadlines, by priority and frame rate?

    python docs/studies/sharing.py [FOLDER]

Writes ``study_sharing.png`` and ``study_sharing.csv`` into the folder (docs/pictures by default).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from writing import COLOURS, folder, save, tidy, write_table

import boardless as bl
from sim.parties import Party, Stream
from sim.schedule import Schedule
from sim.together import Together, simulate_together

DEVICE = "stm32h743"
MILLISECOND = 10**9  # [ps]

#: A block of 20 ms of 16 kHz audio in 16 bits; an image of the size the camera network wants.
AUDIO_BYTES, AUDIO_MS = 640, 20
IMAGE_BYTES = 96 * 96 * 3

#: Length of a run [ms], and frame rates of the camera [1/s].
RUN_MS = 2000
RATES = (10, 15, 20, 24, 27, 30, 32, 34, 36, 40, 45, 50)

#: Priority of the spotter and of the camera network.
PRIORITIES = {"spotter first": (2, 1), "equal": (1, 1), "camera first": (1, 2)}


def run(spotter: Schedule, camera: Schedule, rate: int, priorities: tuple[int, int]) -> Together:
    """Both networks, each released by its sensor, each due before the next block."""
    audio, frame = AUDIO_MS * MILLISECOND, 1000 * MILLISECOND // rate
    core = spotter.plan.unit
    streams = [
        Stream("microphone", AUDIO_BYTES, audio, "sram1", core, interrupt_ps=5 * MILLISECOND // 1000),
        Stream("camera", IMAGE_BYTES, frame, "sram1", core, interrupt_ps=5 * MILLISECOND // 1000),
    ]
    parties = [
        Party("spotter", spotter, audio, priorities[0], audio, "microphone"),
        Party("watcher", camera, frame, priorities[1], frame, "camera"),
    ]
    return simulate_together(parties, streams, until_ps=RUN_MS * MILLISECOND)


def missed_share(together: Together, name: str) -> float:
    """Share of the jobs of one network that ended after their deadline."""
    jobs = together.jobs_of(name)
    return together.missed(name) / len(jobs)


def table() -> list[dict[str, Any]]:
    """A row per priority and frame rate."""
    spotter, camera = bl.schedule("mlperf_tiny_kws", DEVICE), bl.schedule("mlperf_tiny_vww", DEVICE)
    alone = {
        name: bl.estimate(network, DEVICE).latency_s
        for name, network in (("spotter", "mlperf_tiny_kws"), ("watcher", "mlperf_tiny_vww"))
    }
    rows = []
    for words, priorities in PRIORITIES.items():
        for rate in RATES:
            together = run(spotter, camera, rate, priorities)
            worst = {name: max(job.response_ps for job in together.jobs_of(name)) / 10**12 for name in alone}
            rows.append({
                "priority": words, "frames_per_s": rate, "load": alone["spotter"] * 1000 / AUDIO_MS + alone["watcher"] * rate,
                "spotter_missed": missed_share(together, "spotter"), "watcher_missed": missed_share(together, "watcher"),
                "spotter_worst_s": worst["spotter"], "watcher_worst_s": worst["watcher"],
            })  # fmt: skip
    return rows


def picture(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Share of missed deadlines of each network against the frame rate, one line per priority."""
    from matplotlib.figure import Figure  # slow to import

    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    grid = figure.subplots(1, 2, sharey=True)
    titles = {"spotter": "keyword spotter, every 20 ms", "watcher": "camera network, every frame"}
    full = next((row["frames_per_s"] for row in rows if row["load"] > 1), None)
    for axes, (name, title) in zip(grid, titles.items(), strict=True):
        for colour, words, wide in zip(COLOURS, PRIORITIES, (True, False, False), strict=False):
            mine = [row for row in rows if row["priority"] == words]
            missed = [100 * row[f"{name}_missed"] for row in mine]
            size, width = (7, 4) if wide else (3.5, 1.5)  # another line may lie on it
            axes.plot([row["frames_per_s"] for row in mine], missed, "o-", ms=size, lw=width, color=colour, label=words)
        if full is not None:
            axes.axvline(full, color="#8C8C8C", lw=0.8, ls="--")
            axes.text(full, 103, " load over 100 %", color="#555555", fontsize=8, va="bottom")
        axes.set_title(title, loc="left", fontsize=10, pad=16)
        axes.set_xlabel("camera [frames/s]")
        axes.set_ylim(-4, 104)
        tidy(axes)
    grid[0].set_ylabel("deadlines missed [%]")
    grid[0].legend(frameon=False, title=f"on {DEVICE}", loc="center left")
    save(figure, path)


def main() -> None:
    """Run the study and write its table and picture."""
    where, rows = folder(), table()
    write_table(rows, where / "study_sharing.csv")
    picture(rows, where / "study_sharing.png")
    line = "{priority:14} {frames_per_s:3} frames/s  load {load:5.0%}  missed: spotter {spotter_missed:6.1%}  camera {watcher_missed:6.1%}"
    for row in rows:
        print(line.format(**row))


if __name__ == "__main__":
    main()
