"""A YAML text as a tree of entries that know their line: strict where the format is lenient.

Repeated keys, aliases, tags, empty values and more than one document are refused. Numbers stay text; the fields of ``schema`` read
them. A mapping with the key ``value`` is one value with its ``source``, ``status`` and ``clock``; in every other mapping ``source``
and ``status`` are the defaults of the values below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from hwmodels.errors import DeviceFileError

LARGEST_FILE_BYTES = 2_000_000
DEEPEST = 12
#: Tags that the YAML library gives to values without one; numbers and dates among them stay text.
PLAIN_TAGS = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value", "merge")
#: What may stand beside ``value``.
VALUE_KEYS = ("value", "source", "status", "clock", "note")
_ALIASES = re.compile(r"^aliases:[ \t]*\[(.*)\]", re.MULTILINE)


@dataclass(slots=True)
class Entry:
    """One value, list or mapping of a file.

    Attributes
    ----------
    file : str
        File as the user named it.
    line : int
        Line, counted from 1; 0 where there is no file.
    content : str, list of Entry, or dict of str to Entry
    source, status, clock : str or None
        As written beside the value, or inherited from the sections around it (not ``clock``).
    own_source : bool
        True where the source stands beside the value itself.
    clock_hz : float or None
        Frequency of the unit that ``clock`` names, once it is known [Hz].
    origin : str or None
        Citation that needs no look-up, of values that do not stand in the device file itself.
    """

    file: str
    line: int
    content: str | list[Entry] | dict[str, Entry]
    source: str | None = None
    status: str | None = None
    clock: str | None = None
    own_source: bool = False
    clock_hz: float | None = None
    origin: str | None = None

    @property
    def fields(self) -> dict[str, Entry]:
        """The mapping's entries; an error where something else stood."""
        if not isinstance(self.content, dict):
            raise self.error(f"{self.as_written} stood here", "a mapping of fields is expected")
        return self.content

    @property
    def as_written(self) -> str:
        """The value as one line of text, shortened."""
        text = " ".join(_written(self).split())
        return text if len(text) <= 120 else text[:117] + "..."

    def copied(self) -> Entry:
        """The same tree again, to be changed freely."""
        content = self.content
        if isinstance(content, dict):
            content = {key: below.copied() for key, below in content.items()}
        elif isinstance(content, list):
            content = [below.copied() for below in content]
        return replace(self, content=content)

    def error(self, stood: str, expected: str, hint: str = "") -> DeviceFileError:
        """``file:line: what stood there; what is expected; nearest name``."""
        return DeviceFileError("; ".join(part for part in (f"{self.where}: {stood}", expected, hint) if part))

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}" if self.line else self.file


def nearest(name: str, known: Iterable[str]) -> str:
    """Sentence part naming the known names closest to ``name``.

    >>> nearest("frequncy", ["frequency", "shape"])
    'nearest: frequency'
    """
    names = sorted(known)
    found = get_close_matches(name, names, n=3, cutoff=0.5)
    if found:
        return "nearest: " + ", ".join(found)
    return f"known: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""


def read_document(path: Path, shown: str | None = None) -> Entry:
    """The tree of one file."""
    name = shown or str(path)
    if not path.is_file():
        raise DeviceFileError(f"{name}: no such file; the path of a YAML file is expected")
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise DeviceFileError(f"{name}: {path.stat().st_size} bytes; a file of at most {LARGEST_FILE_BYTES} bytes is expected")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise DeviceFileError(f"{name}: cannot be read as UTF-8 text ({type(problem).__name__}); a YAML file is expected") from None
    return read_text(text, name)


