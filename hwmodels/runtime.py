"""Runtime: the cost profile of an inference engine, read from ``hwmodels/runtimes/``."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from hwmodels import units
from hwmodels.citations import named_sources, source_of
from hwmodels.document import Entry, files_by_name, inherit, nearest, read_document
from hwmodels.errors import DeviceFileError, UnitError
from hwmodels.operator_sets import operators_named
from hwmodels.provenance import Source

RUNTIMES = Path(__file__).with_name("runtimes")
KEYS = (
    "format", "name", "summary", "kinds", "aliases", "lowering", "fuses", "removes", "layout", "operators", "formats", "costs",
    "architectures", "memory_profile", "sources", "source", "status",
)  # fmt: skip
LOWERINGS = ("eager", "fused", "engine")
LAYOUTS = ("channels_first", "channels_last")
#: What a runtime's compiler may take out of a network before anything else.
REMOVALS = ("dead_channels",)


@dataclass(frozen=True)
class Runtime:
    """What an inference engine adds to the hardware.

    Attributes
    ----------
    name, summary : str
    aliases : tuple of str
    kinds : tuple of str
        Unit kinds it runs on: mcu, cpu, gpu, tile_engine.
    lowering : str
        ``eager``, ``fused`` or ``engine``: how operators become kernels.
    fuses : tuple of str
        Operator kinds that disappear into the matrix operator before them (``activation``, ``elementwise``, ``quantization``).
    removes : tuple of str
        What its compiler takes out of the network: ``dead_channels``.
    layout : str
        How images lie in memory unless an operator says otherwise: ``channels_first`` or ``channels_last``.
    operators : tuple of str
        ONNX operators it can run besides those without work; empty means all that have a rule.
    formats : tuple of str
        Block formats of weights it decodes while it multiplies.
    costs : Mapping of str to float
        Named cost parameters (MCU: cycles per MAC by kind; CPU: era; GPU: efficiencies).
    architectures : Mapping of str to Mapping
        Architecture of a GPU -> costs that differ on it.
    memory_profile : str
        Which accounting of memory applies.
    sources, architecture_sources : Mapping
        Source of each cost by name; of those that differ on an architecture.
    note : str
        What had to be assumed to find the profile: a version between two of them.
    """

    name: str
    summary: str
    kinds: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    lowering: str = "engine"
    fuses: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)
    memory_profile: str = "ideal"
    sources: Mapping[str, Source] = field(default_factory=dict)
    note: str = ""
    removes: tuple[str, ...] = ()
    layout: str = "channels_first"
    architectures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    formats: tuple[str, ...] = ()
    architecture_sources: Mapping[str, Mapping[str, Source]] = field(default_factory=dict)

    def cost(self, name: str, default: float, architecture: str = "") -> float:
        """A cost parameter on an architecture: its own value, else the general one, else ``default``."""
        return float(self.architectures.get(architecture, {}).get(name, self.costs.get(name, default)))


@functools.cache
def load_runtime(name: str) -> Runtime:
    """The runtime profile of a name, an alias, or a version between two profiles, which takes the nearest older one.

    Raises
    ------
    DeviceFileError
        Unknown name (nearest ones are given), or a profile that is broken.

    >>> load_runtime("ncnn").name
    'ncnn_2022_06'
    >>> load_runtime("x_cube_ai_9_1").note
    'x_cube_ai_9_1 is taken as x_cube_ai_9_0, the nearest older profile'
    """
    files = files_by_name(_paths())
    if name in files:
        return read_runtime(files[name])
    known = sorted(files)
    older = _nearest_older(name, [path.stem for path in _paths()])
    if older is None:
        raise DeviceFileError(
            f"runtime: '{name}' is not in the catalogue; a name of `boardless runtimes` is expected; {nearest(name, known)}"
        )
    profile = read_runtime(files[older])
    return replace(profile, note=f"{name} is taken as {profile.name}, the nearest older profile")


def runtimes() -> tuple[Runtime, ...]:
    """Every runtime profile, by name."""
    return tuple(read_runtime(path) for path in _paths())


def _nearest_older(name: str, known: Iterable[str]) -> str | None:
    """The name of the same maker with the largest version that is not newer; ``maker_1_2`` and ``maker@1.2`` are read alike.

    >>> _nearest_older("maker_2_5", ["maker_1", "maker_2_1", "maker_3", "other_2_4"])
    'maker_2_1'
    >>> _nearest_older("maker@2.5", ["maker"])
    'maker'
    """
    maker, version = _version(name)
    if not version:
        return None
    same = [(of, other) for other in known for base, of in [_version(other)] if base == maker and of <= version]
    return max(same, default=((), None))[1]


def _version(name: str) -> tuple[str, tuple[int, ...]]:
    match = re.fullmatch(r"(.*?)(?:[_@](\d+(?:[._]\d+)*))?", name, re.DOTALL)
    assert match is not None  # an absent version matches too
    return match[1], tuple(int(part) for part in re.findall(r"\d+", match[2] or ""))


def read_runtime(path: Path) -> Runtime:
    """The profile of one file."""
    root = read_document(path, f"hwmodels/runtimes/{path.name}" if path.parent == RUNTIMES else str(path))
    for key, entry in root.fields.items():
        if key not in KEYS:
            raise entry.error(f"unknown key '{key}'", "a key of a runtime profile is expected", nearest(key, KEYS))
    sources = named_sources(root)
    inherit(root, None, None)
    costs = root.fields["costs"].fields if "costs" in root.fields else {}
    classes = root.fields["architectures"].fields if "architectures" in root.fields else {}
    of_classes = {
        name: MappingProxyType({key: _sourced(key, entry, sources) for key, entry in section.fields.items()})
        for name, section in classes.items()
    }
    return Runtime(
        name=_text(root, "name"),
        summary=_text(root, "summary"),
        kinds=_names(root, "kinds"),
        aliases=_names(root, "aliases"),
        lowering=_choice(root, "lowering", LOWERINGS, "engine"),
        fuses=_names(root, "fuses"),
        removes=_removals(root),
        layout=_choice(root, "layout", LAYOUTS),
        operators=operators_named(root.fields["operators"]) if "operators" in root.fields else (),
        formats=_names(root, "formats"),
        costs=MappingProxyType({key: _cost(key, entry) for key, entry in costs.items()}),
        architectures=MappingProxyType(
            {
                name: MappingProxyType({key: _cost(key, entry) for key, entry in section.fields.items()})
                for name, section in classes.items()
            }
        ),
        memory_profile=_text(root, "memory_profile", "ideal"),
        sources=MappingProxyType({key: _sourced(key, entry, sources) for key, entry in costs.items()}),
        architecture_sources=MappingProxyType(of_classes),
    )


def _paths() -> list[Path]:
    return sorted(RUNTIMES.glob("*.yaml"))


def _text(root: Entry, key: str, default: str | None = None) -> str:
    entry = root.fields.get(key)
    if entry is None:
        if default is None:
            raise root.error(f"'{key}' is missing", "a text is expected")
        return default
    if not isinstance(entry.content, str):
        raise entry.error(f"{key}: {entry.as_written} stood here", "a text is expected")
    return " ".join(entry.content.split())


def _names(root: Entry, key: str) -> tuple[str, ...]:
    entry = root.fields.get(key)
    if entry is None:
        return ()
    items = entry.content if isinstance(entry.content, list) else [entry]
    return tuple(_text(Entry(item.file, item.line, {key: item}), key) for item in items)


def _choice(root: Entry, key: str, known: tuple[str, ...], default: str = "") -> str:
    found = _text(root, key, default or known[0])
    if found not in known:
        raise root.fields[key].error(f"{key} '{found}' stood here", f"one of {', '.join(known)} is expected")
    return found


def _removals(root: Entry) -> tuple[str, ...]:
    found = _names(root, "removes")
    for name in found:
        if name not in REMOVALS:
            raise root.fields["removes"].error(
                f"'{name}' is nothing a runtime removes", f"one of {', '.join(REMOVALS)} is expected"
            )
    return found


def _cost(key: str, entry: Entry) -> float:
    if not isinstance(entry.content, str):
        raise entry.error(f"costs.{key}: {entry.as_written} stood here", "a number, with its unit where it has one, is expected")
    try:
        return units.parse(entry.content).value
    except UnitError as problem:
        raise DeviceFileError(f"{entry.where}: costs.{key}: {problem}") from None


def _sourced(key: str, entry: Entry, sources: Mapping[str, str]) -> Source:
    source = source_of(entry, sources)
    if source is None:
        raise entry.error(
            f"costs.{key}: '{entry.as_written}' names no source",
            "{value: ..., source: ...} or a 'source:' for the costs is expected",
        )
    return source
