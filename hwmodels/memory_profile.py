"""MemoryProfile: what counts as memory under one inference engine, read from ``hwmodels/memory_profiles/``.

Published peaks differ mostly because the accounting differs: which tensors count, who may write over whom, what a kernel needs
besides, what the engine itself keeps. A profile answers these as data, with sources; every result names the one it was made with.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from hwmodels import units
from hwmodels.citations import named_sources, source_of
from hwmodels.document import Entry, files_by_name, inherit, nearest, read_document
from hwmodels.errors import DeviceFileError, UnitError
from hwmodels.provenance import Source

FOLDER = Path(__file__).with_name("memory_profiles")

#: Rules with their answers; the first is the default.
RULES = {
    "input": ("resident", "streamed"),
    "shortcut": ("counted", "not_counted"),
    "block_interiors": ("counted", "not_counted"),
    "elementwise": ("apart", "in_place"),
    "depthwise": ("apart", "larger", "plane"),
    "convolution": ("apart", "overlapping"),
    "pooling": ("apart", "in_place"),
    "pointwise": ("as_convolution", "no_workspace"),
    "allocator": ("load", "greedy_by_size", "caching"),
    "printed_unit": ("KiB", "kB"),
}

#: Sizes with their defaults, in bytes or plain numbers.
SIZES = {
    "alignment": 1.0,  # every tensor is rounded up to it [B]
    "activations_factor": 1.0,  # what is reported for one byte of activations
    "overlap_ratio": 0.0,  # a convolution overlaps where its output is at most so many times its input
    "overlap_rows": 0.0,  # output rows between the two
    "fully_connected_per_input": 0.0,  # workspace [B]
    "convolution_base": 0.0,  # workspace of a convolution [B]
    "convolution_per_tap": 0.0,  # and for each element of its window [B]
    "convolution_per_output_channel": 0.0,
    "depthwise_per_weight": 0.0,
    "ram_base": 0.0,  # what the engine keeps besides the activations [B]
    "ram_per_operator": 0.0,
    "ram_per_tensor": 0.0,
    "ram_per_weight_channel": 0.0,  # for each output channel of a quantised convolution
    "temporary_per_buffer": 0.0,  # while the arena is planned, above what is planned so far [B]
    "block": 512.0,  # a caching allocator rounds up to this [B]
    "small_below": 1048576.0,  # requests below this come from small segments [B]
    "small_segment": 2097152.0,
    "large_segment": 20971520.0,
    "large_from": 10485760.0,  # requests from this on get segments of their own, rounded up to small_segment [B]
}
KEYS = ("format", "name", "summary", "aliases", "rules", "sizes", "sources")


@dataclass(frozen=True)
class MemoryProfile:
    """Accounting of memory by one inference engine or one paper.

    Attributes
    ----------
    name, summary : str
    aliases : tuple of str
    rules : Mapping of str to str
        Answer to each of :data:`RULES`.
    sizes : Mapping of str to float
        Value of each of :data:`SIZES` [B, or a plain number].
    sources : Mapping of str to Source
        Of every rule and size that is not the default.
    """

    name: str
    summary: str
    aliases: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, float] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def printed_unit_bytes(self) -> int:
        """Bytes of the unit in which the engine or paper prints sizes."""
        return 1024 if self.rules["printed_unit"] == "KiB" else 1000


@functools.cache
def load_memory_profile(name: str) -> MemoryProfile:
    """The profile of a name or an alias.

    Raises
    ------
    DeviceFileError
        Unknown name (the nearest is given), or a file that is broken.

    >>> load_memory_profile("tinyengine").rules["depthwise"]
    'larger'
    """
    files = _files()
    if name not in files:
        raise DeviceFileError(
            f"profile: '{name}' is not a memory profile; one of {', '.join(memory_profile_names())} is expected; "
            f"{nearest(name, sorted(files))}"
        )
    return read_memory_profile(files[name])


@functools.cache
def memory_profile_names() -> tuple[str, ...]:
    """Every profile by name; the files are not read."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@functools.cache
def _files() -> dict[str, Path]:
    return files_by_name(FOLDER / f"{name}.yaml" for name in memory_profile_names())


def read_memory_profile(path: Path) -> MemoryProfile:
    """The profile of one file."""
    root = read_document(path, f"hwmodels/memory_profiles/{path.name}" if path.parent == FOLDER else str(path))
    for key, entry in root.fields.items():
        if key not in KEYS:
            raise entry.error(f"unknown key '{key}'", "a key of a memory profile is expected", nearest(key, KEYS))
    sources = named_sources(root)
    inherit(root, None, None)
    rules = {key: _rule(key, entry) for key, entry in _section(root, "rules").items()}
    sizes = {key: _size(key, entry) for key, entry in _section(root, "sizes").items()}
    cited = {key: _sourced(key, e, sources) for section in ("rules", "sizes") for key, e in _section(root, section).items()}
    return MemoryProfile(
        name=_text(root, "name"),
        summary=_text(root, "summary"),
        aliases=_names(root, "aliases"),
        rules=MappingProxyType({**{key: answers[0] for key, answers in RULES.items()}, **rules}),
        sizes=MappingProxyType({**SIZES, **sizes}),
        sources=MappingProxyType(cited),
    )


def _section(root: Entry, key: str) -> dict[str, Entry]:
    return root.fields[key].fields if key in root.fields else {}


def _rule(key: str, entry: Entry) -> str:
    if key not in RULES:
        raise entry.error(f"unknown rule '{key}'", f"one of {', '.join(RULES)} is expected", nearest(key, RULES))
    if entry.content not in RULES[key]:
        raise entry.error(f"{key}: {entry.as_written} stood here", f"one of {', '.join(RULES[key])} is expected")
    return str(entry.content)


def _size(key: str, entry: Entry) -> float:
    if key not in SIZES:
        raise entry.error(f"unknown size '{key}'", f"one of {', '.join(SIZES)} is expected", nearest(key, SIZES))
    if not isinstance(entry.content, str):
        raise entry.error(f"{key}: {entry.as_written} stood here", "a number, with its unit where it has one, is expected")
    try:
        value = units.parse(entry.content).value
    except UnitError as problem:
        raise DeviceFileError(f"{entry.where}: {key}: {problem}") from None
    if value < 0:
        raise entry.error(f"{key}: {entry.as_written} stood here", "a number of at least 0 is expected")
    return value


def _text(root: Entry, key: str) -> str:
    entry = root.fields.get(key)
    if entry is None or not isinstance(entry.content, str):
        raise (entry or root).error(f"'{key}' is missing or no text", "a text is expected")
    return " ".join(entry.content.split())


def _names(root: Entry, key: str) -> tuple[str, ...]:
    items = root.fields[key].content if key in root.fields else []
    if not isinstance(items, list) or not all(isinstance(item.content, str) for item in items):
        raise root.fields[key].error(f"{key}: {root.fields[key].as_written} stood here", "a list of names is expected")
    return tuple(str(item.content) for item in items)


def _sourced(key: str, entry: Entry, sources: Mapping[str, str]) -> Source:
    source = source_of(entry, sources)
    if source is None:
        raise entry.error(f"{key}: '{entry.as_written}' names no source", "{value: ..., source: ...} or a 'source:' is expected")
    return source
