"""Mappings rated beside ZigZag: equal counts on one and the same fixed mappings first, then ratings per second and the best EDP.

ZigZag's cost model and its LOMA search run in an environment of their own. Its mappings may hold each tensor's loops at a level of
the tensor's own (uneven mapping), which ours do not: there it reaches mappings that our search does not have.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from peer_environment import peer_python

from dataflows.hierarchy import Hierarchy, StorageLevel
from dataflows.mapping import Loop, Mapping, MappingLevel
from dataflows.tables import TENSORS
from strategies.kernels_rating import rate_batch
from strategies.mapping_search import _Search, machine_of, rate_mapping
from workloads.loopnest import DIMENSIONS, LoopNest, convolution_nest

REQUIREMENTS = ["zigzag-dse==3.9.1", "six"]

#: Side of the array; words of a memory access beside it; relative energies of Chen, Emer, Sze, ISCA 2016, table IV.
SIDE, WIDE = 16, 16
ENERGY = {"dram": 200.0, "buffer": 6.0, "element": 1.0}
ELEMENT_WORDS = {"weights": 224.0, "inputs": 12.0, "outputs": 24.0}
BUFFER_WORDS = 54 * 1024.0

#: Layers of ResNet-50: filters, channels, rows and columns of outputs, rows and columns of the filter.
LAYERS = {
    "layer1 3x3": (64, 64, 56, 56, 3, 3), "layer2 3x3": (128, 128, 28, 28, 3, 3), "layer3 1x1": (1024, 256, 14, 14, 1, 1),
    "layer4 3x3": (512, 512, 7, 7, 3, 3),
}  # fmt: skip

#: Our loops and tensors -> theirs.
LOOPS = {"N": "B", "M": "K", "C": "C", "E": "OY", "F": "OX", "R": "FY", "S": "FX"}
OPERANDS = {"weights": "W", "inputs": "I", "outputs": "O"}

FIXED = 40

RUN = """
import json, logging, sys, time
logging.disable(logging.CRITICAL)
import zigzag.stages.evaluation.cost_model_evaluation as evaluation
from zigzag.datatypes import LayerDim, LayerOperand
from zigzag.mapping.data_movement import DataDirection as D
from zigzag.mapping.temporal_mapping import TemporalMapping, TemporalMappingType
from zigzag.stages.main import MainStage
from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
from zigzag.stages.parser.workload_parser import WorkloadParserStage
from zigzag.stages.results.reduce_stages import MinimalEDPStage
from zigzag.stages.workload_iterator import WorkloadStage

folder, case = sys.argv[1], json.load(open(sys.argv[1] + "/case.json"))
found, spent = [], [0.0, 0]


class Given(TemporalMappingGeneratorStage):
    def generate_temporal_mappings(self):
        for entry in case["fixed"]:
            loops = {LayerOperand(op): [[(LayerDim(n), s) for n, s in level] for level in entry] for op in "WIO"}
            yield TemporalMapping(loops, self.layer, TemporalMappingType.EVEN)


class Noted(evaluation.CostModelEvaluation):
    def __init__(self, *arguments, **named):
        started = time.process_time()
        super().__init__(*arguments, **named)
        spent[0] += time.process_time() - started
        spent[1] += 1
        if case["keep"]:
            words = {str(op): [[m.get(d) for d in (D.RD_OUT_TO_LOW, D.WR_IN_BY_LOW, D.WR_IN_BY_HIGH, D.RD_OUT_TO_HIGH)] for m in levels]
                     for op, levels in self.memory_word_access.items()}
            found.append({"words": words, "steps": self.ideal_temporal_cycle, "macs": self.layer.total_mac_count,
                          "energy": self.energy_total, "cycles": self.latency_total2})


evaluation.CostModelEvaluation = Noted


def run(stage):
    stages = [WorkloadParserStage, AcceleratorParserStage, WorkloadStage, MinimalEDPStage, SpatialMappingGeneratorStage,
              MinimalEDPStage, stage, evaluation.CostModelStage]
    started = time.process_time()
    best = MainStage(stages, accelerator=folder + "/hardware.yaml", workload=folder + "/layer.yaml", mapping=folder + "/mapping.yaml",
                     loma_lpf_limit=case["factors"], loma_show_progress_bar=False, nb_mappings_generated=1,
                     enable_mix_spatial_mapping_generation=False, access_same_data_considered_as_no_access=False,
                     temporal_mapping_type=TemporalMappingType(case["type"])).run()[0][0]
    return {"seconds": time.process_time() - started, "energy": best.energy_total, "cycles": best.latency_total2}


