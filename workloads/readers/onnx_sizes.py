"""Symbolic sizes of an ONNX file: which dimension is the batch, which the user must name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from workloads.errors import GraphError, nearest
from workloads.readers.onnx_model import OnnxNetwork

BATCH_WORDS = re.compile(r"batch|^n$|^bs$|^b$", re.IGNORECASE)
LENGTH_WORDS = re.compile(r"seq|len|time|step|token|frame|sample|^t$|^s$|^l$", re.IGNORECASE)


def set_sizes(network: OnnxNetwork, batch: int | None, dims: Mapping[str, int]) -> dict[str, int]:
    """Give every symbolic size of the inputs a number; returns what was set, by name.

    A size called ``batch``, ``N`` or the like, and a symbolic first dimension that is not called a length, is the batch (default
    1). All others are asked for by name; a dimension without a name is called ``input.axis``.

    Raises
    ------
    GraphError
        A size that nobody gave, a name that no input has, a size below 1.
    """
    names = symbolic_sizes(network)
    unknown = [name for name in dims if name not in names]
    if unknown:
        known = nearest(unknown[0], names) if names else "all sizes in this file are numbers"
        raise GraphError(f"dim: '{unknown[0]}' is not a symbolic size of this file; {known}")
    chosen = {name: dims.get(name, (batch or 1) if is_batch else None) for name, is_batch in names.items()}
    for name, value in chosen.items():
        if value is None:
            where = ", ".join(f"'{tensor}' {tuple(_shown(tensor, sizes))}" for tensor, (_, sizes) in network.inputs.items())
            raise GraphError(f"size '{name}' is symbolic (inputs {where}); a number is expected; give --dim {name}=VALUE")
    network.batch = next((chosen[name] for name, is_batch in names.items() if is_batch), None)
    sizes_set = {name: value for name, value in chosen.items() if value is not None}
    for tensor, (dtype, sizes) in network.inputs.items():
        numbers = tuple(size if isinstance(size, int) else sizes_set[_name(tensor, axis, size)] for axis, size in enumerate(sizes))
        if min(numbers, default=1) < 1:
            raise GraphError(f"input '{tensor}': shape {numbers}; every size must be at least 1")
        network.inputs[tensor] = (dtype, numbers)
    return sizes_set


def symbolic_sizes(network: OnnxNetwork) -> dict[str, bool]:
    """Names of the symbolic sizes of the inputs, and whether each is the batch."""
    names: dict[str, bool] = {}
    for tensor, (_, sizes) in network.inputs.items():
        for axis, size in enumerate(sizes):
            if not isinstance(size, int):
                name = _name(tensor, axis, size)
                first = axis == 0 and not LENGTH_WORDS.search(size or "")
                names[name] = names.get(name, False) or first or bool(BATCH_WORDS.search(size or ""))
    return names


def _name(tensor: str, axis: int, size: str | int | None) -> str:
    return str(size) if size else f"{tensor}.{axis}"


def _shown(tensor: str, sizes: tuple[int | str | None, ...]) -> list[int | str]:
    return [size if isinstance(size, int) else _name(tensor, axis, size) for axis, size in enumerate(sizes)]
