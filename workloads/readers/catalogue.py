"""Networks by name: those built in code, and the files of paths given on the command line."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from workloads import networks
from workloads.errors import GraphError
from workloads.networks.tabled import TABLED
from workloads.readers.layer_table import is_layer_table, network_name

#: File endings that are networks.
ENDINGS = (".onnx", ".tflite", ".csv")


class ListedNetwork(NamedTuple):
    """One line of ``boardless networks``; ``path`` is None for networks of the catalogue."""

    name: str
    summary: str
    path: Path | None


def network_list(catalogue_paths: Iterable[str | Path] = ()) -> tuple[ListedNetwork, ...]:
    """Name and summary of every network, sorted by name; a file takes the place of a network built in code.

    >>> "resnet50" in [entry.name for entry in network_list()]
    True
    """
    built = {name: ListedNetwork(name, entry.summary, None) for name, entry in networks.NETWORKS.items()}
    tabled = {name: ListedNetwork(name, f"{what}, as ncnn runs it", None) for name, (_, what) in TABLED.items()}
    added = {name: ListedNetwork(name, f"from {path.name}", path) for name, path in added_files(catalogue_paths).items()}
    return tuple(entry for _, entry in sorted({**built, **tabled, **added}.items()))


def added_files(catalogue_paths: Iterable[str | Path]) -> dict[str, Path]:
    """Networks of files and folders, by the names they are called; other tables in a folder are left out with one warning each.

    A file whose name states an element type (``mobilenet_int8.csv``) is called by its name without it where that is free, and by
    its full name always.

    Raises
    ------
    GraphError
        A path that does not exist, or a file that is no network.
    """
    found: dict[str, Path] = {}
    typed: dict[str, Path] = {}
    for given in map(Path, catalogue_paths):
        for path in _files(given):
            name, dtype = network_name(path) if path.suffix.lower() == ".csv" else (path.stem, None)
            if dtype is None:
                found[name] = path
            else:
                found[f"{name}_{dtype}"] = typed[name] = path
    return {**typed, **found}


def _files(given: Path) -> Iterator[Path]:
    """Network files of one path."""
    if given.is_file():
        if given.suffix.lower() not in ENDINGS or not _is_network(given):
            raise GraphError(f"{given}: is no network; a layer table (.csv), an .onnx or a .tflite file is expected")
        yield given
        return
    if not given.is_dir():
        raise GraphError(f"{given}: no such file or folder; a layer table or a folder of them is expected")
    for path in sorted(given.iterdir()):
        if path.suffix.lower() in ENDINGS and path.is_file():
            if _is_network(path):
                yield path
            else:
                warnings.warn(f"{path}: no layer table; skipped", stacklevel=2)


def _is_network(path: Path) -> bool:
    return path.suffix.lower() != ".csv" or is_layer_table(path)