best = run(Given if case["fixed"] else TemporalMappingGeneratorStage)
json.dump({"best": best, "found": found, "model_seconds": spent[0], "ratings": spent[1]}, open(folder + "/result.json", "w"))
"""


def hierarchy() -> Hierarchy:
    """DRAM, a buffer and 16 x 16 elements; ports as wide as theirs."""
    price: dict[str, dict[str, Any]] = {name: {"read_energy_j": value, "write_energy_j": value} for name, value in ENERGY.items()}
    ports: dict[str, Any] = {"read_words": float(WIDE), "write_words": float(WIDE)}
    return Hierarchy(
        (
            StorageLevel("dram", **ports, **price["dram"]),
            StorageLevel("buffer", capacity_words=BUFFER_WORDS, **ports, **price["buffer"]),
            StorageLevel("element", TENSORS, own_words=ELEMENT_WORDS, shared_port=False, **price["element"]),
        ),
        SIDE, SIDE, 1.0, 0.0,
    )  # fmt: skip


def hardware() -> dict[str, Any]:
    """The same architecture in their words: accesses of a memory beside the array are 16 words wide."""

    def register(operand: str, words: float) -> dict[str, Any]:
        inward, outward = (["fh", "fl"], ["tl", "th"]) if operand == "O" else (["fh"], ["tl"])
        return memory([operand], words, 1, ENERGY["element"], {"r": outward, "w": inward}, [])

    def memory(operands: list[str], words: float, wide: int, energy: float, ports: dict[str, list[str]], served: list[str]) -> Any:
        named = {"r": "read", "w": "write", "rw": "read_write"}
        return {
            "size": int(words * 16), "r_cost": energy * wide, "w_cost": energy * wide, "area": 0, "latency": 1, "operands": operands,
            "ports": [
                {
                    "name": f"{kind}_port_1", "type": named[kind], "bandwidth_min": 16 * wide, "bandwidth_max": 16 * wide,
                    "allocation": [f"{o}, {way}" for o in operands for way in ways if o == "O" or way in ("fh", "tl")],
                }
                for kind, ways in ports.items()
            ],
            "served_dimensions": served,
        }  # fmt: skip

    every = {"rw": ["fh", "tl", "fl", "th"]}
    return {
        "name": "peer",
        "memories": {
            "weights": register("I2", ELEMENT_WORDS["weights"]), "inputs": register("I1", ELEMENT_WORDS["inputs"]),
            "outputs": register("O", ELEMENT_WORDS["outputs"]),
            "buffer": memory(["I1", "I2", "O"], BUFFER_WORDS, WIDE, ENERGY["buffer"], every, ["D1", "D2"]),
            "dram": memory(["I1", "I2", "O"], 1e9, WIDE, ENERGY["dram"], every, ["D1", "D2"]),
        },
        "operational_array": {"unit_energy": 1.0, "unit_area": 0, "dimensions": ["D1", "D2"], "sizes": [SIDE, SIDE]},
    }  # fmt: skip


def nest_of(layer: str) -> LoopNest:
    filters, channels, rows, columns, tall, wide = LAYERS[layer]
    return convolution_nest(
        n=1, g=1, m=filters, c=channels, output=(rows, columns), kernel=(tall, wide), stride=(1, 1), dilation=(1, 1),
        tensors=("i", "w", "o"),
    )  # fmt: skip


def mapping_of(nest: LoopNest, parts: list[list[tuple[str, int]]]) -> Mapping:
    """Our mapping of loops in an element, at the buffer and at DRAM, innermost first; channels on rows, filters on columns."""
    element, buffer, dram = ([Loop(name, bound) for name, bound in reversed(part)] for part in parts)
    spread = (Loop("C", SIDE, "rows"), Loop("M", SIDE, "columns"))
    return Mapping.build(nest, [
        MappingLevel("dram", TENSORS, tuple(dram)), MappingLevel("buffer", TENSORS, (*buffer, *spread)),
        MappingLevel("element", TENSORS, tuple(element)),
    ])  # fmt: skip


def random_parts(nest: LoopNest, rng: random.Random) -> list[list[tuple[str, int]]]:
    """Loops that divide evenly, at three levels, in any order."""
    parts: list[list[tuple[str, int]]] = [[], [], []]
    for name in LOOPS:
        left = nest.extent(name) // (SIDE if name in "MC" else 1)
        for k in rng.sample(range(3), 2):
            bound = rng.choice([size for size in range(1, left + 1) if left % size == 0])
            parts[k].append((name, bound))
            left //= bound
        parts[2].append((name, left))
    for k, part in enumerate(parts):
        sizes: dict[str, int] = {}
        for name, bound in part:
            sizes[name] = sizes.get(name, 1) * bound
        parts[k] = [(name, bound) for name, bound in sizes.items() if bound > 1]
        rng.shuffle(parts[k])
    return parts


def theirs(
    python: Path, nest: LoopNest, fixed: list[Any], *, keep: bool, factors: int = 6, kind: str = "even"
) -> dict[str, Any]:  # fmt: skip
    """What their cost model says of fixed mappings, or what their own search finds where there are none."""
    layer = {
        "id": 0, "name": "layer", "operator_type": "Conv", "equation": "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]",
        "dimension_relations": ["ix=1*ox+1*fx", "iy=1*oy+1*fy"], "loop_dims": list(LOOPS.values()),
        "loop_sizes": [nest.extent(name) for name in LOOPS], "operand_precision": {"W": 16, "I": 16, "O": 16, "O_final": 16},
    }  # fmt: skip
    spread = {"D1": [f"C, {SIDE}"], "D2": [f"K, {SIDE}"]}
    mapping = {"name": "default", "spatial_mapping": spread, "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"}}
    case = {"fixed": fixed, "keep": keep, "factors": factors, "type": kind}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (
            ("hardware.yaml", hardware()),
            ("layer.yaml", [layer]),
            ("mapping.yaml", [mapping]),
            ("case.json", case),
        ):
            Path(folder, name).write_text(json.dumps(content))
        done = subprocess.run([str(python), "-W", "ignore", "-c", RUN, folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        result: dict[str, Any] = json.loads(Path(folder, "result.json").read_text())
        return result


def written_theirs(parts: list[list[tuple[str, int]]]) -> list[list[tuple[str, int]]]:
    return [[(LOOPS[name], bound) for name, bound in part] for part in parts]


def their_words(mapping: Mapping) -> dict[str, list[list[int]]]:
    """Our counts in their convention: read to below, written from below, written from above, read to above; element, buffer, DRAM.

    They read a sum before its first update too wherever it is ever read back, fill a child with it, and count the words that carry
    a sum out of a level; ours start from nothing and price no way out. Windows are fetched in full.
    """
    counts = mapping.accesses(halo="full")
    found: dict[str, list[list[int]]] = {}
    for code, tensor in enumerate(TENSORS):
        rows = []
        for level in (2, 1, 0):
            reads, fills = int(counts.reads[level, code]), int(counts.fills[level, code])
            updates, visits = int(counts.updates[level, code]), int(counts.visits[level, code])
            if tensor == "outputs":
                rows.append([
                    updates if reads or level == 2 else 0, updates, visits if fills and level else 0, visits if level else 0
                ])  # fmt: skip
            else:
                rows.append([reads, 0, fills if level else 0, 0])
        found[OPERANDS[tensor]] = rows
    return found


def their_energy(words: dict[str, list[list[int]]], macs: int) -> float:
    """Energy of these words and MACs."""
    price = (ENERGY["element"], ENERGY["buffer"], ENERGY["dram"])
    return macs + sum(price[level] * sum(row) for rows in words.values() for level, row in enumerate(rows))


def compare_fixed(python: Path, layer: str, rng: random.Random) -> tuple[int, float, list[Any]]:
    """Fixed mappings rated by both: how many of their counts, steps or energies differ; seconds of their model; the mappings."""
    nest, machine = nest_of(layer), hierarchy()
    parts: list[Any] = []
    while len(parts) < FIXED:
        drawn = random_parts(nest, rng)
        if rate_mapping(mapping_of(nest, drawn), machine, "full").excess == 0.0:
            parts.append(drawn)
    result = theirs(python, nest, [written_theirs(part) for part in parts], keep=True)
    differing = 0
    for part, rated in zip(parts, result["found"], strict=True):
        mapping = mapping_of(nest, part)
        words = their_words(mapping)
        read = {op: [[count * (WIDE if level else 1) for count in row] for level, row in enumerate(rows)]
                for op, rows in rated["words"].items()}  # fmt: skip
        energy, steps = their_energy(words, nest.volume), int(mapping.accesses().cycles[0])
        same = (read, rated["energy"], rated["steps"], rated["macs"]) == (words, energy, steps, nest.volume)
        if not same:
            differing += 1
            print(f"  {layer}: {part}: ours {steps} {energy} {words}, theirs {rated['steps']} {rated['energy']} {read}")
    return differing, result["model_seconds"] / result["ratings"], parts


def our_seconds(layer: str, parts: list[Any], times: int = 500) -> float:
    """Seconds of one rating of ours, each mapping rated anew many times over."""
    nest, machine = nest_of(layer), hierarchy()
    search = _Search(nest, machine, machine_of(nest, machine, "full"), 2, False, 1)
    bounds = np.ones((len(parts), 5, 10), dtype=np.int64)
    orders: list[list[int]] = []
    pairs: list[list[int]] = []
    for i, part in enumerate(parts):
        bounds[i, 2, DIMENSIONS.index("C")] = bounds[i, 3, DIMENSIONS.index("M")] = SIDE
        for row, loops in zip((4, 1, 0), part, strict=True):
            for name, bound in loops:
                bounds[i, row, DIMENSIONS.index(name)] = bound
        for place in (2, 1):
            inner = [DIMENSIONS.index(name) for name, _ in reversed(part[place])]
            orders.append([d for d in range(10) if d not in inner] + inner)
        pairs.append([2 * i, 2 * i + 1])
    bounds, chosen = np.tile(bounds, (times, 1, 1)), np.tile(np.array(pairs), (times, 1))
    columns = [np.zeros(len(bounds)) for _ in range(4)]
    arguments = (search.desk, search.machine, np.array(orders), bounds, chosen, *columns)
    rate_batch.compiled(*arguments)
    for i, part in enumerate(parts):
        rating = rate_mapping(mapping_of(nest, part), machine, "full")
        assert tuple(column[i] for column in columns) == (rating.excess, rating.cycles, rating.energy, rating.dram_words)
    started = time.process_time()
    rate_batch.compiled(*arguments)
    return (time.process_time() - started) / len(bounds)


def compare_searches(python: Path, layer: str) -> str:
    """The best EDP of both searches over the same spread loops, both rated by their model, with times."""
    nest, machine = nest_of(layer), hierarchy()
    search = _Search(nest, machine, machine_of(nest, machine, "full"), 2, False, 1)
    rows, columns = np.ones((1, 10), dtype=np.int64), np.ones((1, 10), dtype=np.int64)
    rows[0, DIMENSIONS.index("C")] = columns[0, DIMENSIONS.index("M")] = SIDE
    search.row_spreads, search.column_spreads = rows, columns
    search.run("edp", 1, 0.0)  # compiles
    started = time.process_time()
    ours = search.run("edp", 5_000_000, 1e-9)
    spent = time.process_time() - started
    parts = [
        [(loop.loop, loop.bound) for loop in reversed(level.loops) if not loop.spatial] for level in reversed(ours.mapping.levels)
    ]
    said = [f"  {layer}: ours {ours.value:.4g} by our own rating, {spent:.2f} s, {ours.ratings:,} ratings, gap {ours.gap:.1%}"]
    covered = all(nest.extent(name) == np.prod([loop.bound for loop in ours.mapping.loops if loop.loop == name]) for name in LOOPS)
    if covered:
        rated = theirs(python, nest, [written_theirs(parts)], keep=True)["best"]
        said.append(f"    by their model: ours {rated['energy'] * rated['cycles']:.4g}")
    else:
        said.append("    by their model: ours leaves remainders, which it does not take")
    for kind in ("even", "uneven"):
        try:
            found = theirs(python, nest, [], keep=False, kind=kind)
        except RuntimeError as error:
            said.append(f"    theirs, {kind} levels: {error}")
            continue
        best = found["best"]
        said.append(
            f"    theirs, {kind} levels: {best['energy'] * best['cycles']:.4g}, {best['seconds']:.1f} s, {found['ratings']:,} ratings "
            f"({found['ratings'] / best['seconds']:,.0f}/s with making them)"
        )
    return "\n".join(said)


def main() -> None:
    """Compare, then time."""
    try:
        python = peer_python("zigzag", REQUIREMENTS)
    except RuntimeError as error:
        print(f"ZigZag: left out, {error}")
        return
    rng = random.Random(2021)
    differing, their_time, our_time = 0, [], []
    for layer in LAYERS:
        found, seconds, parts = compare_fixed(python, layer, rng)
        differing += found
        their_time.append(seconds)
        our_time.append(our_seconds(layer, parts))
    compared = FIXED * len(LAYERS)
    print(
        f"{REQUIREMENTS[0]}, Python {sys.version.split()[0]}: {compared} fixed mappings compared, {differing} differ in any of: words"
    )
    print(
        "  read and written by level, tensor and direction, steps, MACs, energy (sums that begin at nothing brought to its convention)"
    )
    theirs_mean, ours_mean = float(np.mean(their_time)), float(np.mean(our_time))
    print(
        f"  mappings rated per second, cost model alone: theirs {1 / theirs_mean:,.0f}, ours {1 / ours_mean:,.0f}: "
        f"{theirs_mean / ours_mean:,.0f} times"
    )
    print("  best EDP, the same spread loops, orders of six factors in theirs (its default), all tiles and orders in ours:")
    for layer in LAYERS:
        print(compare_searches(python, layer))


if __name__ == "__main__":
    main()
