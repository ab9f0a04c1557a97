"""How far measured latencies lie from predicted ones, by how much is known of a board: quantiles learnt in validation, as data."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("intervals.csv")
#: Graphics cards and boards whose own rows a GPU runtime was fitted to.
CARDS = Path(__file__).with_name("measured_cards.csv")

#: Basis of a unit whose multipliers come from its class alone.
DATA_SHEET = "data sheet only"
#: Basis of a card whose own rows the runtime was fitted to.
MEASURED_CARD = "card measured"
#: Basis of runs that the host rules: it is as fast as those measured.
OLD_HOSTS = "hosts of 2016 to 2018"
#: Kinds of runs on GPUs: 16 bit and so many images at least, fewer images, a token, a prompt.
LARGE_BATCH, SMALL_BATCH, DECODING, PROMPT = "16 bit, large batch", "small batch", "decode", "prefill"
#: Images from which a run is a large batch: kernels, not the host, take the time.
LARGE_IMAGES = 16
#: Stands for the runtimes of microcontrollers, whose intervals are learnt together.
MICROCONTROLLERS = "microcontrollers"


class LearntInterval(NamedTuple):
    """Half width of the 80 % interval of ln(latency), and what it was learnt from."""

    basis: str
    kind: str  # float or int8
    half_width: float
    rows: int
    split: str


@cache
def learnt_intervals() -> dict[tuple[str, str, str], LearntInterval]:
    """(maker of the runtime or ``microcontrollers``, basis, kind of types) -> interval."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {
            (row["runtime"], row["basis"], row["kind"]): LearntInterval(
                row["basis"], row["kind"], float(row["half_width_ln"]), int(row["rows"]), row["split"]
            )
            for row in csv.DictReader(file)
        }


def learnt_interval(runtime: str, basis: str, kind: str) -> LearntInterval | None:
    """The interval for runs under a runtime; ``None`` where none was learnt.

    >>> learnt_interval("ncnn_2022_06", "data sheet only", "float").half_width > 0.3
    True
    """
    return learnt_intervals().get((runtime.partition("_")[0].partition("@")[0], basis, kind))


def learnt_for_gpu(runtime: str, basis: str, kind: str) -> LearntInterval | None:
    """The interval of a GPU runtime; there the name counts as a whole.

    >>> learnt_for_gpu("torch_eager", "card measured", "16 bit, large batch").half_width < 0.2
    True
    """
    return learnt_intervals().get((runtime, basis, kind))


@cache
def measured_cards() -> dict[tuple[str, str], int]:
    """(runtime, device) -> rows of whole networks its shares were fitted to."""
    with CARDS.open(encoding="utf-8", newline="") as file:
        return {(row["runtime"], row["device"]): int(row["rows"]) for row in csv.DictReader(file)}
