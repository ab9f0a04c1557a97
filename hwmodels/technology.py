"""Process nodes and DRAM interfaces: the facts that component energies are scaled by.

Files in ``technologies/``: ``energy_by_node.csv`` holds the quadratics of energy against supply voltage, a2*V^2 + a1*V + a0, of Stillmaker
and Baas, "Scaling equations for the accurate prediction of CMOS device performance from 180 nm to 7 nm", Integration 58, 2017;
``dram_energy.csv`` the interface energies of an open estimation table (Accelergy's CACTI plug-in, with its attributions). The latter
spread two- to threefold between sources: parameters, not constants.
"""

from __future__ import annotations

import csv
import math
from functools import cache
from pathlib import Path

from hwmodels.costs.array_energy import supply_polynomial
from hwmodels.errors import DeviceFileError

FOLDER = Path(__file__).parent / "technologies"


@cache
def energy_coefficients() -> dict[float, tuple[float, float, float]]:
    """Node [nm] -> coefficients (a2, a1, a0) of relative energy against supply voltage."""
    with (FOLDER / "energy_by_node.csv").open(encoding="utf-8") as lines:
        return {float(row["node_nm"]): (float(row["a2"]), float(row["a1"]), float(row["a0"])) for row in csv.DictReader(lines)}


@cache
def dram_joules_per_bit(interface: str) -> float:
    """Energy of one bit over a DRAM interface [J].

    >>> dram_joules_per_bit("lpddr4")
    8e-12
    """
    with (FOLDER / "dram_energy.csv").open(encoding="utf-8") as lines:
        known = {row["interface"]: row["pj_per_bit"] for row in csv.DictReader(lines)}
    if interface not in known:
        raise DeviceFileError(f"DRAM interface: '{interface}' is not known; one of {', '.join(known)} is expected")
    return float(f"{known[interface]}e-12")


def energy_factor(node_nm: float, supply_v: float, from_node_nm: float = 45.0, from_supply_v: float = 0.9) -> float:
    """Energy of a component at one node and supply relative to another: p(node, V) / p(from node, from V).

    Nodes between those of the table are interpolated in the logarithm of the node.

    >>> round(energy_factor(65, 1.0), 2)
    1.58

    Raises
    ------
    DeviceFileError
        A node outside the table.
    """
    return _relative(node_nm, supply_v) / _relative(from_node_nm, from_supply_v)


def _relative(node_nm: float, supply_v: float) -> float:
    table = energy_coefficients()
    if not min(table) <= node_nm <= max(table):
        raise DeviceFileError(f"process node: {node_nm:g} nm; {min(table):g} to {max(table):g} nm are expected")
    above = min(node for node in table if node >= node_nm)
    below = max(node for node in table if node <= node_nm)
    if above == below:
        return supply_polynomial(*table[above], supply_v)
    share = math.log(node_nm / below) / math.log(above / below)
    low, high = (supply_polynomial(*table[node], supply_v) for node in (below, above))
    return low + share * (high - low)
