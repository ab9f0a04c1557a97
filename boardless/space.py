"""Space: every combination of networks, devices, device fields, settings and strategies that a file asks for, in a fixed order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from boardless.errors import UsageError
from boardless.objectives import SAID
from boardless.settings import Settings
from hwmodels.device import Device
from hwmodels.document import Entry, read_document
from hwmodels.reader import load_device
from strategies.chosen import read_strategy
from strategies.sampling import SAMPLERS
from workloads.errors import nearest
from workloads.readers import load_network, network_list

#: Points that are computed without asking for a sample.
LARGEST = 5_000_000
KEYS = ("networks", "devices", "fields", "settings", "strategies", "search")
SEARCH_KEYS = ("sampler", "trials", "objectives", "seed", "batch")
#: Settings that a space may vary, by how their values are read.
WHOLE, TRUTH = ("batch", "threads", "context"), ("fold", "hypothetical", "allow_unmodelled")
TEXT = ("dtype", "unit", "runtime", "profile", "dataflow", "timing", "phase")


@dataclass(frozen=True)
class Axis:
    """One device field and the values it takes, as the command line would write them."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """The points that differ in device fields alone.

    Attributes
    ----------
    network, device : str
        As written in the file.
    settings : Mapping
    strategies : tuple of str
        As the command line writes them.
    axes : tuple of Axis
        The device's fields; the last one runs fastest.
    first : int
        Index of the group's first point in the space.
    """

    network: str
    device: str
    settings: Mapping[str, Any]
    strategies: tuple[str, ...]
    axes: tuple[Axis, ...]
    first: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def size(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    def at(self, local: int) -> dict[str, str]:
        """Field -> value of one point, counted from the group's first."""
        chosen: dict[str, str] = {}
        for axis in reversed(self.axes):
            local, place = divmod(local, len(axis.values))
            chosen[axis.path] = axis.values[place]
        return {axis.path: chosen[axis.path] for axis in self.axes}


@dataclass(frozen=True)
class Search:
    """A search through the space instead of all of it."""

    sampler: str = "nsga2"
    trials: int = 100
    objectives: tuple[str, ...] = ("latency", "energy")
    seed: int = 0
    batch: int = 16  # candidates asked for at once, whatever the number of workers


@dataclass(frozen=True)
class Space:
    """What to explore.

    Attributes
    ----------
    name : str
        Of the file, without its ending.
    networks, devices : tuple of str
    axes : Mapping of str to tuple of Axis
        Device as written -> its fields.
    settings : Mapping of str to tuple
        Setting -> its values.
    strategies : tuple of tuple of str
        Lists of strategies; the empty list is the network as it is.
    search : Search or None

    Examples
    --------
    >>> space = Space("s", ("lenet5",), ("stm32h743",), {}, {"batch": (1, 8)}, ((), ("fuse",)))
    >>> space.size, [group.settings["batch"] for group in space.groups()]
    (4, [1, 1, 8, 8])
    """

    name: str
    networks: tuple[str, ...]
    devices: tuple[str, ...]
    axes: Mapping[str, tuple[Axis, ...]] = field(default_factory=dict)
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    strategies: tuple[tuple[str, ...], ...] = ((),)
    search: Search | None = None

    @property
    def size(self) -> int:
        """Number of points."""
        fields = sum(math.prod(len(axis.values) for axis in self.axes.get(device, ())) for device in self.devices)
        return len(self.networks) * fields * math.prod(map(len, self.settings.values())) * len(self.strategies)

    def groups(self) -> Iterator[Group]:
        """All points, group by group: networks outermost, then devices, settings, strategies; device fields innermost."""
        first = 0
        choices = [dict(zip(self.settings, values, strict=True)) for values in itertools.product(*self.settings.values())]
        for network, device, settings, strategies in itertools.product(self.networks, self.devices, choices, self.strategies):
            group = Group(network, device, settings, strategies, self.axes.get(device, ()), first)
            first += group.size
            yield group


def read_space(
    path: str | Path, extra_devices: Sequence[str | Path] = (), extra_networks: Sequence[str | Path] = ()
) -> Space:  # fmt: skip
    """The space a YAML file asks for; the paths are added to the catalogues.

    Raises
    ------
    UsageError, DeviceFileError
        One line: file and line; what stood there; what is expected; the nearest known name.
    """
    root = read_document(Path(path), str(path))
    for key, entry in root.fields.items():
        if key not in KEYS:
            raise _refused(entry, f"unknown key '{key}'", f"one of {', '.join(KEYS)} is expected", nearest(key, KEYS))
    known = {entry.name for entry in network_list(extra_networks)}
    devices = _names(root, "devices", lambda name: load_device(name, (), extra_devices))
    space = Space(
        Path(path).stem,
        _names(root, "networks", lambda name: name in known or load_network(name, catalogue_paths=extra_networks)),
        devices,
        _axes(root.fields.get("fields"), devices, extra_devices),
        _settings(root.fields.get("settings")),
        _strategies(root.fields.get("strategies")),
        _search(root.fields.get("search")),
    )
    if space.size == 0:
        raise UsageError(f"{path}: the space is empty; at least one network, one device and one value of each field are expected")
    return space


def _refused(entry: Entry, stood: str, expected: str, hint: str = "") -> UsageError:
    return UsageError(str(entry.error(stood, expected, hint)))


def _list(entry: Entry, what: str) -> list[Entry]:
    if not isinstance(entry.content, list):
        raise _refused(entry, f"{what}: {entry.as_written}", "a list is expected", f"write [{entry.as_written}]")
    if not entry.content:
        raise _refused(entry, f"{what}: an empty list", "at least one value is expected")
    return entry.content


