"""Bring the benchmark table of ncnn into the long form: python bring_in.py TABLE.csv > data.csv

Reads a CSV with columns device, compute, threads, runtime_version_or_date, model, family, input_shape, dtype, latency_ms,
latency_min_ms, latency_max_ms, notes (cores used, instruction set left out), parsed from benchmark/README.md of ncnn. Device names
are brought to the catalogue's by the headings below; headings without a device file are kept as written.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

COLUMNS = (
    "source_id", "device", "chip", "unit", "cores", "threads", "clock_mhz", "runtime", "runtime_version", "model", "family",
    "phase", "input_shape", "batch", "dtype", "metric", "value", "spread", "notes",
)  # fmt: skip

#: Half the distance of the fastest and slowest of the repeats is kept as spread.
UNITS = {"all": "cpu", "big": "cpu_big", "little": "cpu_little"}


def boards(path: Path) -> list[tuple[str, str, str]]:
    """(beginning of the heading, catalogue name, chip)."""
    with open(path, newline="", encoding="utf-8") as file:
        return [(row["heading"], row["name"], row["chip"]) for row in csv.DictReader(file)]


def tidy(table: Path, known: list[tuple[str, str, str]]) -> Iterator[dict[str, object]]:
    """Rows of the long form."""
    with open(table, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            named = [entry for entry in known if row["device"].startswith(entry[0])]
            name, chip = (named[0][1], named[0][2]) if named else (row["device"], row["chip"] or row["device"])
            gpu = row["compute"] == "gpu"
            cores = "" if gpu else row["notes"].split(" cores")[0]
            narrow = "Without AVX512" in row["notes"]
            date = row["runtime_version_or_date"].replace("-", "")
            model = re.sub(r"[-.]", "_", row["model"]).lower()
            low, high = float(row["latency_min_ms"] or 0), float(row["latency_max_ms"] or 0)
            yield {
                "source_id": "ncnn", "device": name, "chip": chip, "cores": cores, "threads": row["threads"],
                "unit": "gpu" if gpu else "cpu_avx2" if narrow else UNITS[cores], "clock_mhz": row["clock_mhz"],
                "runtime": "ncnn_vulkan" if gpu else "ncnn_2022_06" if date >= "20220601" else "ncnn_2021",
                "runtime_version": date, "model": f"ncnn_{model}", "family": row["family"], "phase": "infer",
                "input_shape": row["input_shape"], "batch": 1, "dtype": row["dtype"], "metric": "latency_s",
                "value": f"{float(row['latency_ms']) * 1e-3:.7g}", "spread": f"{(high - low) / 2 * 1e-3:.4g}" if high else "",
                "notes": "without AVX-512" if narrow else "",
            }  # fmt: skip


def main() -> None:
    """Write the long form to standard output."""
    writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(tidy(Path(sys.argv[1]), boards(Path(__file__).with_name("boards.csv"))))


if __name__ == "__main__":
    main()
