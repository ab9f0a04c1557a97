"""Language models on GPUs: tokens per second of decoding and of prompts, with whole chips left out.

A few constants per maker and kind of memory, none per card: share of the bandwidth, gap per layer, vector operations to decode a
weight of a block format, the penalty of the Vulkan backend, the extra gap of a slow host, the hop between cards; of prompts the
share of the matrix peak and the energy of an operation, which slows cards whose power limit is low for their peak.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from hwmodels.costs.nominal import NARROW_SUMS, half_seconds, limited_seconds, memory_seconds, vector_seconds
from hwmodels.device import GpuUnit
from hwmodels.reader import load_device
from validation.compare import Compared, Report
from validation.errors import DatasetError
from validation.gpu_fit import Fit, Form, fit
from validation.gpu_folds import interval_factors, left_out
from validation.mcu_rows import notes_of
from validation.measurement import Dataset, Measurement
from workloads.networks import NETWORKS
from workloads.networks.decoder import Decoder

Floats = NDArray[np.float64]
SPLIT = "leave-one-device-out"

#: Architecture -> class that shares constants; all others are NVIDIA's.
CLASSES = {"apple_gpu": "apple", "rdna": "amd", "gcn": "amd", "rdna_unified": "amd_unified", "xe_hpg": "intel"}

#: Bits of one weight of a whole file, for rows that do not state its size: ggml block layouts and mixes of llama.cpp.
FILE_BITS = {
    "f16": 16.0,
    "q8_0": 8.5,
    "q4_k_m": 4.83,
    "q4_0": 4.6,
    "iq4_nl": 4.6,
    "iq4_xs": 4.4,
    "4-bit": 4.6,
    "mxfp4": 4.63,
    "q4": 4.8,
}

#: Weights of formats of fewer bits are decoded before they are multiplied.
CODED_BELOW_BITS = 12.0

#: Parameters [1e9] -> layers, of models whose configuration is not in the catalogue.
LAYERS = ((0.5, 24), (1.1, 22), (3.2, 28), (8.0, 32), (13.0, 40), (34.0, 60), (70.0, 80))

#: Keys and values of one token and layer where the configuration is not known: 8 heads of 128.
KEY_WIDTH = 1024

#: Prior of each constant: centre and standard deviation of its logarithm.
DECODE_PRIORS: dict[str, tuple[float, float]] = {
    "share_nvidia": (0.9, 0.3), "share_apple": (0.8, 0.3), "share_amd": (0.6, 0.3), "share_amd_unified": (0.6, 0.3),
    "share_intel": (0.4, 0.5), "vulkan": (1.2, 0.3), "decoding_operations": (5.0, 1.0), "gap": (70e-6, 1.0),
    "gap_apple": (150e-6, 1.0), "gap_slow_host": (50e-6, 1.0), "hop": (1e-4, 1.0),
}  # fmt: skip
PREFILL_PRIORS: dict[str, tuple[float, float]] = {
    "share_nvidia": (0.5, 0.5), "share_apple": (0.65, 0.5), "coded_nvidia": (1.2, 0.3), "coded_apple": (1.1, 0.3),
    "operation_energy": (2e-12, 1.0), "cards": (0.8, 0.3),
}  # fmt: skip

#: One term of a row: the powers of constants in its price, and its amount.
Terms = list[tuple[Mapping[str, float], float]]


class Model:
    """What a row says of its model: weights touched, layers, width of a key."""

    def __init__(self, row: Measurement) -> None:
        said = notes_of(row)
        network = NETWORKS.get(row.model)
        known = network.builder.args[0] if network is not None and isinstance(network.builder, partial) else None
        self.parameters = float(said["parameters_1e9"]) * 1e9
        self.active = float(said.get("active_1e9") or said["parameters_1e9"]) * 1e9
        size = float(said["file_gb"]) * 1e9 if "file_gb" in said else self.parameters * FILE_BITS[row.dtype] / 8.0
        self.touched_bytes = size * self.active / self.parameters
        sizes, layers = zip(*LAYERS, strict=True)
        self.layers = float(np.interp(np.log(self.active / 1e9), np.log(sizes), layers))
        self.key_width, self.features = KEY_WIDTH, 64.0 * self.layers * 2
        if isinstance(known, Decoder):
            self.layers, self.key_width, self.features = float(known.layers), known.key_heads * known.width, float(known.features)
        self.coded = FILE_BITS[row.dtype] < CODED_BELOW_BITS


@cache
def gpu_of(device: str) -> GpuUnit:
    """The GPU of a device of the catalogue."""
    return next(unit for unit in load_device(device).units.values() if isinstance(unit, GpuUnit))


def class_of(row: Measurement) -> str:
    """Class of constants of a row's GPU."""
    return CLASSES.get(gpu_of(row.device).architecture, "nvidia")


def decode_terms(row: Measurement) -> Terms:
    """One token: weights, keys and values, decoding of weights, gaps, hops."""
    model, unit, said, maker = Model(row), gpu_of(row.device), notes_of(row), class_of(row)
    vulkan = {"vulkan": 1.0} if said.get("backend") == "vulkan" else {}
    cache_bytes = 2.0 * model.layers * model.key_width * (row.context or 0) * 2.0
    terms: Terms = [
        ({f"share_{maker}": -1.0, **vulkan}, memory_seconds(model.touched_bytes, unit)),
        ({f"share_{maker}": -1.0}, memory_seconds(cache_bytes, unit)),
        ({"gap_apple" if maker == "apple" else "gap": 1.0}, model.layers),
    ]
    if model.coded:
        terms.append(({"decoding_operations": 1.0}, vector_seconds(model.active, unit)))
    if said.get("host") == "slow":
        terms.append(({"gap_slow_host": 1.0}, model.layers))
    if "cards" in said:
        terms.append(({"hop": 1.0}, float(said["cards"]) - 1.0))
    return terms


