"""load_network: whatever names a network -> Graph."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from workloads import networks
from workloads.errors import GraphError, nearest
from workloads.graph import Graph
from workloads.networks.tabled import TABLED, TABLES, table_of
from workloads.readers.border import reading
from workloads.readers.catalogue import ENDINGS, added_files
from workloads.readers.layer_table import QUANTISED, load_layer_table
from workloads.readers.onnx_file import load_onnx
from workloads.readers.rules import against_rules
from workloads.readers.tflite_file import load_tflite
from workloads.transforms import fold_batch_norm, rebatch, retype


def load_network(
    spec: str | Path,
    *,
    batch: int | None = None,
    dims: Mapping[str, int] | None = None,
    dtype: str | None = None,
    allow_unmodelled: bool = False,
    fold: bool = True,
    format: str | None = None,
    catalogue_paths: Iterable[str | Path] = (),
    context: int | None = None,
    phase: str | None = None,
) -> Graph:
    """The network a user means, checked operator by operator.

    Parameters
    ----------
    spec : str or Path
        Path of an ``.onnx``, ``.tflite`` or ``.csv`` file, or a catalogue name.
    batch : int, optional
        Examples at once; None keeps the batch of a file that fixes one and is 1 elsewhere.
    dims : mapping of str to int, optional
        Numbers for symbolic sizes of an ONNX file, or options of a catalogue network.
    dtype : str, optional
        Element type for the float tensors; None keeps those of the file.
    allow_unmodelled : bool
        Let operators without a rule pass, marked.
    fold : bool
        Fold batch norms into the operators before them.
    format : str, optional
        ``"topology"`` for topology files whose header is unknown.
    catalogue_paths : iterable of str or Path
        Files and folders whose networks are added to the catalogue.
    context, phase : optional
        Tokens in the cache, and ``decode`` or ``prefill``, for language models.

    Raises
    ------
    GraphError
        One line that says where, what stood there and what is expected.

    Examples
    --------
    >>> load_network("lenet5", batch=2).inputs[0].shape[0]
    2
    """
    check_numbers(batch, dims or {}, context)
    path = path_of(spec, catalogue_paths, dtype)
    options = {"context": context, "phase": phase}
    if path is None:
        graph = built(str(spec), batch, {**(dims or {}), **{name: value for name, value in options.items() if value is not None}})
    else:
        graph = read(
            path, batch=batch, dims=dims or {}, allow_unmodelled=allow_unmodelled, format=format, context=context, phase=phase
        )
        if path.parent == TABLES:
            graph = graph.replace(name=path.stem.removesuffix(QUANTISED))
    if batch is not None:
        graph = rebatch(graph, batch)
    if fold:
        graph = fold_batch_norm(graph)
    return retype(graph, dtype) if dtype is not None and dtype != graph.settings.get("dtype") else graph


def check_numbers(batch: int | None, dims: Mapping[str, int], context: int | None) -> None:
    """Refuse sizes that are no whole numbers of at least 1."""
    named: dict[str, Any] = {"batch": 1 if batch is None else batch, **{f"dim {name}": value for name, value in dims.items()}}
    for name, value in named.items():
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**62:
            raise GraphError(f"{name}: {value!r}; a whole number of at least 1 is expected")
    if context is not None and (isinstance(context, bool) or not isinstance(context, int) or context < 0):
        raise GraphError(f"context: {context!r}; a number of tokens of at least 0 is expected")


def path_of(spec: str | Path, catalogue_paths: Iterable[str | Path], dtype: str | None = None) -> Path | None:
    """File a network is read from, None for one built in code.

    Raises
    ------
    GraphError
        A path that is no network file, a name that is not in the catalogue.
    """
    text = str(spec)
    if isinstance(spec, Path) or text.lower().endswith(ENDINGS) or os.sep in text:
        given = Path(spec)
        if given.suffix.lower() not in ENDINGS:
            raise GraphError(f"{given}: ending '{given.suffix}'; an .onnx, .tflite or .csv file, or a catalogue name, is expected")
        return given
    added = added_files(catalogue_paths)
    path = added.get(f"{text}_{dtype}") or added.get(text) or table_of(f"{text}_{dtype}") or table_of(text)
    if path is not None:
        return path
    if text.partition(":")[0] not in networks.NETWORKS:
        raise GraphError(
            f"network: '{text}' is not in the catalogue; a name of `boardless networks` or the path of an .onnx, .tflite or .csv "
            f"file is expected; {nearest(text, {*networks.NETWORKS, *TABLED, *added})}"
        )
    return None


def built(name: str, batch: int | None, options: Mapping[str, Any]) -> Graph:
    """A network of the catalogue; options it does not have are refused. ``nasbench201:33pn3p`` names one of a search space."""
    base, _, arch = name.partition(":")
    known = networks.NETWORKS[base].options
    if arch:
        if "arch" not in known:
            raise GraphError(
                f"network: '{name}': network '{base}' has no architectures to choose from; {nearest(base, networks.NETWORKS)}"
            )
        return networks.build(base, batch=batch or 1, **options, arch=arch).replace(name=name)
    for option in options:
        if option not in known:
            has = f"it takes {', '.join(known)}" if known else "it takes no options besides the batch"
            raise GraphError(f"{option}: network '{name}' has no such setting; {has}")
    return networks.build(name, batch=batch or 1, **options)


def read(
    path: Path,
    *,
    batch: int | None,
    dims: Mapping[str, int],
    allow_unmodelled: bool,
    format: str | None,
    context: int | None,
    phase: str | None,
) -> Graph:
    """A network file by its ending, with every shape held against its rule."""
    ending = path.suffix.lower()
    if dims and ending != ".onnx":
        raise GraphError(f"dim: '{next(iter(dims))}' for {path}; all sizes in this file are numbers")
    if ending != ".csv" and (context is not None or phase is not None):
        raise GraphError(f"{path}: context and phase belong to language models of the catalogue and decoder tables; leave them out")
    if ending == ".onnx":
        return read_onnx(path, batch, dims, allow_unmodelled=allow_unmodelled)
    if ending == ".tflite":
        return checked(load_tflite(path, allow_unmodelled=allow_unmodelled), path)
    graph = load_layer_table(path, batch=batch, format=format, context=context, allow_unmodelled=allow_unmodelled)
    if "phase" not in graph.settings and (context is not None or phase is not None):
        raise GraphError(f"{path}: context and phase belong to decoder tables; leave them out")
    if phase not in (None, graph.settings.get("phase")):
        raise GraphError(f"{path}: phase '{phase}'; a decoder table is one step of phase decode")
    return checked(graph, path)


def read_onnx(path: Path, batch: int | None, dims: Mapping[str, int], *, allow_unmodelled: bool) -> Graph:
    """An ONNX file at a batch; one whose reshapes only work for a single example is read so, for :func:`rebatch` to change."""
    try:
        return checked(load_onnx(path, batch=batch, dims=dims, allow_unmodelled=allow_unmodelled), path)
    except GraphError:
        if batch in (None, 1):
            raise
        try:
            return checked(load_onnx(path, dims=dims, allow_unmodelled=allow_unmodelled), path)
        except GraphError:
            pass
        raise


def checked(graph: Graph, path: Path) -> Graph:
    """The graph held against its rules; errors name the file."""
    with reading(path, "network"):
        return against_rules(graph)