def _text(entry: Entry) -> str:
    """A value as the command line would write it."""
    if isinstance(entry.content, list):
        return "[" + ", ".join(_text(item) for item in entry.content) + "]"
    if isinstance(entry.content, dict):
        return "{" + ", ".join(f"{key}: {_text(item)}" for key, item in entry.content.items()) + "}"
    return entry.content


def _values(entry: Entry, what: str) -> tuple[str, ...]:
    """The values of a list, each once."""
    found: dict[str, Entry] = {}
    for item in _list(entry, what):
        text = _text(item)
        if text in found:
            raise _refused(item, f"{what}: '{text}' a second time", "each value once is expected")
        found[text] = item
    return tuple(found)


def _names(root: Entry, key: str, load: Callable[[str], object]) -> tuple[str, ...]:
    """The names of a list, each of something that there is."""
    if key not in root.fields:
        raise UsageError(f"{root.file}: no '{key}'; a list of {key} is expected; write {key}: [...]")
    names = _values(root.fields[key], key)
    for entry, name in zip(_list(root.fields[key], key), names, strict=True):
        _checked(entry, load, name)
    return names


def _checked(entry: Entry, load: Callable[[str], object], name: str) -> None:
    """Refuse what cannot be loaded, with its line."""
    try:
        load(name)
    except ValueError as error:
        raise UsageError(f"{entry.where}: {error}") from None


def _axes(
    entry: Entry | None, devices: Sequence[str], extra_devices: Sequence[str | Path]
) -> dict[str, tuple[Axis, ...]]:  # fmt: skip
    """Device -> axes; ``DEVICE.PATH`` or ``devices.DEVICE.PATH``, held against the fields the device has."""
    found: dict[str, list[Axis]] = {}
    for key, values in (entry.fields if entry is not None else {}).items():
        name = key.removeprefix("devices.")
        device = next((device for device in devices if name.startswith((f"{device}.", f"{Path(device).stem}."))), None)
        if device is None:
            hint = nearest(name.partition(".")[0], devices)
            raise _refused(values, f"field '{key}'", "DEVICE.PATH with a device of the list is expected", hint)
        path = name.removeprefix(f"{device}.").removeprefix(f"{Path(device).stem}.")
        axis = Axis(path, _values(values, key))
        _checked(values, partial(_with_field, device, path, extra_devices), axis.values[0])
        found.setdefault(device, []).append(axis)
    return {device: tuple(axes) for device, axes in found.items()}


def _with_field(device: str, path: str, extra_devices: Sequence[str | Path], value: str) -> Device:
    return load_device(device, {path: value}, extra_devices)


def _settings(entry: Entry | None) -> dict[str, tuple[Any, ...]]:
    """Setting -> values, each checked as the command line checks it."""
    found: dict[str, tuple[Any, ...]] = {}
    known = (*WHOLE, *TRUTH, *TEXT)
    for name, values in (entry.fields if entry is not None else {}).items():
        if name not in known:
            raise _refused(values, f"setting '{name}'", f"one of {', '.join(known)} is expected", nearest(name, known))
        found[name] = tuple(_setting(name, text, values) for text in _values(values, name))
    return found


def _setting(name: str, text: str, entry: Entry) -> Any:
    value: Any = text
    if name in WHOLE:
        try:
            value = int(text)
        except ValueError:
            raise _refused(entry, f"{name}: '{text}'", "a whole number is expected") from None
    if name in TRUTH:
        if text not in ("true", "false"):
            raise _refused(entry, f"{name}: '{text}'", "true or false is expected")
        value = text == "true"
    try:
        Settings.of({name: value})
    except UsageError as error:
        raise UsageError(f"{entry.where}: {error}") from None
    return value


def _strategies(entry: Entry | None) -> tuple[tuple[str, ...], ...]:
    if entry is None:
        return ((),)
    found: list[tuple[str, ...]] = []
    for item in _list(entry, "strategies"):
        if not isinstance(item.content, list):
            raise _refused(item, f"strategies: {item.as_written}", "a list of lists is expected", f"write [[{item.as_written}]]")
        recipe = tuple(_text(name) for name in item.content)
        for name in recipe:
            _checked(item, read_strategy, name)
        if recipe in found:
            raise _refused(item, f"strategies: {item.as_written} a second time", "each list once is expected")
        found.append(recipe)
    return tuple(found)


def _search(entry: Entry | None) -> Search | None:
    if entry is None:
        return None
    given: dict[str, Any] = {}
    for key, value in entry.fields.items():
        if key not in SEARCH_KEYS:
            expected = f"one of {', '.join(SEARCH_KEYS)} is expected"
            raise _refused(value, f"search: unknown key '{key}'", expected, nearest(key, SEARCH_KEYS))
        if key == "objectives":
            given[key] = tuple(_chosen(item, name, tuple(SAID)) for item, name in _objectives(value))
        elif key == "sampler":
            given[key] = _chosen(value, _text(value), SAMPLERS)
        else:
            given[key] = _count(value, key)
    return Search(**given)


def _objectives(entry: Entry) -> list[tuple[Entry, str]]:
    return [(item, _text(item)) for item in _list(entry, "objectives")] if _values(entry, "objectives") else []


def _chosen(entry: Entry, name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise _refused(entry, f"search: '{name}'", f"one of {', '.join(known)} is expected", nearest(name, known))
    return name


def _count(entry: Entry, key: str) -> int:
    text = _text(entry)
    least = 0 if key == "seed" else 1
    if not text.isdigit() or int(text) < least:
        raise _refused(entry, f"search: {key} '{text}'", f"a whole number of at least {least} is expected")
    return int(text)
