"""Study: which microcontroller spots keywords for at most a millijoule per inference?

    python docs/studies/keyword_spotting.py [FOLDER]

Every microcontroller of the catalogue runs the MLPerf Tiny keyword spotter with its own engine. Writes ``study_keyword_spotting.png``
and ``study_keyword_spotting.csv`` into the folder (docs/pictures by default).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from writing import folder, save, tidy

import boardless as bl
from boardless.space import Space
from boardless.tables import write_rows
from hwmodels.device import McuUnit
from hwmodels.reader import load_device

NETWORK = "mlperf_tiny_kws"
BUDGET_J = 1e-3


def boards() -> tuple[str, ...]:
    """Microcontrollers of the catalogue."""
    names = [entry["name"] for entry in bl.devices()]
    return tuple(name for name in names if isinstance(load_device(name).default_unit, McuUnit))


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    """Energy against latency; the boards within the budget by name."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 5.6), layout="constrained")
    axes = figure.subplots()
    known = [row for row in rows if row.get("energy_j")]
    spots: dict[tuple[float, float], list[dict[str, Any]]] = {}
    for row in sorted(known, key=lambda row: row["latency_s"]):
        near = next(
            (at for at in spots if abs(row["latency_s"] / at[0] - 1) < 0.3 and abs(row["energy_j"] / at[1] - 1) < 0.05), None
        )
        spots.setdefault(near or (row["latency_s"], row["energy_j"]), []).append(row)
    for (_, energy), together in spots.items():
        within = energy <= BUDGET_J
        for row in together:
            colour = "#0072B2" if within else "#A0A0A0"
            axes.plot(row["latency_s"] * 1e3, row["energy_j"] * 1e3, "o" if row["fits"] else "x", ms=6, color=colour)
        last = together[-1]
        axes.annotate(
            ", ".join(row["device"] for row in together), (last["latency_s"] * 1e3, last["energy_j"] * 1e3), xytext=(7, -3),
            textcoords="offset points", fontsize=7.5, color="#222222" if within else "#707070",
        )  # fmt: skip
    axes.set_xlim(min(row["latency_s"] for row in known) * 700, max(row["latency_s"] for row in known) * 4000)
    axes.axhline(BUDGET_J * 1e3, color="#D55E00", lw=1.2)
    axes.text(0.01, BUDGET_J * 1e3 * 1.05, "1 mJ", color="#D55E00", transform=axes.get_yaxis_transform(), fontsize=9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("latency of one inference [ms]")
    axes.set_ylabel("energy of one inference [mJ]")
    unknown = sorted(row["device"] for row in rows if not row.get("energy_j"))
    axes.set_title(
        f"keyword spotting on {len(known)} microcontrollers; power of {len(unknown)} others is not known", loc="left", fontsize=10
    )
    tidy(axes)
    save(figure, path, dpi=110)


def main() -> None:
    """Run the study and write its table and picture."""
    target = folder()
    with tempfile.TemporaryDirectory() as scratch:
        found = bl.explore(Space("keyword_spotting", (NETWORK,), boards()), Path(scratch) / "rows")
        rows = list(found.rows())
        write_rows(target / "study_keyword_spotting.csv", found.blocks)
        found.close()
    answered = [row for row in rows if row["status"] == "ok"]
    picture(answered, target / "study_keyword_spotting.png")
    for row in sorted(answered, key=lambda row: row["energy_j"] or float("inf")):
        energy = "     not known" if row["energy_j"] is None else f"{row['energy_j'] * 1e3:10.3f} mJ"
        verdict = "" if row["energy_j"] is None else "within 1 mJ" if row["energy_j"] <= BUDGET_J else "above"
        print(f"{row['device']:22} {row['runtime']:18} {row['latency_s'] * 1e3:10.2f} ms {energy}  {verdict}")
    for row in rows:
        if row["status"] != "ok":
            print(f"{row['device']:22} {row['reason']}")


if __name__ == "__main__":
    main()
