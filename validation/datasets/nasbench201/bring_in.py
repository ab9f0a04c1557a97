"""Write data.csv from the published tables: python bring_in.py FOLDER, with the tables of HELP, OneProxy and HW-NAS-Bench-360.

A random sample of 1,150 architectures a column, seeded. Rows of the Raspberry Pi 5 are timings of a representative architecture,
so they are kept where its code is known, and under that code. Networks whose output does not depend on the input, and are timed
at next to nothing, are left out.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

SAMPLE = 1150
COLUMNS = ("device", "chip", "unit", "cores", "threads", "runtime", "model", "family", "dtype", "metric", "value", "notes")
#: Table -> column -> device, unit, threads, runtime, type, and which edges the runtime computes.
SOURCES = {
    "nasbench201_latency.csv": {
        "gold_6226_ms": ("xeon_gold_6226", "cpu", 12, "torch_eager", "fp32", "every"),
        "silver_4114_ms": ("xeon_silver_4114", "cpu", 10, "torch_eager", "fp32", "every"),
        "silver_4210r_ms": ("xeon_silver_4210r", "cpu", 10, "torch_eager", "fp32", "every"),
        "pixel2_ms": ("pixel_2", "cpu_big", 4, "torch_mobile", "fp32", "every"),
        "essential_ph_1_ms": ("essential_ph_1", "cpu_big", 4, "torch_mobile", "fp32", "every"),
        "samsung_a50_ms": ("galaxy_a50", "cpu_big", 4, "torch_mobile", "fp32", "every"),
    },
    "nasbench201_oneproxy_latency.csv": {
        "nnmeter_cortexa76_pixel4_tflite21_ms": ("snapdragon_855", "cpu_big", 1, "tflite", "fp32", "needed"),
        "latbench_cpu_snapdragon855_int8_ms": ("snapdragon_855", "cpu_big", 1, "tflite", "int8", "needed"),
    },
    "nb201_pi5_latency_energy.csv": {
        "pi5_litert_cifar100_ms": ("raspberry_pi_5", "cpu", 4, "tflite", "fp32", "zeros"),
        "pi5_onnx_cifar100_ms": ("raspberry_pi_5", "cpu", 4, "onnxruntime", "fp32", "zeros"),
        "pi5_torchmobile_cifar100_ms": ("raspberry_pi_5", "cpu", 4, "torch_mobile", "fp32", "zeros"),
    },
}


def table(path: Path) -> list[dict[str, str]]:
    """Rows of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def main(folder: Path) -> None:
    """Write the tidy rows beside this script."""
    tables = {name: table(folder / name) for name in SOURCES}
    codes = {row["arch_idx"]: row["arch_code"] for rows in tables.values() for row in rows}
    with Path(__file__).with_name("data.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name, columns in SOURCES.items():
            for column, (device, unit, threads, runtime, dtype, edges) in columns.items():
                rows = [row for row in tables[name] if row[column] and codes.get(row.get("rep_arch_idx", row["arch_idx"]))]
                slowest = max(float(row[column]) for row in rows)
                rows = [row for row in rows if float(row[column]) > 0.02 * slowest]
                chosen = sorted(np.random.default_rng(201).permutation(len(rows))[:SAMPLE].tolist())
                for i in chosen:
                    code = codes[rows[i].get("rep_arch_idx", rows[i]["arch_idx"])]
                    value = f"{float(rows[i][column]) / 1e3:.6g}"
                    writer.writerow(
                        (device, "", unit, "all" if unit == "cpu" else "big", threads, runtime, f"nasbench201:{code}", "nasbench201",
                         dtype, "latency_s", value, f"edges {edges}")
                    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
