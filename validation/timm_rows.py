"""The measured timm networks as amounts of work: which lowering each run means, and the counts of every network under it.

A run is one card under one version, layout and mode. What differs between versions is settled here: PyTorch before 2.0 writes
attention out, 2.9 was timed with re-parameterisable branches merged.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwmodels.runtime import load_runtime
from validation import gpu_features, gpu_networks
from validation.gpu_features import COLUMNS, Features, Stack, features
from validation.gpu_networks import TABLE, NetworkTable, network_table
from validation.measurement import Dataset, Measurement
from validation.resume import digest, folder
from validation.timm_own import Own, own_graph, own_networks
from workloads.graph import Graph
from workloads.tables import graph_tables
from workloads.transforms import autocast, retype, unfuse_attention

Floats = NDArray[np.float64]
Progress = Callable[[str], None]

#: Version from which scaled dot-product attention is one kernel, and from which branches were merged before timing.
FUSED_ATTENTION, MERGED_BRANCHES = (2, 0), (2, 9)

#: Networks counted between two messages.
BATCH = 50
#: Most processes that count or fit at once: each holds the table of networks.
PROCESSES = min(8, os.cpu_count() or 1)


#: A network: its number in the exported table, or name and image size in the catalogue.
Network = int | Own


class Variant(NamedTuple):
    """How a run sees a network."""

    runtime: str  # of the catalogue
    layout: str  # channels_first or channels_last
    precision: str  # mixed, mixed_half_norms, bf16 or fp32
    attention: str  # fused or written


class RunKey(NamedTuple):
    """One column of the published results."""

    device: str
    runtime: str
    version: str
    dtype: str
    phase: str


@dataclass(frozen=True)
class Run:
    """Rows of one run beside their amounts.

    Attributes
    ----------
    key : RunKey
    rows : tuple of Measurement
    networks : int array
        Number of each row's network in the table.
    groups : tuple of str
        What leaves together: families that share a network.
    stacks : tuple of Stack
        Amounts, a row each, for every way the network may have been cast: with norms in fp32, with norms in the half type.
    batch : float array
        Images per run of each row.
    own_rows : int array
        Rows whose network the catalogue builds as well.
    own_stacks : tuple of Stack
        Amounts of the catalogue's networks for these rows.
    """

    key: RunKey
    rows: tuple[Measurement, ...]
    networks: NDArray[np.int64]
    groups: tuple[str, ...]
    stacks: tuple[Stack, ...]
    batch: Floats
    own_rows: NDArray[np.int64]
    own_stacks: tuple[Stack, ...]

    @property
    def seconds(self) -> Floats:
        """Measured seconds per batch."""
        return self.batch / np.array([row.value for row in self.rows])


def key_of(row: Measurement) -> RunKey:
    """The run a row belongs to."""
    return RunKey(row.device, row.runtime, row.runtime_version, row.dtype, row.phase)


def variants_of(key: RunKey) -> tuple[Variant, ...]:
    """How a run may see its networks; whether norms were cast is not published, so runs with fused attention have two.

    >>> variants_of(RunKey("rtx_3090", "torch_eager", "1.13 nhwc", "amp_fp16", "infer"))
    (Variant(runtime='torch_eager', layout='channels_last', precision='mixed', attention='written'),)
    """
    layout = "channels_last" if key.version.endswith("nhwc") else "channels_first"
    attention = "fused" if _version(key) >= FUSED_ATTENTION else "written"
    if not key.dtype.startswith("amp_"):
        return (Variant(key.runtime, layout, key.dtype, attention),)
    ways = ("mixed", "mixed_half_norms") if attention == "fused" else ("mixed",)
    return tuple(Variant(key.runtime, layout, way, attention) for way in ways)


def _version(key: RunKey) -> tuple[int, int]:
    major, minor, *_ = key.version.split()[0].split(".")
    return int(major), int(minor)


def families(dataset: Dataset, table: NetworkTable) -> dict[str, str]:
    """Family as labelled -> what is held out with it: labels that share a network, under the first of their names."""
    parent: dict[str, str] = {row.family: row.family for row in dataset}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    numbers = _numbers(table)
    owner: dict[int, str] = {}
    for row in dataset:
        for number in numbers.get((row.model, int(row.input_shape)), ()):
            first, second = root(owner.setdefault(number, row.family)), root(row.family)
            parent[max(first, second)] = min(first, second)
    return {name: root(name) for name in sorted(parent)}


def _numbers(table: NetworkTable) -> dict[tuple[str, int], tuple[int, int]]:
    return {(entry.model, entry.size): (entry.trained, entry.merged) for entry in table.models}


def runs_of(dataset: Dataset, progress: Progress | None = None) -> list[Run]:
    """Runs on graphics cards, with the amounts of all networks that have operators."""
    table = network_table()
    numbers, together = _numbers(table), families(dataset, table)
    members: dict[RunKey, list[tuple[Measurement, int]]] = defaultdict(list)
    for row in dataset:
        known = numbers.get((row.model, int(row.input_shape)))
        if known is not None and row.unit == "gpu":
            key = key_of(row)
            members[key].append((row, known[_version(key) >= MERGED_BRANCHES]))
    own = own_networks(table)
    wanted: dict[Variant, set[Network]] = defaultdict(set)
    for key, pairs in members.items():
        for variant in variants_of(key):
            wanted[variant].update(number for _, number in pairs)
            wanted[variant].update(own[number] for _, number in pairs if number in own)
    counts = network_counts(wanted, progress)
    found = []
    for key, pairs in members.items():
        listed = [counts[variant] for variant in variants_of(key)]
        mine = [i for i, (_, number) in enumerate(pairs) if number in own]
        found.append(Run(
            key, tuple(row for row, _ in pairs), np.array([number for _, number in pairs]),
            tuple(together[row.family] for row, _ in pairs),
            tuple(Stack.of([one[number] for _, number in pairs]) for one in listed),
            np.array([float(row.batch) for row, _ in pairs]), np.array(mine),
            tuple(Stack.of([one[own[pairs[i][1]]] for i in mine]) for one in listed),
        ))  # fmt: skip
    return found


def prepared(graph: Graph, variant: Variant) -> Graph:
    """The graph as a run computes it: casts written out or all of one type, attention whole or written out."""
    if variant.attention == "written":
        graph = unfuse_attention(graph)
    if variant.precision.startswith("mixed"):
        return autocast(graph, half_norms=variant.precision == "mixed_half_norms")
    return graph if variant.precision == "fp32" else retype(graph, variant.precision)


def count_network(network: Network, variants: Sequence[Variant]) -> dict[Variant, Features]:
    """Amounts of one network under several variants; graphs and tables are made once."""
    table = network_table()
    graph = table.graph(network) if isinstance(network, int) else own_graph(network, table.images)
    found, made = {}, {}
    for variant in variants:
        alike = variant._replace(runtime="", layout="")
        if alike not in made:
            ready = prepared(graph, variant)
            made[alike] = ready, graph_tables(ready)
        runtime = replace(load_runtime(variant.runtime), layout=variant.layout)
        found[variant] = features(made[alike][0], runtime, made[alike][1])
    return found


def network_counts(
    wanted: dict[Variant, set[Network]], progress: Progress | None = None, processes: int | None = None
) -> dict[Variant, dict[Network, Features]]:
    """Amounts of networks by variant and number, counted on all cores or read from the last time."""
    path = folder() / f"timm_{_key(wanted)}.npz"
    known = _read(path, wanted)
    if known is not None:
        return known
    variants: dict[Network, list[Variant]] = defaultdict(list)
    for variant, numbers in sorted(wanted.items()):
        for number in numbers:
            variants[number].append(variant)
    found: dict[Variant, dict[Network, Features]] = {variant: {} for variant in wanted}
    jobs = sorted(variants.items(), key=repr)
    for done, (number, counted) in enumerate(_all_counted(jobs, processes or PROCESSES), start=1):
        for variant, one in counted.items():
            found[variant][number] = one
        if progress is not None and done % BATCH == 0:
            progress(f"timm: {done} of {len(jobs)} networks counted")
    _write(path, found)
    return found


def _all_counted(
    jobs: Sequence[tuple[Network, list[Variant]]], processes: int
) -> Iterable[tuple[Network, dict[Variant, Features]]]:
    if processes == 1 or len(jobs) < BATCH:
        yield from map(_job, jobs)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_job, jobs, chunksize=8)


def _job(job: tuple[Network, list[Variant]]) -> tuple[Network, dict[Variant, Features]]:
    return job[0], count_network(*job)


@cache
def _sources() -> str:
    """Digest of what counts follow from besides the packages of :func:`validation.resume.digest`."""
    found = hashlib.sha256(digest().encode())
    for path in (TABLE, *(Path(str(module.__file__)) for module in (gpu_features, gpu_networks))):
        found.update(path.read_bytes())
    return found.hexdigest()


def _key(wanted: dict[Variant, set[Network]]) -> str:
    runtimes = [repr(load_runtime(name)) for name in sorted({variant.runtime for variant in wanted})]
    text = f"{_sources()} {sorted((tuple(variant), sorted(map(repr, numbers))) for variant, numbers in wanted.items())} {runtimes}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _write(path: Path, found: dict[Variant, dict[Network, Features]]) -> None:
    """Columns of each variant behind each other; a folder that cannot be written only costs the next run its time."""
    arrays: dict[str, NDArray[np.float64]] = {}
    for place, variant in enumerate(sorted(found)):
        listed = [found[variant][number] for number in sorted(found[variant], key=repr)]
        stack = Stack.of(listed)
        arrays |= {f"{place}_{name}": getattr(stack, name) for name in ("totals", *COLUMNS)}
        arrays[f"{place}_lengths"] = np.array([len(one.flop) for one in listed], dtype=float)
    beside = path.with_name(f"{path.stem}_{os.getpid()}.npz")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(beside, allow_pickle=False, **arrays)
        beside.replace(path)


def _read(path: Path, wanted: dict[Variant, set[Network]]) -> dict[Variant, dict[Network, Features]] | None:
    found: dict[Variant, dict[Network, Features]] = {}
    try:
        with np.load(path) as arrays:
            for place, variant in enumerate(sorted(wanted)):
                ends = np.cumsum(arrays[f"{place}_lengths"].astype(int))[:-1]
                parts = [np.split(arrays[f"{place}_{name}"], ends) for name in COLUMNS]
                totals = arrays[f"{place}_totals"]
                found[variant] = {
                    number: Features(totals[i], *(part[i] for part in parts))
                    for i, number in enumerate(sorted(wanted[variant], key=repr))
                }
    except (OSError, KeyError, ValueError):
        return None
    return found
