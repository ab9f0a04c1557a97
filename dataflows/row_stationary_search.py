"""Mappings of the nests of a network on a row-stationary array: given ones are checked and honoured, the others searched.

Equal nests are searched once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from dataflows.array_nests import ArrayNests
from dataflows.errors import MappingError
from dataflows.row_stationary import (
    LIMITS,
    RowStationaryArray,
    RowStationaryMapping,
    RowStationaryNest,
    banks_needed,
    mapping_limit,
    mapping_objective,
    row_stationary_counts,
    search_mapping,
)
from dataflows.systolic import ceil_div


class LayerMapping(NamedTuple):
    """What a nest runs with, and how it was found."""

    nest: RowStationaryNest
    mapping: RowStationaryMapping
    searched: bool
    rated: int  # mappings rated by the search; 0 where the mapping was given


def row_stationary_nest(nests: ArrayNests, i: int, array: RowStationaryArray) -> RowStationaryNest:
    """Nest ``i`` with filters and columns cut into the pieces the array can hold.

    A filter of more rows than the array, or of more columns than the input scratchpad, is cut into equal pieces that are added like
    channels; the columns are cut until one row of one channel and of one filter fits into the global buffer.
    """
    value = {name: int(getattr(nests, name)[i]) for name in ArrayNests._fields}
    row_pieces = ceil_div(value["R"], array.rows)
    column_pieces = ceil_div(value["S"], array.input_words)
    rows, columns = ceil_div(value["R"], row_pieces), ceil_div(value["S"], column_pieces)
    macs = value["N"] * value["G"] * value["M"] * value["C"] * value["E"] * value["F"] * value["R"] * value["S"]
    pieces = 1
    while True:
        width = ceil_div(value["F"], pieces)
        nest = RowStationaryNest(
            N=value["N"], G=value["G"], M=value["M"], C=value["C"] * row_pieces * column_pieces, E=value["E"], F=width,
            R=rows, S=columns, stride=value["stride_h"], span=(rows - 1) * value["dilation_h"] + 1,
            width=(width - 1) * value["stride_w"] + (columns - 1) * value["dilation_w"] + 1, column_pieces=pieces,
            stored_rows=value["stored_rows"], stored_columns=value["stored_columns"], pad_top=value["pad_top"],
            filter_size=value["M"] * value["C"] * value["R"] * value["S"], macs=macs,
        )  # fmt: skip
        if width == 1 or banks_needed(nest, array, 1, 1, 1, 1, 1) <= array.banks:
            return nest
        pieces += 1


def map_nests(
    nests: ArrayNests, array: RowStationaryArray, names: list[str], given: Mapping[str, Mapping[str, float]]
) -> list[LayerMapping]:
    """A mapping per nest.

    Parameters
    ----------
    nests : ArrayNests
    array : RowStationaryArray
    names : list of str
        Operator name of each nest.
    given : Mapping
        Operator name -> n, m, e, p, q, r, t.

    Raises
    ------
    MappingError
        A given mapping that breaks a limit, or a nest no mapping fits.
    """
    found: dict[RowStationaryNest, tuple[RowStationaryMapping, int]] = {}
    mapped = []
    for i, name in enumerate(names):
        nest = row_stationary_nest(nests, i, array)
        if name in given:
            mapped.append(LayerMapping(nest, given_mapping(name, nest, array, given[name]), False, 0))
            continue
        if nest not in found:
            found[nest] = searched_mapping(name, nest, array)
        mapped.append(LayerMapping(nest, found[nest][0], True, found[nest][1]))
    return mapped


def given_mapping(
    name: str, nest: RowStationaryNest, array: RowStationaryArray, values: Mapping[str, float]
) -> RowStationaryMapping:
    """A mapping somebody wrote down, checked against the limits of the array."""
    missing = [field for field in RowStationaryMapping._fields if field not in values]
    if missing:
        raise MappingError(f"mapping of '{name}': no {', '.join(missing)}; n, m, e, p, q, r and t are expected")
    mapping = RowStationaryMapping(*(int(values[field]) for field in RowStationaryMapping._fields))
    if min(mapping) < 1 or mapping.n > nest.N or mapping.e > nest.E:
        raise MappingError(
            f"mapping of '{name}': {tuple(mapping)}; whole numbers from 1, n <= {nest.N} and e <= {nest.E} are expected"
        )
    limit = mapping_limit(nest, array, mapping)
    if limit:
        raise MappingError(f"mapping of '{name}': {tuple(mapping)}; {LIMITS[limit]}; leave it out to have one searched")
    return mapping


def searched_mapping(name: str, nest: RowStationaryNest, array: RowStationaryArray) -> tuple[RowStationaryMapping, int]:
    """The mapping of least objective and how many were rated."""
    mapping, objective, rated = searched(nest, array)
    if objective < 0.0:
        raise MappingError(
            f"operator '{name}': no mapping fits; one image row of one channel and filter takes "
            f"{banks_needed(nest, array, 1, 1, 1, 1, 1)} of {array.banks} banks of {array.bank_bytes} B; a larger buffer is needed"
        )
    return mapping, rated


@lru_cache(maxsize=4096)
def searched(nest: RowStationaryNest, array: RowStationaryArray) -> tuple[RowStationaryMapping, float, int]:
    """Mapping, objective (-1 where none fits) and mappings rated; the same nest is not searched twice."""
    mapping, objective, rated, _ = search_mapping.compiled(nest, array, 0.0)
    return RowStationaryMapping(*(int(value) for value in mapping)), float(objective), int(rated)


def rank_of_mapping(nest: RowStationaryNest, array: RowStationaryArray, mapping: RowStationaryMapping) -> int:
    """Place of a mapping among all legal ones by the search's objective; 1 is the best."""
    objective = mapping_objective(nest, array, row_stationary_counts(nest, array, mapping))
    return int(search_mapping.compiled(nest, array, objective)[3]) + 1
