"""Settings: every choice a user may make for one run, checked once; the same for the command line and for Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import Any

from boardless.errors import UsageError
from strategies.chosen import read_strategy
from strategies.strategy import Strategy
from workloads.dtypes import SELECTABLE
from workloads.errors import nearest

DATAFLOWS = ("ws", "os", "is", "rs", "nlr", "best", "os_a", "os_b", "os_c")
TIMINGS = ("default", "reference")
PHASES = ("prefill", "decode")

Pairs = Mapping[str, Any] | Iterable[str]
Paths = Iterable[str | PathLike[str]]


@dataclass(frozen=True)
class Settings:
    """Choices of a run; what is left at ``None`` is taken from the network or the device.

    Attributes
    ----------
    batch : int or None
        Inputs per run; ``None`` is the batch the file is fixed at, else 1.
    dtype : str or None
        Retype float tensors; ``None`` takes the types of the file, operator by operator.
    unit : str or None
        Compute unit; ``None`` is the device's default.
    threads : int or None
        CPU threads; ``None`` is all cores of the unit.
    runtime, profile : str or None
        Inference engine and memory accounting; ``None`` is the unit's and the runtime's.
    dataflow : str or None
        Of an array unit: ws, os, is, rs, nlr, best, os_a, os_b, os_c.
    timing : str
        ``default`` or ``reference`` (systolic units).
    mapping : path or None
        CSV file of given mappings.
    hypothetical : bool
        Allow a dataflow that the unit does not list.
    set : Mapping or iterable of ``FIELD=VALUE``
        Fields of the device changed for this run.
    dim : Mapping or iterable of ``NAME=VALUE``
        Values of symbolic dimensions.
    context : int or None
        Tokens in the cache of a decoder.
    phase : str or None
        ``prefill`` or ``decode`` of a decoder.
    allow_unmodelled : bool
        Cost unknown operators as moving their bytes instead of refusing them.
    fold : bool
        Fold batch norms into the operator before them.
    seed : int
    every : str or None
        Time from one inference to the next, e.g. ``10s``: adds the average power.
    battery : str or None
        Charge and voltage, e.g. ``1000mAh@3V``: adds the days it lasts; needs ``every``.
    format : str or None
        ``topology`` for a table of the systolic simulator with an unknown header.
    strategy : iterable of str or Strategy
        What is done to the network and its plan, in order, e.g. ``["quantize:dtype=int8", "fuse"]``.
    devices, networks : iterable of path
        Device files and layer tables added to the catalogue.
    """

    batch: int | None = None
    dtype: str | None = None
    unit: str | None = None
    threads: int | None = None
    runtime: str | None = None
    profile: str | None = None
    dataflow: str | None = None
    timing: str = "default"
    mapping: str | PathLike[str] | None = None
    hypothetical: bool = False
    set: Pairs = field(default_factory=dict)
    dim: Pairs = field(default_factory=dict)
    context: int | None = None
    phase: str | None = None
    allow_unmodelled: bool = False
    fold: bool = True
    seed: int = 0
    every: str | None = None
    battery: str | None = None
    format: str | None = None
    strategy: Iterable[str | Strategy] = ()
    devices: Paths = ()
    networks: Paths = ()

    def __post_init__(self) -> None:
        for name in ("batch", "threads", "context"):
            _check_count(name, getattr(self, name), 0 if name == "context" else 1)
        _check_count("seed", self.seed, 0)
        _check_choice("dtype", self.dtype, SELECTABLE)
        _check_choice("dataflow", self.dataflow, DATAFLOWS)
        _check_choice("timing", self.timing, TIMINGS)
        _check_choice("phase", self.phase, PHASES)
        _check_choice("format", self.format, ("topology",))
        if self.battery is not None and self.every is None:
            raise UsageError(f"--battery: '{self.battery}' without --every; the time of a period is expected too")
        object.__setattr__(self, "set", {name: str(value) for name, value in pairs("set", self.set, "FIELD=VALUE").items()})
        dims = {name: _whole(f"dim {name}", value) for name, value in pairs("dim", self.dim, "NAME=VALUE").items()}
        object.__setattr__(self, "dim", dims)
        asked = [self.strategy] if isinstance(self.strategy, str | Strategy) else self.strategy
        object.__setattr__(self, "strategy", tuple(read_strategy(entry) for entry in asked))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from keyword arguments; an unknown one is refused with the nearest name."""
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                raise TypeError(f"setting: '{name}' is not one; {nearest(name, known)}")
        return cls(**values)

    @property
    def overrides(self) -> dict[str, str]:
        """Fields of the device changed for this run, as written."""
        return dict(self.set)  # type: ignore[arg-type]

    @property
    def strategies(self) -> tuple[Strategy, ...]:
        """What is done to the network and its plan, in order."""
        return tuple(self.strategy)  # type: ignore[arg-type]

    @property
    def dims(self) -> dict[str, int]:
        """Values of symbolic dimensions."""
        return dict(self.dim)  # type: ignore[arg-type]


def pairs(option: str, given: Pairs, form: str) -> dict[str, Any]:
    """``["A=1", "B=2"]`` or a mapping as a dictionary.

    >>> pairs("dim", ["sequence=128"], "NAME=VALUE")
    {'sequence': '128'}
    """
    if isinstance(given, Mapping):
        return dict(given)
    if isinstance(given, str):
        given = [given]
    found: dict[str, Any] = {}
    for entry in given:
        name, equals, value = (part.strip() for part in str(entry).partition("="))
        if not (name and equals and value):
            raise UsageError(
                f"--{option}: '{entry}'; {form} is expected; write it as one word, in quotes where the value has blanks"
            )
        if found.get(name, value) != value:
            raise UsageError(
                f"--{option}: '{name}' is given twice, as '{found[name]}' and '{value}'; once is expected; leave one out"
            )
        found[name] = value
    return found


def _check_count(name: str, value: Any, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"--{name}: {value!r}; a whole number of at least {least} is expected; leave --{name} out for the default")


def _whole(name: str, value: Any) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(f"--{name}: {value!r}; a whole number of at least 1 is expected; write NAME=VALUE, e.g. sequence=128")
    return number


def _check_choice(name: str, value: str | None, known: tuple[str, ...]) -> None:
    if value is not None and value not in known:
        raise UsageError(f"--{name}: '{value}'; one of {', '.join(known)} is expected; {nearest(value, known)}")