def prefill_terms(row: Measurement) -> Terms:
    """A prompt of n tokens: 2 operations a weight and token, half of n x n scores and values; power where a limit is known."""
    model, unit, maker = Model(row), gpu_of(row.device), class_of(row)
    tokens = float(row.context or 1)
    operations = 2.0 * model.active * tokens + 2.0 * model.layers * model.features * tokens * tokens
    side = {f"coded_{maker}": 1.0} if model.coded else {}
    side |= {"cards": 1.0} if "cards" in notes_of(row) else {}
    terms: Terms = [({f"share_{maker}": -1.0, **side}, half_seconds(operations, unit, NARROW_SUMS))]
    if maker == "nvidia":
        terms.append(({"operation_energy": 1.0, **side}, limited_seconds(operations, unit)))
    return terms


def form_of(
    rows: Sequence[Measurement], terms: Callable[[Measurement], Terms], priors: Mapping[str, tuple[float, float]]
) -> tuple[Form, Floats]:
    """The form of some rows and their amounts: a column per distinct price."""
    each = [terms(row) for row in rows]
    prices = list(dict.fromkeys(tuple(sorted(powers.items())) for listed in each for powers, _ in listed))
    names = tuple(name for name in priors if any(name == power for price in prices for power, _ in price))
    amounts = np.zeros((len(rows), len(prices)))
    for i, listed in enumerate(each):
        for powers, amount in listed:
            amounts[i, prices.index(tuple(sorted(powers.items())))] += amount
    exponents = np.array([[dict(price).get(name, 0.0) for name in names] for price in prices])
    means, deviations = np.array([priors[name] for name in names]).T
    return Form(names, exponents, np.log(means), deviations), amounts


def usable(dataset: Dataset, phase: str) -> list[Measurement]:
    """Rows of a phase that nothing speaks against."""
    return [row for row in dataset if row.phase == phase and row.metric == "tokens_per_s" and "left_out" not in notes_of(row)]


def seconds_of(row: Measurement) -> float:
    """Measured seconds of a decode step, or of a whole prompt."""
    return (1.0 if row.phase == "decode" else float(row.context or 1)) / row.value


def fitted(dataset: Dataset, phase: str, cards: bool = True) -> tuple[list[Measurement], Fit, Floats]:
    """Rows of a phase, the fit on all of them, and the seconds of each by a fit without its chip."""
    rows = [row for row in usable(dataset, phase) if cards or "cards" not in notes_of(row)]
    terms, priors = (decode_terms, DECODE_PRIORS) if phase == "decode" else (prefill_terms, PREFILL_PRIORS)
    form, amounts = form_of(rows, terms, priors)
    whole, predicted = left_out(form, amounts, np.array([seconds_of(row) for row in rows]), [row.chip for row in rows])
    return rows, whole, predicted


def fitted_constants(dataset: Dataset, phase: str, without: str = "") -> dict[str, float]:
    """Constants of the rows of a phase on one card, without a chip."""
    rows = [row for row in usable(dataset, phase) if "cards" not in notes_of(row) and row.chip != without]
    terms, priors = (decode_terms, DECODE_PRIORS) if phase == "decode" else (prefill_terms, PREFILL_PRIORS)
    form, amounts = form_of(rows, terms, priors)
    found = fit(form, amounts, np.array([seconds_of(row) for row in rows]))
    return dict(zip(form.parameters, map(float, np.exp(found.theta)), strict=True))


def report(dataset: Dataset, phase: str, cards: bool = True) -> Report:
    """Predicted beside measured tokens per second, every chip predicted by constants of the others."""
    rows, whole, predicted = fitted(dataset, phase, cards)
    measured = np.array([seconds_of(row) for row in rows])
    lower, upper = interval_factors(np.log(measured / predicted), [row.chip for row in rows])
    simple = _baseline(rows, phase, measured)
    compared = []
    for i, row in enumerate(rows):
        value = seconds_of(row) * row.value / predicted[i]
        low, high = value / upper[i], value / lower[i]
        compared.append(
            Compared(row, float(value), float(low), float(high), {"one_share": float(seconds_of(row) * row.value / simple[i])})
        )
    said = ", ".join(f"{name} {value:.3g}" for name, value in zip(whole.form.parameters, np.exp(whole.theta), strict=True))
    left: dict[str, int] = {}
    for row in dataset:
        reason = notes_of(row).get("left_out", "")
        if row.phase == phase and reason:
            left[reason] = left.get(reason, 0) + 1
    which = "" if cards or phase == "decode" else ", one card"
    return Report(
        f"{dataset.name} {phase}{which}",
        SPLIT,
        tuple(compared),
        f"{len(whole.form.parameters)} constants",
        left,
        (f"constants of all rows: {said}",),
    )


def _baseline(rows: Sequence[Measurement], phase: str, measured: Floats) -> Floats:
    """One share of the bandwidth (decoding) or of the peak (prompts) for all, learnt on the other chips."""
    nominal = np.array([(decode_terms if phase == "decode" else prefill_terms)(row)[0][1] for row in rows])
    chips = np.array([row.chip for row in rows])
    return np.array([value * np.median((measured / nominal)[chips != chip]) for value, chip in zip(nominal, chips, strict=True)])


def study(dataset: Dataset, split: str | None, progress: Callable[[str], None] | None) -> list[Report]:
    """Decoding, prompts on one card, prompts on all."""
    if split not in (None, SPLIT):
        raise DatasetError(f"split: '{split}' for {dataset.name}; its rows are split by chip, '{SPLIT}' is expected")
    return [report(dataset, "decode"), report(dataset, "prefill", cards=False), report(dataset, "prefill")]
