"""Published rows of array parts predicted by the ordinary way: device file, lowering, estimate, with the settings of the row."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from hwmodels.reader import load_device
from sim.assignment import nearest_dtype
from sim.estimate import estimate
from sim.lower import layerwise_plan, lower
from validation.errors import DatasetError
from validation.measurement import Measurement
from workloads.dtypes import bits
from workloads.graph import Graph
from workloads.networks import NETWORKS, build
from workloads.transforms import fold_batch_norm, retype

#: Datasets this module predicts.
DATASETS = ("edge_tpu", "ethos_u", "tpu_v1")


def predictions(rows: Iterable[Measurement]) -> list[tuple[Measurement, float]]:
    """Each row with its prediction, in the unit of its metric.

    Parameters
    ----------
    rows : iterable of Measurement
        A :class:`~validation.measurement.Dataset` of DATASETS, or some of its rows.

    Raises
    ------
    DatasetError
        A row of a metric or a network that cannot be predicted.
    """
    return [(row, prediction(row)) for row in rows]


def prediction(row: Measurement) -> float:
    """Latency [s] or rate of operations [Top/s, two per MAC] of one row."""
    if row.metric not in ("latency_s", "tops"):
        raise DatasetError(f"row {row.row}: metric '{row.metric}'; latency_s or tops is expected here")
    if row.model not in NETWORKS:
        raise DatasetError(f"row {row.row}: model '{row.model}'; a network of the catalogue is expected")
    latency_s, macs = _run(row.model, row.device, row.batch, row.runtime, row.clock_mhz, _stored_bytes(row))
    return latency_s if row.metric == "latency_s" else 2 * macs / latency_s / 1e12


def _stored_bytes(row: Measurement) -> float | None:
    """Size of the stored model, where the row states it in its notes as ``model_mb=...`` [B]."""
    for part in row.notes.split(";"):
        key, _, value = part.strip().partition("=")
        if key == "model_mb":
            return float(value) * 1e6
    return None


@cache
def _run(
    model: str, device_name: str, batch: int, runtime: str, clock_mhz: float | None, stored_bytes: float | None
) -> tuple[float, int]:
    """Latency [s] and multiply-accumulates of a run."""
    overrides = {} if clock_mhz is None else {"units.array.frequency": f"{clock_mhz} MHz"}
    device = load_device(device_name)
    graph = deployed(build(model, batch=batch), nearest_dtype(device.default_unit, build(model)))
    if stored_bytes is not None:
        overrides["units.array.parameters.weight_compression"] = str(stored_bytes / graph.weights_bytes)
    device = load_device(device_name, overrides)
    found = estimate(lower(graph, device, layerwise_plan(graph, device, runtime=runtime or None, batch=batch)))
    return found.latency_s, found.macs


def deployed(graph: Graph, dtype: str | None) -> Graph:
    """A float network as it is put on the part: batch norms folded, quantised to ``dtype``; others as they are."""
    return graph if dtype is None or bits(dtype) >= 32 else retype(fold_batch_norm(graph), dtype)
