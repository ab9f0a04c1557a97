"""What was measured of a network on devices, to be shown beside estimates: the project's own rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from validation.reader import dataset_names, load_aliases, load_dataset

#: Datasets of throughputs and of cells: no latency of a network of the catalogue stands in them.
OTHERS = ("nasbench201", "nasbench201_gpu", "timm")


class Answer(Protocol):
    """What is read of an estimate."""

    @property
    def network(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...


def measured_seconds(answers: Iterable[Answer]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Device -> measured latencies of the network [s]: under the settings of the estimate, and of the same batch under others."""
    wanted = {(one.network, one.device): one for one in answers}
    found: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    names = load_aliases()
    for dataset in dataset_names():
        if dataset in OTHERS:
            continue
        for row in load_dataset(dataset, names, lambda kind, name: kind != "model" or any(name == net for net, _ in wanted)):
            answer = wanted.get((row.model, row.device))
            if (
                answer is not None
                and row.metric == "latency_s"
                and not row.layer
                and row.batch == (answer.settings.get("batch") or 1)
            ):
                alike = _alike(row, answer.settings)
                (found if alike else others).setdefault(row.device, []).append(row.value)
    return found, others


def _alike(row: Any, settings: Mapping[str, Any]) -> bool:
    """True where a row does not contradict the settings; what it does not state is taken as alike."""
    pairs = ((row.runtime, "runtime"), (row.unit, "unit"), (row.dtype, "dtype"), (row.threads, "threads"))
    return all(value in (None, "") or settings.get(key) in (None, value) for value, key in pairs)
