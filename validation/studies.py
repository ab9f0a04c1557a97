"""Which predictions a dataset is compared with: a study per dataset that asks for more than one estimate a row.

A study takes a dataset and a split and gives its reports. A dataset without one is compared row by row with the closed form of the
catalogue: what a user gets, nothing refitted.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hwmodels.catalog import device_names
from hwmodels.errors import DeviceFileError
from sim.errors import ScheduleError
from validation import array_rows, baselines, decoder, gpu_cells, gpu_engine, gpu_vulkan, mcu, mcu_float, mcu_memory, timm_study
from validation.arrays import eyeriss_v1_alexnet, published_rows, systolic_reference
from validation.compare import Compared, Report
from validation.cpu_study import study as cpu_study
from validation.errors import DatasetError
from validation.isca16_dataflows import isca16_dataflows
from validation.measurement import Dataset, Measurement
from validation.nasbench_study import study as nasbench_study
from validation.peaks import peaks
from validation.predict import NOTHING_ADDED, Added, predicted_with_interval
from validation.reader import Aliases, dataset_names, load_aliases, load_dataset
from workloads.errors import GraphError
from workloads.readers import network_list

Progress = Callable[[str], None]

#: Dataset -> its study, where the closed form of the catalogue row by row is not what is asked.
STUDIES: dict[str, Callable[[Dataset], list[Report]]] = {
    "eyeriss_v1_alexnet": eyeriss_v1_alexnet,
    "isca16_dataflows": isca16_dataflows,
    "peaks": peaks,
    "systolic_reference": systolic_reference,
    **dict.fromkeys(array_rows.DATASETS, published_rows),
}


#: Dataset -> its study, where predictions are refitted: (dataset, split or None for all of its own, progress) -> reports.
REFITTED_STUDIES: dict[str, Callable[[Dataset, str | None, Progress | None], list[Report]]] = {
    "jetson_tensorrt": gpu_engine.study,
    "llm": decoder.study,
    "nasbench201": nasbench_study,
    "nasbench201_gpu": gpu_cells.study,
    "ncnn": cpu_study,
    "ncnn_vulkan": gpu_vulkan.study,
    "timm": timm_study.study,
    mcu_float.NAME: mcu_float.study,
    **dict.fromkeys(mcu.DATASETS, mcu.study),
}
#: Datasets whose devices and networks need not be in the catalogue: their studies know what they need.
OWN_NAMES = ("jetson_tensorrt", "llm", "nasbench201_gpu", "ncnn_vulkan", "timm", mcu_float.NAME)
#: Datasets that are fitted together, by the name of the whole: who they are, and (split, progress) -> reports.
JOINT_STUDIES: dict[str, tuple[tuple[str, ...], Callable[[str | None, Progress | None], list[Report]]]] = {
    mcu.NAME: (mcu.DATASETS, mcu.joint_study),
    mcu_memory.NAME: (mcu.DATASETS, mcu_memory.study),
}


def study_names() -> tuple[str, ...]:
    """What there is to validate: every dataset, those fitted together under the name of the whole."""
    members = {name for names, _ in JOINT_STUDIES.values() for name in names}
    return tuple(sorted({*dataset_names(), *JOINT_STUDIES} - members))


def validate(
    spec: str, split: str | None = None, aliases: Sequence[str] = (), progress: Progress | None = None, added: Added = NOTHING_ADDED
) -> list[Report]:
    """Reports of one dataset.

    Parameters
    ----------
    spec : str
        Name of a dataset of the project or of several fitted together, a folder, or a CSV file.
    split : str or None
        One of :data:`validation.split.KINDS`; default: the dataset's own, ``none`` where nothing is fitted.
    aliases : sequence of str
        Alias files beside the project's.
    progress : callable or None
        Told what is being worked on.
    added : Added
        Device files and layer tables beside the catalogue.
    """
    if split is not None and split.startswith("holdout:"):
        return [holdout_report(split, load_aliases(map(Path, aliases)), progress, added)]
    if spec in JOINT_STUDIES:
        return JOINT_STUDIES[spec][1](split, progress)
    study = STUDIES.get(spec)
    dataset = load_dataset(spec, load_aliases(map(Path, aliases)), None if study or spec in OWN_NAMES else _known(added))
    if spec in REFITTED_STUDIES:
        return REFITTED_STUDIES[spec](dataset, split, progress)
    if study is not None:
        if split not in (None, "none"):
            raise DatasetError(f"split: '{split}' for {spec}; its predictions are fixed, 'none' is expected")
        return study(dataset)
    if split not in (None, "none"):
        raise DatasetError(f"split: '{split}' for {dataset.name}; nothing is refitted for it, 'none' is expected")
    return [catalogue_report(dataset, progress, added)]


def holdout_report(split: str, aliases: Aliases, progress: Progress | None = None, added: Added = NOTHING_ADDED) -> Report:
    """Rows of a file of which nothing was fitted on: constants as they come, and no row that they were fitted on."""
    dataset = load_dataset(split.partition(":")[2], aliases, _known(added))
    seen = {_result(row) for name in dataset_names() for row in load_dataset(name, aliases)}
    fresh = tuple(row for row in dataset.rows if _result(row) not in seen)
    report = catalogue_report(replace(dataset, rows=fresh), progress, added)
    left_out = dict(report.left_out)
    if len(fresh) < len(dataset):
        left_out["stands in the project's own data, which was fitted on"] = len(dataset) - len(fresh)
    refitted = "nothing; the constants were fitted on the project's own data alone"
    return replace(report, split=f"holdout:{dataset.name}", refitted=refitted, left_out=left_out)


def _result(row: Measurement) -> tuple[object, ...]:
    return row.device, row.model, row.metric, row.dtype, f"{row.value:.4g}"


def catalogue_report(dataset: Dataset, progress: Progress | None = None, added: Added = NOTHING_ADDED) -> Report:
    """Each row beside the closed form of its network on its device; what cannot be predicted is counted by its reason."""
    rows: list[Compared] = []
    left_out: Counter[str] = Counter({f"no such {name}": count for name, count in dataset.unmatched.items()})
    for number, row in enumerate(dataset.rows, start=1):
        if progress is not None and number % 20 == 1:
            progress(f"{dataset.name}: row {number} of {len(dataset)}")
        try:
            value, interval = predicted_with_interval(row, added)
        except (GraphError, DeviceFileError, ScheduleError, ValueError) as error:
            left_out[str(error)] += 1
            continue
        if value is None or value <= 0:
            left_out[f"{row.metric} of {row.device} is not known"] += 1
            continue
        rows.append(Compared(row, value, *(interval or (None, None))))
    rows = _beside_baselines(rows, added)
    notes = (*_about(dataset, rows), *dataset.caveats)
    return Report(dataset.name, "none", tuple(rows), left_out=dict(sorted(left_out.items())), notes=notes)


def _beside_baselines(rows: list[Compared], added: Added) -> list[Compared]:
    """Latencies of one inference beside MACs alone and a line per kind of operator, fitted to the other networks of the group."""
    chosen = [i for i, row in enumerate(rows) if _is_plain(row.measurement)]
    alike = [rows[i].measurement for i in chosen]
    found = baselines.held_out(alike, [row.group() for row in alike], [row.model for row in alike], added.networks)
    for place, i in enumerate(chosen):
        seconds = {name: float(values[place]) for name, values in found.items() if 0 < values[place] < float("inf")}
        rows[i] = replace(rows[i], baselines=seconds)
    return rows


def _is_plain(row: Measurement) -> bool:
    return row.metric == "latency_s" and row.phase == "infer" and row.batch == 1 and not row.layer


def _about(dataset: Dataset, rows: Sequence[Compared]) -> list[str]:
    """What has to be said of a table: rows that repeat, columns that were kept, why nothing of it is in the catalogue."""
    said = []
    if dataset.duplicates:
        word = "row repeats" if dataset.duplicates == 1 else "rows repeat"
        said.append(f"{dataset.duplicates} {word} the settings of another one; all are counted")
    if dataset.columns:
        said.append(f"columns kept as notes: {', '.join(dataset.columns)}")
    if dataset.unmatched and not rows:
        said.append(f"no row names a device and a network of the catalogue; {_nearest(dataset)}")
    return said


def _nearest(dataset: Dataset) -> str:
    """What was written, the nearest names, and how to tell what a name means."""
    pools = {"device": device_names(), "model": tuple(entry.name for entry in network_list(()))}
    near = []
    for what in list(dataset.unmatched)[:3]:
        kind, _, written = what.partition(": ")
        found = difflib.get_close_matches(written.lower().replace(" ", "_").replace("-", "_"), pools[kind], 2, 0.4)
        near.append(f"{kind} '{written}'" + (f" (near: {', '.join(found)})" if found else ""))
    return f"written are {'; '.join(near)}; `--aliases FILE` with kind,as_written,name tells what a name means"


def _known(added: Added) -> Callable[[str, str], bool]:
    names = {"device": set(device_names(added.devices)), "model": {entry.name for entry in network_list(added.networks)}}
    return lambda kind, name: name in names[kind] or (kind == "model" and ":" in name)
