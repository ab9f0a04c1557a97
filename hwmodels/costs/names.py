"""Names of fitted factors in device files must be names of the model: a slip would otherwise change nothing, silently."""

from __future__ import annotations

from collections.abc import Iterable

from hwmodels.document import nearest
from hwmodels.errors import DeviceFileError


def check_names(path: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse the first name that the model does not know.

    >>> check_names("units.cpu.multipliers", ["gemm"], ["gemm", "winograd"])
    """
    names = tuple(known)
    for name in given:
        if name not in names:
            raise DeviceFileError(
                f"{path}: '{name}' is no term of the model; one of its {len(names)} is expected; {nearest(name, names)}"
            )
