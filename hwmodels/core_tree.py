"""Kinship of CPU cores: which class and family a core belongs to, and how many instructions it decodes per cycle.

A family is a lineage: Arm's wide cores descend from one another, those that its licensees design from nobody else's. Cores of a
class share the multipliers learnt from measured chips; a class without measurements takes those of its family. Wide cores are
faster than narrow ones on the same work, which is learnt across all of them. Decode widths are those of the public descriptions
of the cores.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from hwmodels.core_files import CORES


class CoreKin(NamedTuple):
    """Where a core stands."""

    core: str
    core_class: str  # empty for the cores that stand for a whole family
    family: str  # empty for the one that stands for all
    decode_width: int  # instructions per cycle


@cache
def core_tree() -> Mapping[str, CoreKin]:
    """Every CPU core of the catalogue.

    >>> core_tree()["cortex_a5"].core_class, core_tree()["cortex_a76"].decode_width
    ('cortex_a5', 4)
    """
    rows = csv.DictReader((CORES / "tree.csv").read_text(encoding="utf-8").splitlines())
    return {row["core"]: CoreKin(row["core"], row["class"], row["family"], int(row["decode_width"])) for row in rows}
