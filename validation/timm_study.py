"""timm networks on graphics cards beside measurements: whole families left out, whole chips left out, training steps.

Every fold fits everything anew on the other families, half-saturations and casts included; intervals come from the errors of the
other families. For a chip left out, shares of the data sheets are learnt on the other chips alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from validation import decoder
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.gpu_fit import Fit
from validation.gpu_folds import interval_factors, left_out, scatter_by_parts
from validation.intervals import SHARE, weighted_quantile
from validation.measurement import Dataset, Measurement
from validation.reader import load_dataset
from validation.timm_model import ENERGY, Choices, amounts_of, card, coarse_amounts, coarse_form, more_of
from validation.timm_rows import PROCESSES, Run, runs_of

Floats = NDArray[np.float64]
Progress = Callable[[str], None]

FAMILY, DEVICE = "leave-one-family-out", "leave-one-device-out"

#: Runs that stand for their card when a card is left out: the newest eager one, mixed precision, channels first.
MOVED = (
    ("rtx_3090", "torch_eager", "2.4.0 nchw"), ("rtx_5090", "torch_eager", "2.9.1 nchw"),
    ("rtx_pro_6000_max_q", "torch_eager", "2.9.1 nchw"), ("rtx_5090", "torch_compile", "2.9.1 nchw"),
    ("rtx_pro_6000_max_q", "torch_compile", "2.9.1 nchw"),
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """Predictions of the rows of a run, none of which was seen.

    Attributes
    ----------
    seconds, coarse : float arrays
        By the kernel model, and from MACs and activations alone [s].
    own : float array
        The same of rows whose network the catalogue builds, by its own graph [s].
    parts : float array, rows x terms
        Share of each term in the time predicted.
    fit : Fit
        On all rows: what a user gets.
    choice : tuple
        Number of the cast and half-saturations of that fit.
    """

    seconds: Floats
    coarse: Floats
    own: Floats
    parts: Floats
    fit: Fit
    choice: tuple[int, tuple[int, int]]


def families_out(run: Run) -> Held:
    """Each row predicted by a fit that has not seen its family."""
    choices, measured, names = Choices.of(run), run.seconds, np.array(run.groups)
    place, whole = choices.best(measured)
    seconds, own, unit = np.empty(len(measured)), np.empty(len(run.own_rows)), card(run.key.device)
    for name in sorted(set(run.groups)):
        out = names == name
        at, fits = choices.best(measured, ~out, whole)
        seconds[out] = fits[at].seconds(choices.amounts[at][out])
        cast, pair = choices.names[at]
        mine = out[run.own_rows]
        if mine.any():
            amounts = amounts_of(run.own_stacks[cast], run.batch[run.own_rows], unit, pair, more_of(run.key))
            own[mine] = fits[at].seconds(amounts[mine])
    _, coarse = left_out(coarse_form(run.key), coarse_amounts(run), measured, run.groups)
    parts = choices.amounts[place] * whole[place].form.prices(whole[place].theta)
    return Held(seconds, coarse, own, parts / parts.sum(axis=1, keepdims=True), whole[place], choices.names[place])


def all_held(runs: Sequence[Run], processes: int | None = None) -> list[Held]:
    """Predictions of all runs, on all cores."""
    if (processes or PROCESSES) == 1:
        return [families_out(run) for run in runs]
    with ProcessPoolExecutor(processes or PROCESSES, mp_context=get_context("spawn")) as pool:
        return list(pool.map(families_out, runs))


def card_out(runs: Sequence[Run], target: Run) -> Floats:
    """Seconds of the rows of a run from the data sheet of its card and the shares of other cards.

    The prior of the energy of an operation comes from prompts of language models, on cards of other chips than the target's.
    """
    choices = Choices.pooled(runs, _energy_without(target.rows[0].chip))
    place, fits = choices.best(np.concatenate([run.seconds for run in runs]))
    pair = choices.names[place][1]
    return fits[place].seconds(amounts_of(target.stacks[0], target.batch, card(target.key.device), pair, ENERGY))


@cache
def _energy_without(chip: str) -> float:
    """Energy of one operation that the prompts of language models tell, without a chip [J]."""
    return decoder.fitted_constants(load_dataset("llm"), "prefill", without=chip)["operation_energy"]


def shown(row: Measurement) -> Measurement:
    """A row as seconds per batch, whose chip and runtime name card and version, so that every run is a group."""
    chip, runtime = f"{row.chip} {row.device}", f"{row.runtime} {row.runtime_version}"
    return replace(row, chip=chip, runtime=runtime, metric="latency_s", value=row.batch / row.value)


def compared(run: Run, seconds: Floats, lower: Floats, upper: Floats, coarse: Floats | None = None) -> list[Compared]:
    """Rows with the factors of their intervals."""
    return [
        Compared(
            shown(row), float(seconds[i]), float(seconds[i] * lower[i]), float(seconds[i] * upper[i]),
            {} if coarse is None else {"coarse": float(coarse[i])},
        )
        for i, row in enumerate(run.rows)
    ]  # fmt: skip


def family_report(dataset: Dataset, runs: Sequence[Run], held: Sequence[Held], phase: str, left: dict[str, int]) -> Report:
    """Runs of a phase, every family left out."""
    rows: list[Compared] = []
    notes = []
    for run, one in zip(runs, held, strict=True):
        if run.key.phase == phase:
            errors = np.log(run.seconds / one.seconds)
            low, high = interval_factors(errors, run.groups, scatter_by_parts(errors, one.parts, run.groups))
            rows += compared(run, one.seconds, low, high, one.coarse)
            notes.append(said(run, one))
    what = "nine shares, ratios and gaps per run (ten of a training step), two half-saturations, the cast of norms"
    return Report(f"{dataset.name} {phase}", FAMILY, tuple(rows), what, left, tuple(notes))


def own_report(dataset: Dataset, runs: Sequence[Run], held: Sequence[Held], phase: str) -> Report:
    """The same fits, the rows whose networks the catalogue builds, by its own graphs."""
    rows: list[Compared] = []
    for run, one in zip(runs, held, strict=True):
        if run.key.phase == phase:
            errors = np.log(run.seconds / one.seconds)
            low, high = interval_factors(errors, run.groups, scatter_by_parts(errors, one.parts, run.groups))
            every = compared(run, one.seconds, low, high)
            rows += [
                replace(every[i], predicted=float(value), lower=float(value * low[i]), upper=float(value * high[i]))
                for i, value in zip(run.own_rows.tolist(), one.own, strict=True)
            ]
    return Report(f"{dataset.name} {phase}, networks of the catalogue", FAMILY, tuple(rows), "as above; graphs of the catalogue")


def said(run: Run, held: Held) -> str:
    """Parameters of a run in a line."""
    values = ", ".join(f"{name} {value:.3g}" for name, value in zip(held.fit.form.parameters, np.exp(held.fit.theta), strict=True))
    cast, (channels, reduction) = held.choice
    norms = ", norms in the half type" if cast else ""
    return (
        f"{run.key.device} {run.key.runtime} {run.key.version} {run.key.dtype}: {values}, n0 {channels}, k0 {reduction}{norms}; "
        f"{len(set(run.groups))} families"
    )


def device_reports(dataset: Dataset, runs: Sequence[Run]) -> list[Report]:
    """Cards predicted from their data sheet: with every card of their chip left out, and with themselves alone left out."""
    moved = [
        run for run in runs
        if run.key.dtype == "amp_fp16" and run.key.phase == "infer" and (run.key.device, run.key.runtime, run.key.version) in MOVED
    ]  # fmt: skip
    found = []
    for title, key in (("chips", lambda run: run.rows[0].chip), ("cards", lambda run: run.key.device)):
        predicted = []
        for target in moved:
            sources = [run for run in moved if run.key.runtime == target.key.runtime and key(run) != key(target)]
            if sources:
                predicted.append((target, card_out(sources, target)))
        what = f"shares of the data sheet, on other {title} alone"
        split = DEVICE if title == "chips" else "leave-one-card-out"
        found.append(Report(f"{dataset.name} infer, other {title}", split, tuple(_wide(predicted, key)), what))
    return found


def _wide(predicted: Sequence[tuple[Run, Floats]], key: Callable[[Run], str]) -> list[Compared]:
    """Intervals from how far other cards were off, in either direction: which one errs up and which down is not known before."""
    errors = [np.abs(np.log(run.seconds / seconds)) for run, seconds in predicted]
    rows = []
    for run, seconds in predicted:
        others = np.concatenate([
            error for (other, _), error in zip(predicted, errors, strict=True) if key(other) != key(run)
        ])  # fmt: skip
        half = weighted_quantile(others, np.ones(len(others)), SHARE) if len(others) else np.nan
        factor = np.full(len(seconds), np.exp(half))
        rows += compared(run, seconds, 1.0 / factor, factor)
    return rows


def study(dataset: Dataset, split: str | None, progress: Progress | None) -> list[Report]:
    """Inference and training steps with families left out, inference with cards left out."""
    if split not in (None, FAMILY, DEVICE):
        raise DatasetError(f"split: '{split}' for {dataset.name}; '{FAMILY}' or '{DEVICE}' is expected")
    runs = runs_of(dataset, progress)
    known = {id(row) for run in runs for row in run.rows}
    left = {
        "measured on a CPU": sum(row.unit != "gpu" for row in dataset),
        "no longer in timm": sum(row.unit == "gpu" and id(row) not in known for row in dataset),
    }
    found: list[Report] = []
    if split in (None, FAMILY):
        if progress is not None:
            progress(f"{dataset.name}: families left out of {len(runs)} runs")
        held = all_held(runs)
        found += [family_report(dataset, runs, held, phase, left if phase == "infer" else {}) for phase in ("infer", "train")]
        found += [own_report(dataset, runs, held, phase) for phase in ("infer", "train")]
    if split in (None, DEVICE):
        found += device_reports(dataset, runs)
    return found