def files_by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Files by their name and by what they list under ``aliases`` on one line, without reading them as YAML."""
    found: dict[str, Path] = {}
    for path in paths:
        listed = _ALIASES.search(path.read_text(encoding="utf-8"))
        aliases = [alias.strip(" \"'") for alias in listed[1].split(",")] if listed else []
        found.update(dict.fromkeys((path.stem, *filter(None, aliases)), path))
    return found


def read_text(text: str, file: str) -> Entry:
    """The tree of a YAML text whose top level is a mapping.

    >>> read_text("a: {value: 3 MB, source: x}", "f").fields["a"].source
    'x'
    """
    return _parsed(text, file).copied()


@lru_cache(maxsize=256)
def _parsed(text: str, file: str) -> Entry:
    """The tree of a text, kept: sweeps read the same few files thousands of times, and the library takes its time."""
    node = _composed(text, file)
    if node is None:
        raise DeviceFileError(f"{file}: the file is empty; a mapping of fields is expected")
    root = _Builder(file).entry(node, 0)
    if not isinstance(root.content, dict):
        raise root.error(f"{root.as_written} stood here", "a mapping of fields is expected")
    return root


def value_entry(text: str, file: str) -> Entry:
    """The entry of one value written on the command line, e.g. ``[16, 16]`` or ``{value: 32 B/cycle, clock: array}``."""
    node = _composed(text, file)
    if node is None:
        raise DeviceFileError(f"{file}: no value stood there; a value is expected, e.g. 'memories.sram.capacity=256 KiB'")
    entry = _Builder(file).entry(node, 0)
    for _, leaf in leaves(entry):
        leaf.line = 0
    entry.line = 0
    return entry


def leaves(entry: Entry, path: str = "") -> Iterator[tuple[str, Entry]]:
    """Every value below an entry with its path; a list is one value."""
    if isinstance(entry.content, dict):
        for key, below in entry.content.items():
            yield from leaves(below, f"{path}.{key}" if path else key)
    else:
        yield path, entry


def inherit(entry: Entry, source: str | None, status: str | None) -> None:
    """Hand the defaults of each section down to the values below it, and take them out of the mappings."""
    if isinstance(entry.content, dict):
        source = _default(entry.content, "source") or source
        status = _default(entry.content, "status") or status
        for below in entry.content.values():
            inherit(below, entry.source or source, entry.status or status)
    entry.source, entry.status = entry.source or source, entry.status or status


def _default(section: dict[str, Entry], key: str) -> str | None:
    entry = section.pop(key, None)
    if entry is None:
        return None
    if not isinstance(entry.content, str):
        raise entry.error(f"'{key}' is {entry.as_written}", f"the {key} of the values below is expected")
    return entry.content


def _composed(text: str, file: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    try:
        return yaml.compose(text)
    except RecursionError:
        raise DeviceFileError(f"{file}: nested too deeply; at most {DEEPEST} levels are expected") from None
    except Exception as problem:  # the library raises its own and several built-in exceptions on broken text
        mark = getattr(problem, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark is not None else file
        said = " ".join(str(getattr(problem, "problem", None) or problem or type(problem).__name__).split())
        raise DeviceFileError(f"{where}: not readable as YAML ({said[:160]}); one YAML document is expected") from None


@dataclass
class _Builder:
    """Turns nodes of the YAML library into entries."""

    file: str
    seen: set[int] = field(default_factory=set)

    def entry(self, node: Node, depth: int, line: int = 0) -> Entry:
        """One node and all below it; ``line`` is that of its key."""
        here = Entry(self.file, line or node.start_mark.line + 1, "")
        if id(node) in self.seen:
            raise here.error("an alias (*name) stood here", "values written out are expected")
        self.seen.add(id(node))
        if depth > DEEPEST:
            raise here.error("nested too deeply", f"at most {DEEPEST} levels are expected")
        if str(node.tag).removeprefix("tag:yaml.org,2002:") not in PLAIN_TAGS:
            raise here.error(f"the tag '{node.tag}' stood here", "plain values without tags are expected")
        if isinstance(node, MappingNode):
            return self._mapping(node, here, depth)
        if isinstance(node, SequenceNode):
            here.content = [self.entry(item, depth + 1) for item in node.value]
            return here
        return self._scalar(node, here)

    def _scalar(self, node: Node, here: Entry) -> Entry:
        if str(node.tag).endswith(":null") or not str(node.value).strip():
            raise here.error("nothing stood here", "a value is expected; leave the key out where it is not known")
        here.content = str(node.value)
        return here

    def _mapping(self, node: MappingNode, here: Entry, depth: int) -> Entry:
        fields: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in fields:
                raise Entry(self.file, key_node.start_mark.line + 1, "").error(
                    f"key '{key}' stands a second time (first on line {fields[key].line})", "each key once is expected"
                )
            fields[key] = self.entry(value_node, depth + 1, key_node.start_mark.line + 1)
        here.content = fields
        return self._value(here, fields) if "value" in fields else here

    def _key(self, node: Any) -> str:
        if not isinstance(node, ScalarNode) or not str(node.value).strip():
            line = node.start_mark.line + 1
            raise Entry(self.file, line, "").error("a key that is no name stood here", "a plain name is expected")
        return str(node.value)

    @staticmethod
    def _value(here: Entry, fields: dict[str, Entry]) -> Entry:
        """A value with what is said of it."""
        for key, entry in fields.items():
            if key not in VALUE_KEYS:
                raise entry.error(
                    f"unknown key '{key}' beside 'value'", f"one of {', '.join(VALUE_KEYS)} is expected", nearest(key, VALUE_KEYS)
                )
            if key != "value" and not isinstance(entry.content, str):
                raise entry.error(f"'{key}' is {entry.as_written}", "a name or text is expected")
        inner = fields["value"]
        said = {key: str(fields[key].content) for key in ("source", "status", "clock") if key in fields}
        return Entry(
            here.file,
            here.line,
            inner.content,
            said.get("source"),
            said.get("status"),
            said.get("clock"),
            own_source="source" in said,
        )


def _written(entry: Entry) -> str:
    if isinstance(entry.content, list):
        return "[" + ", ".join(_written(item) for item in entry.content) + "]"
    if isinstance(entry.content, dict):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in entry.content.items()) + "}"
    return entry.content
