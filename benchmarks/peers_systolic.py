"""Systolic cycles and SRAM accesses beside SCALE-Sim, on layers both can do: equal answers first, then the ratio of the times.

SCALE-Sim simulates every cycle and every address; we evaluate a closed form of the same counts. It knows memory stalls, layouts and
sparsity that the closed form of this comparison does not: there it is the better tool.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from peer_environment import peer_python

from dataflows.array_nests import ArrayNests, array_nests
from dataflows.array_units import systolic_shape
from dataflows.systolic import SYSTOLIC_DATAFLOWS, SystolicCounts, SystolicShape, systolic_counts
from hwmodels.device import ArrayUnit
from hwmodels.reader import load_device
from workloads.networks import build
from workloads.tables import graph_tables
from workloads.transforms import fold_batch_norm, retype

REQUIREMENTS = ["scalesim==3.0.0", "numpy<2", "pandas<3"]

#: name, input height and width, filter height and width, channels, filters, stride
LAYERS = [
    ("square", 16, 16, 3, 3, 8, 20, 1),
    ("uneven", 15, 13, 3, 2, 5, 17, 2),
    ("pointwise", 8, 8, 1, 1, 64, 40, 1),
    ("tall", 21, 7, 5, 1, 3, 9, 1),
    ("one_fold", 6, 6, 2, 2, 2, 6, 1),
    ("resnet_stage", 30, 30, 3, 3, 32, 64, 1),
]
ARRAYS = [(12, 14), (7, 19)]

CONFIGURATION = """[general]
run_name = peer
[architecture_presets]
ArrayHeight: {rows}
ArrayWidth: {columns}
IfmapSramSzkB: 4096
FilterSramSzkB: 4096
OfmapSramSzkB: 4096
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 1000
Dataflow: {dataflow}
MemoryBanks: 1
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: USER
UseRamulatorTrace: False
"""

RUN = """
import sys, time
from scalesim.scale_sim import scalesim
run = scalesim(save_disk_space=True, verbose=False, config=sys.argv[1], topology=sys.argv[2], layout=sys.argv[2])
started = time.perf_counter()
run.run_scale(top_path=sys.argv[3])
print("seconds", time.perf_counter() - started)
"""


def peer(python: Path, folder: Path, rows: int, columns: int, dataflow: str) -> tuple[list[tuple[int, ...]], float]:
    """(cycles, stalls, input reads, weight reads, output writes) of each layer, and the seconds the simulation took."""
    (folder / "c.cfg").write_text(CONFIGURATION.format(rows=rows, columns=columns, dataflow=dataflow))
    header = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
    (folder / "t.csv").write_text(header + "".join(", ".join(map(str, layer)) + ",\n" for layer in LAYERS))
    command = [str(python), "-W", "ignore", "-c", RUN, str(folder / "c.cfg"), str(folder / "t.csv"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = float(done.stdout.split("seconds")[-1])

    def report(name: str) -> list[dict[str, str]]:
        with open(folder / "peer" / name) as file:
            return [{k.strip(): v for k, v in row.items() if k} for row in csv.DictReader(file)]

    accesses = report("DETAILED_ACCESS_REPORT.csv")
    rows_of = zip(report("COMPUTE_REPORT.csv"), accesses, strict=True)
    return [
        (
            int(float(time_["Total Cycles"])), int(float(time_["Stall Cycles"])), int(float(words["SRAM IFMAP Reads"])),
            int(float(words["SRAM Filter Reads"])), int(float(words["SRAM OFMAP Writes"])),
        )
        for time_, words in rows_of
    ], seconds  # fmt: skip


def ours(rows: int, columns: int, dataflow: str) -> SystolicCounts:
    """The closed form of the same layers."""
    columns_of: dict[str, list[int]] = {name: [] for name in ArrayNests._fields}
    for index, (_, height, width, tall, wide, channels, filters, stride) in enumerate(LAYERS):
        row = dict.fromkeys(ArrayNests._fields, 1) | {
            "operator": index, "M": filters, "C": channels, "R": tall, "S": wide, "stride_h": stride, "stride_w": stride,
            "E": -(-(height - tall + stride) // stride), "F": -(-(width - wide + stride) // stride), "pad_top": 0,
            "stored_rows": height, "stored_columns": width, "input_bits": 8, "weight_bits": 8, "output_bits": 8,
        }  # fmt: skip
        for name, value in row.items():
            columns_of[name].append(value)
    nests = ArrayNests(**{name: np.array(values, np.int64) for name, values in columns_of.items()})
    shape = SystolicShape(rows=rows, columns=columns, macs=1, scratchpad_bytes=4 << 20, accumulator_bits=32)
    return systolic_counts(nests, shape, SYSTOLIC_DATAFLOWS[dataflow], reference=True)


def main() -> None:
    """Compare, then time."""
    try:
        python = peer_python("scalesim", REQUIREMENTS)
    except RuntimeError as error:
        print(f"SCALE-Sim: left out, {error}")
        return
    theirs_seconds = ours_seconds = 0.0
    compared = differing = 0
    for rows, columns in ARRAYS:
        for dataflow in ("ws", "os", "is"):
            with tempfile.TemporaryDirectory() as folder:
                theirs, seconds = peer(python, Path(folder), rows, columns, dataflow)
            theirs_seconds += seconds
            ours(rows, columns, dataflow)
            started = time.perf_counter()
            counts = ours(rows, columns, dataflow)
            ours_seconds += time.perf_counter() - started
            for i, (cycles, stalls, inputs, weights, outputs) in enumerate(theirs):
                # Version 3 counts rows + columns empty slots a fold as writes of an output-stationary array; the published
                # reports of the earlier version do not.
                empty = int(counts.folds[i]) * (rows + columns) if dataflow == "os" else 0
                mine = counts.cycles[i] - 1 + stalls, counts.input_reads[i], counts.weight_reads[i], counts.output_writes[i] + empty
                compared += 1
                if mine != (cycles, inputs, weights, outputs):
                    differing += 1
                    print(f"  {rows}x{columns} {dataflow} {LAYERS[i][0]}: ours {mine}, theirs {(cycles, inputs, weights, outputs)}")
    print(f"{REQUIREMENTS[0]}, Python {sys.version.split()[0]}: {compared} layers compared, {differing} differ")
    print(f"  time: theirs {theirs_seconds:.1f} s, ours {ours_seconds * 1e3:.2f} ms: {theirs_seconds / ours_seconds:,.0f} times")
    print(f"  all products of ResNet-50 on systolic_32x32 in closed form: {resnet50_seconds() * 1e3:.2f} ms")


def resnet50_seconds(rounds: int = 20) -> float:
    """Median time of the closed form of every product of ResNet-50: cycles, accesses, DRAM bytes with the tiling they need."""
    graph, device = retype(fold_batch_norm(build("resnet50")), "int8"), load_device("systolic_32x32")
    unit = device.default_unit
    assert isinstance(unit, ArrayUnit)
    tables = graph_tables(graph)
    nests = array_nests(graph, tables, np.ones(len(graph.operators), np.bool_))
    shape = systolic_shape(device, unit)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        systolic_counts(nests, shape, SYSTOLIC_DATAFLOWS["ws"])
        times.append(time.perf_counter() - started)
    return sorted(times)[rounds // 2]


if __name__ == "__main__":
    main()
